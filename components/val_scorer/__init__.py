"""ValScorer: distances of the val pairs, on the val images and on aged copies of them."""
