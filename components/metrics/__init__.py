"""Verification metrics: pure NumPy functions, and the same as TFMA metrics."""
