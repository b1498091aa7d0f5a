"""Evaluator: TFX's, which also leaves the reasons beside its blessing."""
