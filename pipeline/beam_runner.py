"""The definition for ``tfx pipeline create --engine=beam``: the graph itself is a Beam pipeline."""

from absl import logging
from apache_beam.options.pipeline_options import StandardOptions
from tfx.orchestration.beam.beam_dag_runner import BeamDagRunner

from components.local_beam import IN_PROCESS_RUNNER
from pipeline.config import load_config
from pipeline.definition import create_pipeline
from pipeline.owner import own_artifacts


def run() -> None:
    """Runs the pipeline of the config that ``FACEAUTH_CONFIG`` names."""
    config = load_config()
    config.root.mkdir(parents=True, exist_ok=True)
    own_artifacts(config)
    # TFX makes the graph's own Beam pipeline without options.
    StandardOptions.DEFAULT_RUNNER = IN_PROCESS_RUNNER
    BeamDagRunner().run(create_pipeline(config, metadata_path=config.metadata_path))


if __name__ == "__main__":
    logging.set_verbosity(logging.INFO)
    run()
