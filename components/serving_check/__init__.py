"""ServingCheck: serves the candidate in a process of its own before it is pushed."""
