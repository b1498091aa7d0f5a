"""Compiles the pipeline to a Kubeflow Pipelines v2 spec: ``faceauth kubeflow``.

The config's section ``kubeflow`` says where it runs: image, bucket, resources, retries. Defining
the pipeline reads the data for its fingerprint, and the spec holds the paths of data, lists and
schemas: so compile inside the image, with the bucket mounted below ``/gcs`` as the pods have it.

The data's folder, epochs and thresholds are parameters of the spec, for those who submit it
(``kubeflow_parameters``).

A spec cannot ask ML Metadata for the last blessed model; without ``kubeflow.baseline``, no bound on
change is applied.
"""

import argparse
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

import yaml
from absl import logging
from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner as kubeflow

from components.storage import is_address
from pipeline.buckets import BUCKETS, BUCKETS_VARIABLE, address_of, bucket_of, folder, mounted
from pipeline.config import ConfigError, KubeflowConfig, PipelineConfig, load_config
from pipeline.definition import create_pipeline
from pipeline.kubeflow_parameters import add_parameters
from serving.whole_file import whole_file

# Its driver, which knows what is served, is not in a spec; to push a model again does nothing.
_PUSHER: Final = "Pusher"


def compile_pipeline(config: PipelineConfig) -> Path:
    """Writes the spec into the folder of the config's runs and returns its path.

    Raises:
      ConfigError: The config has no section ``kubeflow``, or what Kubeflow cannot run.
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
    if config.kubeflow.volume_claim and folder() == BUCKETS:
        raise ConfigError(
            f"kubeflow.volume_claim is {config.kubeflow.volume_claim!r}, and buckets are mounted "
            f"below {BUCKETS}, where Kubeflow's launcher has a volume of its own; set "
            f"{BUCKETS_VARIABLE} to another folder, such as /buckets, and compile again"
        )
    # Kubeflow takes small letters, digits and hyphens; a config's name may have underscores.
    named = config.model_copy(update={"name": config.name.replace("_", "-")})
    pipeline = create_pipeline(
        named,
        pipeline_root=config.kubeflow.pipeline_root.rstrip("/"),
        baseline_uri=config.kubeflow.baseline,
        resolve_baseline=False,
    )
    target = config.root / "kubeflow.yaml"
    # Schema 2.1 is the one that Kubeflow's own SDK writes.
    settings = kubeflow.KubeflowV2DagRunnerConfig(
        default_image=config.kubeflow.image, use_pipeline_spec_2_1=True
    )
    kubeflow.KubeflowV2DagRunner(settings, str(target.parent), target.name).run(pipeline)
    spec = yaml.safe_load(target.read_text(encoding="utf-8"))
    never_cached = {_PUSHER}
    if config.validation.served_photos:
        # What has been served since, no key of the cache tells.
        never_cached.add("AnomalyGate-images")
    _complete(spec, config.kubeflow, never_cached)
    add_parameters(spec, named)
    documents = [spec, *_platforms(spec, config.kubeflow)]
    with whole_file(target) as path:
        path.write_text(yaml.safe_dump_all(documents, sort_keys=False), encoding="utf-8")
    return target


def _complete(spec: dict[str, Any], wanted: KubeflowConfig, never_cached: Collection[str]) -> None:
    """Adds what TFX leaves out of a spec.

    Raises:
      ConfigError: Resources are asked for a component that there is not.
    """
    spec["defaultPipelineRoot"] = wanted.pipeline_root
    tasks, executors = spec["root"]["dag"]["tasks"], spec["deploymentSpec"]["executors"]
    unknown = sorted(set(wanted.resources) - set(tasks) - {"default"})
    if unknown:
        raise ConfigError(
            f"kubeflow.resources.{unknown[0]}: there is no such component; give default, or one of "
            f"{', '.join(sorted(tasks))}"
        )
    for component, task in tasks.items():
        task["cachingOptions"] = {"enableCache": wanted.cache and component not in never_cached}
        label = spec["components"][component]["executorLabel"]
        container = executors[label].get("container")
        if container is None:
            continue  # An importer runs no container.
        if wanted.retries:
            task["retryPolicy"] = {
                "maxRetryCount": wanted.retries,
                "backoffDuration": "60s",
                "backoffFactor": 2.0,
                "backoffMaxDuration": "3600s",
            }
        container["command"] = ["python", "-m", "pipeline.kubeflow_container"]
        if folder() != BUCKETS:
            # The spec has paths below it.
            container["env"] = [{"name": BUCKETS_VARIABLE, "value": folder()}]
        asked = wanted.resources.get(component, wanted.resources.get("default"))
        if asked is not None:
            container["resources"] = asked.as_spec()


def _platforms(spec: dict[str, Any], wanted: KubeflowConfig) -> list[dict[str, Any]]:
    """What Kubernetes is asked for, as a document behind the spec; none without a claim."""
    if wanted.volume_claim is None:
        return []
    executors = {
        label: {
            "pvcMount": [
                {
                    "constant": wanted.volume_claim,
                    "mountPath": mounted(bucket_of(wanted.pipeline_root)),
                }
            ],
            # GKE's driver of Cloud Storage FUSE asks for it; nobody else looks at it.
            "podMetadata": {"annotations": {"gke-gcsfuse/volumes": "true"}},
        }
        for label, executor in spec["deploymentSpec"]["executors"].items()
        if "container" in executor
    }
    return [{"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}]


def run(given: argparse.Namespace) -> int:
    """Compiles the config and says where the spec is."""
    logging.set_verbosity(logging.WARNING)
    config = load_config(given.config)
    print(compile_pipeline(config))
    for key, path in (("images", config.data.images), ("image_list", config.data.image_list)):
        if path and not is_address(path) and address_of(path) == path:
            print(f"note: data.{key} is {path}, and pods have to have it under this path")
    return 0
