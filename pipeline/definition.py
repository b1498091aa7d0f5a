"""The whole pipeline on one screen."""

import hashlib
import json
from pathlib import Path
from typing import Any

from tfx.components import (
    ExampleValidator,
    InfraValidator,
    StatisticsGen,
    Transform,
)
from tfx.components.schema_gen.import_schema_gen.component import ImportSchemaGen
from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.common.importer import Importer
from tfx.dsl.components.common.resolver import Resolver
from tfx.orchestration import metadata
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import infra_validator_pb2, pusher_pb2, transform_pb2
from tfx.types import Channel, standard_artifacts
from tfx.utils import kube_utils

import schemas
from components import features
from components.anomaly_gate.component import AnomalyGate
from components.code_digest import code_digest
from components.decision.component import Decision
from components.evaluator.component import Evaluator
from components.local_beam import IN_PROCESS_RUNNER
from components.pair_example_gen.component import PairExampleGen
from components.pair_example_gen.digest import fingerprint
from components.pair_example_gen.sources import attribute_names
from components.pair_scorer.component import PairScorer
from components.pusher.component import Pusher
from components.report.component import Report
from components.serving_check.component import ServingCheck
from components.trainer.component import SiameseTrainer, SiameseTuner
from components.val_scorer.component import ValScorer
from pipeline.baseline import BlessedBeforeStrategy
from pipeline.config import PipelineConfig
from pipeline.evaluation import build_eval_config

_LOCAL_BEAM = [
    f"--runner={IN_PROCESS_RUNNER}",
    # Beam would otherwise build a source distribution of tfx for workers that are not remote.
    "--sdk_container_image=local",
]


def _file_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def _serving_spec(config: PipelineConfig) -> infra_validator_pb2.ServingSpec:
    """The TensorFlow Serving that InfraValidator tries the candidate on."""
    spec = infra_validator_pb2.ServingSpec(
        tensorflow_serving=infra_validator_pb2.TensorFlowServing(
            tags=[config.serving.tf_serving_tag]
        ),
        model_name=config.serving.model_name,
    )
    # TFX starts it as a pod only from a pod of Kubeflow's. The message chosen is empty.
    (spec.kubernetes if kube_utils.is_inside_kfp() else spec.local_docker).SetInParent()
    return spec


