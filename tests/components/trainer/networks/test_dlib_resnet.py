"""dlib's face network in Keras: against NumPy on a tiny one, against dlib on the real one."""

import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from dlib_format import SIDE, TinyNetwork, affine, convolution, plain

from components.trainer.networks.backbones import unfreeze
from components.trainer.networks.build import build_network, embed_pixels
from components.trainer.networks.config import NetworkConfig
from components.trainer.networks.dlib_file import DlibFormatError
from components.trainer.networks.dlib_resnet import AddPadded, build_dlib_resnet
from components.trainer.networks.dlib_weights import FILE, PACKAGE, network_file


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> tuple[TinyNetwork, Path]:
    network = TinyNetwork()
    return network, network.write(tmp_path_factory.mktemp("dlib") / "tiny.dat")


def pixels(channels: int = 3, count: int = 3, side: int = SIDE) -> np.ndarray:
    shape = (count, side, side, channels)
    return np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)


def test_zeros_stand_in_at_the_end_of_the_smaller_map():
    a, b = np.ones((1, 1, 2, 1), np.float32), 2 * np.ones((1, 2, 1, 2), np.float32)
    found = np.asarray(AddPadded()([a, b]))
    np.testing.assert_array_equal(found, [[[[3, 2], [1, 0]], [[2, 2], [0, 0]]]])
    assert AddPadded().compute_output_shape([a.shape, b.shape]) == (None, 2, 2, 2)


@pytest.mark.parametrize("channels", [1, 3])
def test_it_gives_what_the_layers_of_the_file_give(tiny, channels):
    network, path = tiny
    model = build_network(
        NetworkConfig(name="dlib_resnet", weights=str(path)), (SIDE, SIDE, channels)
    )
    seen = pixels(channels)
    found = np.asarray(model(seen, training=False))
    rgb = seen if channels == 3 else seen.repeat(3, axis=-1)
    np.testing.assert_allclose(found, network.embed(rgb), rtol=1e-4, atol=1e-5)
    assert model.count_params() == sum(
        kernel.size + bias.size
        for kernel, bias, *_ in [network.stem, *(each for pair in network.blocks for each in pair)]
    ) + (network.matrix.size)


def test_frozen_it_has_nothing_to_fit_and_from_a_block_on_what_follows_it(tiny):
    config = NetworkConfig(name="dlib_resnet", weights=str(tiny[1]))
    model = build_network(config, (SIDE, SIDE, 3))
    assert model.trainable_weights == []
    # Two convolutions with their biases, and the matrix.
    assert unfreeze(model, "block2") == 6 * 4 * 9 + 6 + 6 * 6 * 9 + 6 + 6 * 5
    with pytest.raises(ValueError, match=r"'block3'.*its blocks are .*stem, block1, block2"):
        unfreeze(model, "block3")


def test_faces_of_another_size_are_refused_with_both_sizes(tiny):
    config = NetworkConfig(name="dlib_resnet", weights=str(tiny[1]))
    with pytest.raises(ValueError, match=r"faces of 39 x 39 px, and the images are 64 x 64"):
        build_network(config, (64, 64, 3))


def test_layers_that_are_no_residual_network_are_refused_where_they_stand(tmp_path):
    network = TinyNetwork()
    del network.parts[10]  # add_prev_ of the first block
    path = network.write(tmp_path / "none.dat")
    with pytest.raises(DlibFormatError) as caught:
        build_dlib_resnet(path)
    assert f"{path}, offset {network.offset(10)}: expected AddPrevious, found Relu" in str(
        caught.value
    )


def test_a_convolution_for_other_channels_is_refused(tmp_path):
    network = TinyNetwork()
    kernel, bias, gamma, beta = network.blocks[1][1]
    network.parts[5:8] = [convolution(kernel, bias, 1, 1), affine(gamma, beta), plain("relu_")]
    with pytest.raises(DlibFormatError, match=r"4 channels and 6 factors in block1_conv1 \(6"):
        build_dlib_resnet(network.write(tmp_path / "channels.dat"))


