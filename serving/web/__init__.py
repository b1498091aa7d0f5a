"""A page to enrol and authenticate with photos or a webcam: ``faceauth page``."""
