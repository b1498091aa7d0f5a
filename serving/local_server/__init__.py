"""A small server of TensorFlow Serving's API for a laptop, a test or CI. Not for production.

``python -m serving.local_server --model_base_path serving/models/faceauth`` starts it;
``serving.local_server.server.running`` starts it inside a process. README.md says what it does.
"""
