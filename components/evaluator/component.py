"""Evaluator as a TFX component."""

from typing import Any

from tensorflow_model_analysis.proto.config_pb2 import EvalConfig
from tfx.components.evaluator import component
from tfx.dsl.components.base import executor_spec

from components.code_digest import code_digest
from components.evaluator.executor import Executor


class Evaluator(component.Evaluator):
    """As TFX's Evaluator, with ``blessing.json`` beside the blessing: what was missed, if anything.

    ``{"blessed": bool, "reasons": [...]}``; a reason has the fields of ``reasons.Reason`` and its
    sentence under ``text``.

    Args:
      eval_config: Its metrics may be of the project.
      module_path: Module with ``custom_extractors``.
      **inputs: As TFX's.
    """

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(self, eval_config: EvalConfig, module_path: str, **inputs: Any):
        super().__init__(eval_config=eval_config, module_path=module_path, **inputs)
        metrics = {
            metric.module
            for spec in eval_config.metrics_specs
            for metric in spec.metrics
            if metric.module
        }
        # For the cache; TFX's executor passes over it.
        self.exec_properties["code_digest"] = code_digest(
            Executor.__module__, module_path, *sorted(metrics)
        )
