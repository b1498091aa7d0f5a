"""What builds and checks the project itself; not installed with it."""
