"""What is fast, measured: ``make benchmark``."""
