"""The definition for ``tfx pipeline create --engine=local``: components one after another."""

from absl import logging
from tfx.orchestration.local.local_dag_runner import LocalDagRunner

from pipeline.config import load_config
from pipeline.definition import create_pipeline
from pipeline.owner import own_artifacts


def run() -> None:
    """Runs the pipeline of the config that ``FACEAUTH_CONFIG`` names."""
    config = load_config()
    config.root.mkdir(parents=True, exist_ok=True)
    own_artifacts(config)
    LocalDagRunner().run(create_pipeline(config, metadata_path=config.metadata_path))


if __name__ == "__main__":
    logging.set_verbosity(logging.INFO)
    run()
