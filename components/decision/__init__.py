"""Decision: chooses threshold and slope from val pairs, and puts them into the trained model."""
