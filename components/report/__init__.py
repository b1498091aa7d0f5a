"""Report: what a run came to, for people."""
