"""Evaluator as a TFX component."""

from tfx.components.evaluator import component
from tfx.dsl.components.base import executor_spec

from components.evaluator.executor import Executor


class Evaluator(component.Evaluator):
    """As TFX's Evaluator, with ``blessing.json`` beside the blessing: what was missed, if anything.

    ``{"blessed": bool, "reasons": [...]}``; a reason has the fields of ``reasons.Reason`` and its
    sentence under ``text``.
    """

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)
