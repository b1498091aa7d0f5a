"""The definition for ``tfx pipeline create --engine=beam``: the graph itself is a Beam pipeline."""

from absl import logging
from tfx.orchestration.beam.beam_dag_runner import BeamDagRunner

from pipeline.config import load_config
from pipeline.definition import create_pipeline


def run() -> None:
    """Runs the pipeline of the config that ``FACEAUTH_CONFIG`` names."""
    config = load_config()
    config.root.mkdir(parents=True, exist_ok=True)
    BeamDagRunner().run(create_pipeline(config, metadata_path=config.metadata_path))


if __name__ == "__main__":
    logging.set_verbosity(logging.INFO)
    run()
