"""A config over a few drawn faces, for tests that define pipelines without running them."""

from pathlib import Path
from typing import Any

import pytest

from data import synthetic


def tree_in(folder: Path) -> dict[str, Any]:
    """What a config file would hold; its data set is drawn in a folder."""
    faces = folder / "faces"
    synthetic.generate(faces, identities=6, images_per_identity=2, size=32, seed=3, workers=1)
    return {
        "name": "faces",
        "runs_dir": str(folder / "runs"),
        "data": {
            "align": "none",
            "images": str(faces),
            "image_list": str(faces / "images.csv"),
            # Two persons fall into each split.
            "shares": {"train": 0.34, "val": 0.33, "test": 0.33},
            "seed": 14,
        },
        "serving": {"base_dir": str(folder / "models")},
    }


@pytest.fixture
def tree(tmp_path: Path) -> dict[str, Any]:
    """A tree of the test's own, to change."""
    return tree_in(tmp_path)


@pytest.fixture(scope="module")
def shared_tree(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One for the tests of a module, to read."""
    return tree_in(tmp_path_factory.mktemp("shared"))
