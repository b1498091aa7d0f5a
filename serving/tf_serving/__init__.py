"""TensorFlow Serving in containers: its configuration, and the labels of the versions."""
