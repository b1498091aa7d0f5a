"""Trainer: builds and fits the Siamese model, calibrates its decision, exports the SavedModel."""
