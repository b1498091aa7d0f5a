"""AnomalyGate as a TFX component."""

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import channel_utils, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ExecutionParameter

from components.anomaly_gate import executor
from components.code_digest import code_digest


class DataVerdict(types.Artifact):
    """Whether data may be used: a folder with ``verdict.json``."""

    # Kubeflow finds the class again by this name: see components/__init__.py.
    TYPE_NAME = "components.DataVerdict"


class AnomalyGateSpec(types.ComponentSpec):
    """The interface of ``AnomalyGate``."""

    PARAMETERS = {
        "allowed_new_columns": ExecutionParameter(type=str),
        "min_examples": ExecutionParameter(type=int),
        "stop": ExecutionParameter(type=int),
        "code_digest": ExecutionParameter(type=str),
    }
    INPUTS = {
        "anomalies": ChannelParameter(type=standard_artifacts.ExampleAnomalies),
        "statistics": ChannelParameter(type=standard_artifacts.ExampleStatistics),
    }
    OUTPUTS = {"verdict": ChannelParameter(type=DataVerdict)}


class AnomalyGate(base_component.BaseComponent):
    """Stops a run on what ExampleValidator found.

    ExampleValidator itself only writes its findings down, and finds nothing at all in an empty
    split. Components that must not see bad data come after this one: ``add_upstream_node``.
    """

    SPEC_CLASS = AnomalyGateSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        anomalies: types.BaseChannel,
        statistics: types.BaseChannel,
        allowed_new_columns: str,
        min_examples: int,
        stop: bool,
    ) -> None:
        """Builds the component.

        Args:
          anomalies: What ExampleValidator wrote.
          statistics: What StatisticsGen wrote of the same examples.
          allowed_new_columns: JSON list of features that the schema need not have: the attributes
            of the data set.
          min_examples: The fewest examples that each split must have.
          stop: Whether to stop the run; False only reports.
        """
        super().__init__(
            spec=AnomalyGateSpec(
                anomalies=anomalies,
                statistics=statistics,
                allowed_new_columns=allowed_new_columns,
                min_examples=min_examples,
                stop=int(stop),
                code_digest=code_digest(executor.__name__),
                verdict=channel_utils.as_channel([DataVerdict()]),
            )
        )
