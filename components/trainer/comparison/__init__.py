"""How two embeddings are compared: distances, PLDA, the learned sigmoid head."""