def create_pipeline(
    config: PipelineConfig,
    metadata_path: Path | None = None,
    pipeline_root: str | None = None,
    baseline_uri: str | None = None,
    resolve_baseline: bool = True,
) -> Pipeline:
    """The graph of components, for any orchestrator.

    Args:
      config: All that a run depends on.
      metadata_path: SQLite file of ML Metadata; None where the orchestrator has its own.
      pipeline_root: Where artifacts go; None takes the config's folder.
      baseline_uri: Folder of the Model artifact to compare with, where the orchestrator cannot look
        up the last blessed one.
      resolve_baseline: Look up the last blessed model in ML Metadata.
    """
    columns = attribute_names(config.data)
    nodes: list[BaseNode] = []

    def add(node: Any, name: str | None = None) -> Any:
        # No dots: on Kubeflow, the id names a task of Argo, which takes letters, digits and "-".
        nodes.append(node.with_id(name) if name else node)
        return node

    faces = add(
        PairExampleGen(
            data_config=config.data.model_dump_json(),
            fingerprint=fingerprint(config.data),
            code_digest=code_digest(
                "pair_example_gen",
                "features",
                "section",
                *(() if config.data.align == "none" else ("faces",)),
            ),
            kept_faces=f"{pipeline_root or config.root}/aligned_faces",
        )
    )
    schema = {}
    statistics = {}
    gates = {}
    for kind in ("images", "pairs"):
        statistics[kind] = add(StatisticsGen(examples=faces.outputs[kind]), f"StatisticsGen-{kind}")
        schema[kind] = add(ImportSchemaGen(str(schemas.path(kind))), f"ImportSchemaGen-{kind}")
        # For the cache, which sees the path alone. The executor passes over it.
        schema[kind].exec_properties["digest"] = _file_digest(schemas.path(kind))
        anomalies = add(
            ExampleValidator(
                statistics=statistics[kind].outputs["statistics"],
                schema=schema[kind].outputs["schema"],
            ),
            f"ExampleValidator-{kind}",
        )
        gates[kind] = add(
            AnomalyGate(
                anomalies=anomalies.outputs["anomalies"],
                statistics=statistics[kind].outputs["statistics"],
                allowed_new_columns=json.dumps(columns),
                min_examples=config.validation.min_examples,
                stop=config.validation.stop_on_anomalies,
                code_digest=code_digest("anomaly_gate", "features"),
            ),
            f"AnomalyGate-{kind}",
        )

    transform = add(
        Transform(
            examples=faces.outputs["images"],
            schema=schema["images"].outputs["schema"],
            preprocessing_fn="components.transform.preprocessing.preprocessing_fn",
            splits_config=transform_pb2.SplitsConfig(
                analyze=[features.TRAIN], transform=list(features.SPLITS)
            ),
            custom_config={
                "image": config.image.model_dump_json(),
                "code_digest": code_digest("transform", "features", "section"),
            },
            # Statistics of raw pixels as strings say nothing; those of the images exist already.
            disable_statistics=True,
        )
    )
    transform.add_upstream_node(gates["images"])

    trainer_code = code_digest(
        "trainer",
        "metrics/roc",
        "transform",
        "exported_model",
        "projector",
        "tfrecords",
        "features",
        "section",
        "faces",
    )
    tuned = None
    if config.tuning:
        tuner = SiameseTuner(
            examples=transform.outputs["transformed_examples"],
            pairs=faces.outputs["pairs"],
            training=config.training,
            tuning=config.tuning,
            image=config.image,
            code_digest=trainer_code,
        )
        tuned = add(tuner, "Tuner").outputs["best_hyperparameters"]
        tuner.add_upstream_node(gates["pairs"])
    trainer = add(
        SiameseTrainer(
            examples=transform.outputs["transformed_examples"],
            pairs=faces.outputs["pairs"],
            transform_graph=transform.outputs["transform_graph"],
            training=config.training,
            image=config.image,
            align=config.data.align,
            code_digest=trainer_code,
            hyperparameters=tuned,
        ),
        "Trainer",
    )
    trainer.add_upstream_node(gates["pairs"])

    trained = trainer.outputs["model"]
    val_scorer = add(
        ValScorer(
            images=faces.outputs["images"],
            pairs=faces.outputs["pairs"],
            model=trained,
            aged=config.decision.aged,
            strangers=config.decision.strangers,
            code_digest=code_digest(
                "val_scorer",
                "pair_example_gen/pairing",
                "exported_model",
                "metrics/resolution",
                "tfrecords",
                "features",
            ),
        )
    )
    decision = add(
        Decision(
            trained_model=trained,
            calibration_pairs=val_scorer.outputs["calibration_pairs"],
            decision=config.decision,
            code_digest=code_digest(
                "decision",
                "val_scorer",
                "metrics/bootstrap",
                "metrics/resolution",
                "metrics/roc",
                "exported_model",
                "features",
                "section",
            ),
        )
    )
    # From here on, the model is the one that decides.
    model = decision.outputs["model"]
    baseline = None
    if baseline_uri:
        importer = Importer(source_uri=baseline_uri, artifact_type=standard_artifacts.Model)
        baseline = add(importer, "Baseline").outputs["result"]
    elif resolve_baseline:
        resolver = Resolver(
            strategy_class=BlessedBeforeStrategy,
            candidate=model,
            model=Channel(type=standard_artifacts.Model),
            model_blessing=Channel(type=standard_artifacts.ModelBlessing),
        )
        baseline = add(resolver, "Baseline").outputs["model"]

    scorer = add(
        PairScorer(
            images=faces.outputs["images"],
            pairs=faces.outputs["pairs"],
            model=model,
            baseline_model=baseline,
            scoring=config.scoring,
            kept_embeddings=f"{pipeline_root or config.root}/embeddings",
            code_digest=code_digest(
                "pair_scorer",
                "pair_example_gen/records",
                "exported_model",
                "tfrecords",
                "features",
                "section",
            ),
        )
    )
    evaluator = add(
        Evaluator(
            examples=scorer.outputs["scored_pairs"],
            model=model,
            baseline_model=baseline,
            eval_config=build_eval_config(config.evaluation, columns),
            example_splits=[features.TEST],
            # Hands pairs to TFMA by the thousand, not one by one.
            module_path="components.metrics.tfma_extractors",
        )
    )
    # As above: the metrics and the reasons are our own code.
    evaluator.exec_properties["code_digest"] = code_digest("evaluator", "metrics", "features")
    add(
        Report(
            images=faces.outputs["images"],
            pairs=faces.outputs["pairs"],
            image_statistics=statistics["images"].outputs["statistics"],
            image_verdict=gates["images"].outputs["verdict"],
            pair_verdict=gates["pairs"].outputs["verdict"],
            scored_pairs=scorer.outputs["scored_pairs"],
            model=model,
            model_run=trainer.outputs["model_run"],
            evaluation=evaluator.outputs["evaluation"],
            blessing=evaluator.outputs["blessing"],
            attributes=columns,
            run_config=config.model_dump_json(),
            code_digest=code_digest(
                "report", "projector", "decision", "metrics", "tfrecords", "features"
            ),
        )
    )
    check = None
    match config.serving.check:
        case "local":
            check = add(
                ServingCheck(
                    model=model,
                    model_blessing=evaluator.outputs["blessing"],
                    images=faces.outputs["images"],
                    scored_pairs=scorer.outputs["scored_pairs"],
                    model_name=config.serving.model_name,
                    check=config.serving.local_check,
                    code_digest=code_digest("serving_check", "tfrecords", "features", "section"),
                )
            )
        case "infra_validator":
            check = add(
                InfraValidator(
                    model=model,
                    serving_spec=_serving_spec(config),
                    validation_spec=infra_validator_pb2.ValidationSpec(num_tries=2),
                )
            )
    add(
        Pusher(
            model=model,
            model_blessing=evaluator.outputs["blessing"],
            infra_blessing=check.outputs["blessing"] if check else None,
            push_destination=pusher_pb2.PushDestination(
                filesystem=pusher_pb2.PushDestination.Filesystem(
                    base_directory=str(config.serving_dir)
                )
            ),
        )
    )
    return Pipeline(
        pipeline_name=config.name,
        pipeline_root=pipeline_root or str(config.pipeline_root),
        components=nodes,
        enable_cache=True,
        metadata_connection_config=(
            metadata.sqlite_metadata_connection_config(str(metadata_path))
            if metadata_path
            else None
        ),
        beam_pipeline_args=[*_LOCAL_BEAM, *config.beam_args],
    )
