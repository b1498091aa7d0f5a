"""A config over a few drawn faces, for tests that define pipelines without running them."""

from pathlib import Path
from typing import Any

import pytest

from data import synthetic


@pytest.fixture
def tree(tmp_path: Path) -> dict[str, Any]:
    """What a config file would hold; its data set is there."""
    faces = tmp_path / "faces"
    synthetic.generate(faces, identities=6, images_per_identity=2, size=32, seed=3, workers=1)
    return {
        "name": "faces",
        "runs_dir": str(tmp_path / "runs"),
        "data": {
            "align": "none",
            "images": str(faces),
            "image_list": str(faces / "images.csv"),
            # Two persons fall into each split.
            "shares": {"train": 0.34, "val": 0.33, "test": 0.33},
            "seed": 14,
        },
        "serving": {"base_dir": str(tmp_path / "models")},
    }
