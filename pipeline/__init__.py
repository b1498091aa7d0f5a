"""The pipeline: one graph of components, one typed config, one thin runner an orchestrator."""
