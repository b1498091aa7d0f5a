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
        "attribute_drift": ExecutionParameter(type=float),
        "served_photos": ExecutionParameter(type=str, optional=True),
        "served_days": ExecutionParameter(type=int, optional=True),
        "served_digest": ExecutionParameter(type=str, optional=True),
        "code_digest": ExecutionParameter(type=str),
    }
    INPUTS = {
        "anomalies": ChannelParameter(type=standard_artifacts.ExampleAnomalies),
        "statistics": ChannelParameter(type=standard_artifacts.ExampleStatistics),
        "schema": ChannelParameter(type=standard_artifacts.Schema),
        "baseline_statistics": ChannelParameter(
            type=standard_artifacts.ExampleStatistics, optional=True
        ),
    }
    OUTPUTS = {"verdict": ChannelParameter(type=DataVerdict)}


class AnomalyGate(base_component.BaseComponent):
    """Stops a run on what ExampleValidator found, on drift, and on what is unlike what is served.

    ExampleValidator itself only writes its findings down, and finds nothing at all in an empty
    split. Components that must not see bad data come after this one: ``add_upstream_node``.
    """

    SPEC_CLASS = AnomalyGateSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        anomalies: types.BaseChannel,
        statistics: types.BaseChannel,
        schema: types.BaseChannel,
        allowed_new_columns: str,
        min_examples: int,
        stop: bool,
        attribute_drift: float,
        baseline_statistics: types.BaseChannel | None = None,
        served_photos: str | None = None,
        served_days: int | None = None,
        served_digest: str | None = None,
    ) -> None:
        """Builds the component.

        Args:
          anomalies: What ExampleValidator wrote.
          statistics: What StatisticsGen wrote of the same examples.
          schema: Its drift comparators bound what numbers may change.
          allowed_new_columns: JSON list of features that the schema need not have: the attributes
            of the data set.
          min_examples: The fewest examples that each split must have.
          stop: Whether to stop the run; False only reports.
          attribute_drift: How far the share of an attribute's value may move.
          baseline_statistics: Those of the data of the last blessed model; optional.
          served_photos: The file that tells of photos that were served, see
            ``serving.served_photos``; optional.
          served_days: So many of its last days count; None takes all.
          served_digest: Of its content, for the cache.
        """
        super().__init__(
            spec=AnomalyGateSpec(
                anomalies=anomalies,
                statistics=statistics,
                schema=schema,
                baseline_statistics=baseline_statistics,
                allowed_new_columns=allowed_new_columns,
                min_examples=min_examples,
                stop=int(stop),
                attribute_drift=attribute_drift,
                served_photos=served_photos,
                served_days=served_days,
                served_digest=served_digest,
                code_digest=code_digest(executor.__name__),
                verdict=channel_utils.as_channel([DataVerdict()]),
            )
        )
