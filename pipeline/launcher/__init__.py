"""What ``faceauth run`` does around the ``tfx`` command: one run, its display, its records."""
