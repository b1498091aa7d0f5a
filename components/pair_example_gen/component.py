"""PairExampleGen as a TFX component."""

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import channel_utils, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ExecutionParameter

from components.code_digest import code_digest
from components.pair_example_gen import executor


class PairExampleGenSpec(types.ComponentSpec):
    """The interface of ``PairExampleGen``."""

    PARAMETERS = {
        "data_config": ExecutionParameter(type=str),
        "fingerprint": ExecutionParameter(type=str),
        "code_digest": ExecutionParameter(type=str),
        "kept_faces": ExecutionParameter(type=str),
    }
    INPUTS = {}
    OUTPUTS = {
        "images": ChannelParameter(type=standard_artifacts.Examples),
        "pairs": ChannelParameter(type=standard_artifacts.Examples),
    }


class PairExampleGen(base_beam_component.BaseBeamComponent):
    """Reads faces from disk and makes two Examples artifacts, with splits train, val and test.

    ``images`` holds each image once, as it is on disk; ``pairs`` holds two image ids and a label a
    row, and no pixels. The splits are disjoint by identity. Feature keys are in
    ``components.features``; each attribute of the data set is a feature of its own name in both.

    Beside the splits' folders lie ``summary.json`` (counts) and, in ``images``, ``quarantine.csv``
    (images that cannot be used, and why).
    """

    SPEC_CLASS = PairExampleGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(self, data_config: str, fingerprint: str, kept_faces: str = "") -> None:
        """Builds the component.

        Args:
          data_config: A ``DataConfig`` as JSON.
          fingerprint: ``digest.fingerprint`` of it: TFX's cache sees the config, and not the
            contents of the files it names.
          kept_faces: A folder that keeps aligned faces from one run to the next; none if empty.
        """
        super().__init__(
            spec=PairExampleGenSpec(
                data_config=data_config,
                fingerprint=fingerprint,
                code_digest=code_digest(executor.__name__),
                kept_faces=kept_faces,
                images=channel_utils.as_channel([standard_artifacts.Examples()]),
                pairs=channel_utils.as_channel([standard_artifacts.Examples()]),
            )
        )
