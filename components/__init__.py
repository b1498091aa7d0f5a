"""The components of the pipeline: what knows about pairs of faces. Each folder is one TFX component."""
