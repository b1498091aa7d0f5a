"""Trainer: builds and fits the Siamese model, and exports it without a decision."""
