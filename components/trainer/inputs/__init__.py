"""What a step of training sees: arrays, samplers, batches, augmentation."""
