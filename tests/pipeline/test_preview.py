"""The preview: which pairs, what is drawn, where it is written."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from components.pair_example_gen.config import DataConfig
from components.trainer.config import AugmentationConfig, TrainingConfig
from components.transform.config import ImageConfig
from pipeline import preview
from pipeline.config import PipelineConfig
from pipeline.faceauth import main

OFF = AugmentationConfig(
    flip=False, rotation=0, zoom=0, aspect=0, shift=0, gamma=0, shading=0, cutout=0, brightness=0.5
)


@pytest.fixture
def config(tmp_path: Path) -> PipelineConfig:
    """Nine people, each of one grey; the fourth image of each is no image."""
    for person in range(9):
        folder = tmp_path / "faces" / f"p{person}"
        folder.mkdir(parents=True)
        for image in range(3):
            Image.new("L", (16, 16), 40 + 20 * person).save(folder / f"{image}.png")
        (folder / "3.png").write_text("not an image")
    return PipelineConfig(
        name="look",
        runs_dir=str(tmp_path / "runs"),
        data=DataConfig(align="none", images=str(tmp_path / "faces")),
        image=ImageConfig(size=16, channels=1),
        training=TrainingConfig(input_size=8, augmentation=OFF),
    )


def test_pairs_are_train_pairs_of_usable_images(config: PipelineConfig) -> None:
    pairs = preview.train_pairs(config, 3)
    assert [label for label, _, _ in pairs] == [1, 1, 1, 0, 0, 0]
    for label, *files in pairs:
        first, second = map(Path, files)
        assert (first.parent == second.parent) == bool(label)
        assert first != second
        assert "3.png" not in (first.name, second.name)


def test_the_first_version_is_the_image_and_the_others_are_augmented(
    config: PipelineConfig,
) -> None:
    file = f"{config.data.images}/p2/0.png"
    versions = preview.augmented(config, [file, file])
    assert versions.shape == (6, 2, 8, 8, 1)
    assert (versions[0] == 80).all()
    # Brightness adds one value, of up to half of full scale, to each image by itself.
    added = versions[1:, :, 0, 0, 0].astype(int) - 80
    assert (versions[1:] == versions[1:, :, :1, :1]).all()
    assert len(np.unique(added)) > 5
    assert np.abs(added).max() <= 128


def test_both_of_a_pair_change_alike_when_the_config_says_so(config: PipelineConfig) -> None:
    alike = OFF.model_copy(update={"same_for_pair": True})
    training = config.training.model_copy(update={"augmentation": alike})
    file = f"{config.data.images}/p2/0.png"
    versions = preview.augmented(config.model_copy(update={"training": training}), [file, file])
    np.testing.assert_array_equal(versions[:, 0], versions[:, 1])


def test_the_sheet_has_a_row_a_pair(config: PipelineConfig) -> None:
    pictures = np.zeros((6, 4, 8, 8, 3), np.uint8)
    pictures[0, 2] = 200  # the prepared second image of the first pair
    sheet = preview.contact_sheet([1, 0], pictures)
    half = 6 * (preview.SIDE + preview.GAP)
    assert sheet.size == (
        preview.LABELS + 2 * half + preview.BREAK,
        preview.TITLE + 2 * (preview.SIDE + preview.GAP) + preview.BREAK,
    )
    second = preview.LABELS + half + preview.BREAK + 10
    assert sheet.getpixel((second, preview.TITLE + 10)) == (200, 200, 200)
    assert sheet.getpixel((preview.LABELS + 10, preview.TITLE + 10)) == (0, 0, 0)


def test_it_is_written_beside_the_runs(
    config: PipelineConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    yaml = tmp_path / "look.yaml"
    yaml.write_text(
        f"name: look\nruns_dir: {tmp_path}/runs\n"
        f"data: {{align: none, images: {config.data.images}}}\n"
        "image: {size: 16}\n"
    )
    assert main(["preview", "--config", str(yaml)]) == 0
    path = tmp_path / "runs" / "look" / "preview.png"
    assert capsys.readouterr().out.strip() == str(path)
    # Four same and four different pairs of whole rows.
    assert Image.open(path).height == preview.TITLE + 8 * (preview.SIDE + preview.GAP) + (
        preview.BREAK
    )


def test_a_data_set_that_is_not_there_is_an_error_and_no_trace(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    yaml = tmp_path / "none.yaml"
    yaml.write_text(f"name: none\ndata: {{images: {tmp_path}/nowhere}}\n")
    assert main(["preview", "--config", str(yaml)]) == 2
    assert "nowhere" in capsys.readouterr().err
