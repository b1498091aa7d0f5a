"""The component's interface."""

import pytest
from tfx.types import standard_artifacts

from components.code_digest import code_digest
from components.pair_example_gen.component import PairExampleGen


def test_interface():
    component = PairExampleGen(data_config="{}", fingerprint="f")
    assert set(component.outputs) == {"images", "pairs"}
    assert {channel.type for channel in component.outputs.values()} == {standard_artifacts.Examples}
    assert component.exec_properties == {
        "data_config": "{}",
        "fingerprint": "f",
        "code_digest": code_digest("components.pair_example_gen.executor"),
        "kept_faces": "",
    }


def test_a_config_that_is_not_text_is_an_error():
    with pytest.raises(TypeError, match="data_config"):
        PairExampleGen(data_config={}, fingerprint="f")
