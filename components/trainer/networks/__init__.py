"""The networks that embed a face: small ones from scratch, and those that others trained."""
