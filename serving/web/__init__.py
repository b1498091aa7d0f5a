"""A page to enrol and authenticate with photos or a webcam: ``python -m serving.web``."""
