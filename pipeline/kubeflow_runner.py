"""Compiles the pipeline to a Kubeflow Pipelines v2 spec: ``faceauth kubeflow``.

The config's section ``kubeflow`` (or ``FACEAUTH__KUBEFLOW__IMAGE`` and so on) has to give:

* ``image``: a container image with this package and its lock file, for every step (``make image``).
* ``pipeline_root``: a folder on a volume that every pod mounts. Our components open plain paths, so
  a bucket has to be mounted (Vertex AI shows each one below ``/gcs``, Cloud Storage FUSE does the
  same on GKE); ``gs://`` itself does not do. A spec does not say which volumes to mount: set it for
  the namespace (PodDefaults), or on the tasks with kfp-kubernetes.
* ``baseline`` (optional): the folder of the Model artifact to compare with. A spec cannot ask ML
  Metadata for the last blessed one; without ``baseline``, no bound on change is applied.

``data.images``, the lists and ``serving.base_dir`` must lie on such a volume too. Defining the
pipeline reads the data for its fingerprint, and the spec holds the paths of the schemas: so compile
inside the image, with the volume mounted where the pods mount it.
"""

import argparse
from pathlib import Path

from absl import logging
from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner as kubeflow

from pipeline.config import ConfigError, PipelineConfig, load_config
from pipeline.definition import create_pipeline


def compile_pipeline(config: PipelineConfig) -> Path:
    """Writes the spec into the folder of the config's runs and returns its path.

    Raises:
      ConfigError: The config has no section ``kubeflow``.
    """
    if config.kubeflow is None:
        raise ConfigError(
            "the config has no section kubeflow; give kubeflow.image and kubeflow.pipeline_root, "
            "or set FACEAUTH__KUBEFLOW__IMAGE and FACEAUTH__KUBEFLOW__PIPELINE_ROOT"
        )
    if config.serving.check == "infra_validator":
        raise ConfigError(
            "serving.check is infra_validator, which TFX cannot compile for Kubeflow; set it to "
            "local, or to none"
        )
    pipeline = create_pipeline(
        config,
        pipeline_root=config.kubeflow.pipeline_root,
        baseline_uri=config.kubeflow.baseline,
        resolve_baseline=False,
    )
    target = config.root / "kubeflow.yaml"
    # Schema 2.1 is the one that Kubeflow's own SDK writes.
    settings = kubeflow.KubeflowV2DagRunnerConfig(
        default_image=config.kubeflow.image, use_pipeline_spec_2_1=True
    )
    kubeflow.KubeflowV2DagRunner(settings, str(target.parent), target.name).run(pipeline)
    return target


def run(given: argparse.Namespace) -> int:
    """Compiles the config and says where the spec is."""
    logging.set_verbosity(logging.WARNING)
    print(compile_pipeline(load_config(given.config)))
    return 0