def test_the_views_of_an_image_are_averaged(tiny):
    options = {"name": "dlib_resnet", "weights": str(tiny[1]), "normalize": False}
    config = NetworkConfig(**options, mirror=True, zoom=0.1)
    model = build_network(config, (SIDE, SIDE, 3))
    seen = pixels()
    edge = 4  # a tenth of 39
    # Enlarged 31 to 39 by hand: pixel i lies at (i + 0.5) * 31 / 39 - 0.5, edges held.
    inner = seen[:, edge : SIDE - edge, edge : SIDE - edge].astype(np.float64)
    place = np.clip((np.arange(SIDE) + 0.5) * 31 / SIDE - 0.5, 0, 30)
    low = np.minimum(np.floor(place).astype(int), 29)
    weight = (place - low)[:, None]
    rows = inner[:, low] * (1 - weight)[None, :, None] + inner[:, low + 1] * weight[None, :, None]
    zoomed = rows[:, :, low] * (1 - weight) + rows[:, :, low + 1] * weight
    four = [seen, zoomed, seen[:, :, ::-1], zoomed[:, :, ::-1]]
    expected = np.mean([tiny[0].embed(np.round(each)) for each in four], axis=0)
    found = np.asarray(embed_pixels(model, seen, config))
    # Rounding to whole greys may fall to the other side.
    np.testing.assert_allclose(found, expected, atol=2e-3)
    unit = np.asarray(embed_pixels(model, seen, config.model_copy(update={"normalize": True})))
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, rtol=1e-6)


def test_it_is_saved_and_read_again_by_keras(tiny, tmp_path):
    model, _ = build_dlib_resnet(tiny[1])
    model.save(tmp_path / "resnet.keras")
    again = keras.saving.load_model(tmp_path / "resnet.keras")
    seen = pixels().astype(np.float32) / 256
    np.testing.assert_array_equal(again(seen, training=False), model(seen, training=False))


def test_without_the_package_the_remedy_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, PACKAGE, raising=False)
    with pytest.raises(FileNotFoundError, match=r"not installed.*pip install 'faceauth\[faces\]'"):
        network_file(None)
    with pytest.raises(FileNotFoundError, match=r"weights is '/nowhere/net.dat'.*no such file"):
        network_file("/nowhere/net.dat")


def test_the_package_is_found_without_being_imported(monkeypatch, tmp_path):
    folder = tmp_path / PACKAGE
    (folder / "models").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('imported')\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, PACKAGE, raising=False)
    with pytest.raises(FileNotFoundError, match=f"is installed without models/{FILE}"):
        network_file(None)
    (folder / "models" / FILE).touch()
    assert network_file(None) == folder / "models" / FILE
    assert network_file(PACKAGE) == folder / "models" / FILE


def real_file() -> Path:
    try:
        return network_file(None)
    except FileNotFoundError as error:
        pytest.skip(str(error))


def drawn_faces(count: int) -> np.ndarray:
    """Ovals with eyes and a mouth on noise: enough for all parts of the network to answer."""
    random = np.random.default_rng(5)
    y, x = np.mgrid[:150, :150]
    faces = random.integers(0, 256, (count, 150, 150, 3)).astype(float)
    for face in faces:
        skin, dark = random.integers(90, 240, 3), random.integers(0, 90, 3)
        face[((x - 75) / 52) ** 2 + ((y - 78) / 66) ** 2 < 1] = skin
        for left in (50, 100):
            face[((x - left) / 9) ** 2 + ((y - 62) / 5) ** 2 < 1] = dark
        face[((x - 75) / 22) ** 2 + ((y - 112) / 6) ** 2 < 1] = dark
    return faces.astype(np.uint8)


def test_it_gives_what_dlib_gives():
    dlib = pytest.importorskip("dlib", reason="dlib-bin, the reference, is not installed")
    path = real_file()
    model = build_network(NetworkConfig(name="dlib_resnet"), (150, 150, 3))
    faces = drawn_faces(8)
    reference = dlib.face_recognition_model_v1(str(path))
    expected = np.array([np.array(reference.compute_face_descriptor(face)) for face in faces])
    found = np.asarray(model(faces, training=False))
    assert np.abs(found - expected).max() < 1e-4
    assert found.shape == (8, 128)
    # 29 convolutions with the shortcuts' pools left out, and the matrix: 5.6 M parameters.
    assert model.count_params() == 5_607_488
