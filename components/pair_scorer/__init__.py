"""PairScorer: embeds every distinct image once, then joins embeddings to pairs."""
