"""How two embeddings are compared: distances, PLDA, the learned sigmoid head."""

from typing import Literal

ComparisonName = Literal["euclidean", "cosine", "sigmoid", "plda"]
