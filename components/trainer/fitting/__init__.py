"""Fitting: the model, its objective, the loop over epochs, and what looks at them."""
