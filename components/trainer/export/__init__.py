"""The exported model: embedder, signatures, records, warm-up requests."""
