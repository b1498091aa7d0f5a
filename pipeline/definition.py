"""The whole pipeline on one screen: ``create_pipeline``, at the end."""

import hashlib
import json
from pathlib import Path
from typing import Any, Final, NamedTuple

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
from tfx.types import BaseChannel, Channel, standard_artifacts
from tfx.utils import kube_utils

import schemas
from components import features
from components.anomaly_gate.component import AnomalyGate
from components.anomaly_gate.served import read_served
from components.code_digest import code_digest
from components.decision.component import Decision
from components.evaluator.component import Evaluator
from components.pair_example_gen.component import PairExampleGen
from components.pair_example_gen.digest import fingerprint
from components.pair_example_gen.sources import attribute_names
from components.pair_scorer.component import PairScorer
from components.pusher.component import Pusher
from components.report.component import Report
from components.serving_check.component import ServingCheck
from components.trainer.component import SiameseTrainer, SiameseTuner
from components.val_scorer.component import ValScorer
from pipeline.baseline import BlessedBeforeStrategy, StatisticsBeforeStrategy
from pipeline.config import ConfigError, PipelineConfig
from pipeline.evaluation import build_eval_config
from pipeline.run_folder import KEPT_EMBEDDINGS, KEPT_FACES

_PREPROCESSING_FN: Final = "components.transform.preprocessing.preprocessing_fn"


class _Nodes(list[BaseNode]):
    """The nodes of the graph."""

    def add(self, node: Any, name: str | None = None) -> Any:
        """Adds a node, under another name than its class's, and returns it."""
        # No dots: on Kubeflow, the id names a task of Argo, which takes letters, digits and "-".
        self.append(node.with_id(name) if name else node)
        return node


class _Checked(NamedTuple):
    """What looks at images, or at pairs, before anything is made of them."""

    statistics: BaseChannel
    schema: BaseChannel
    gate: AnomalyGate


def _check_data(
    nodes: _Nodes,
    kind: str,
    examples: BaseChannel,
    config: PipelineConfig,
    columns: list[str],
    look_back: bool,
) -> _Checked:
    """Adds statistics, the curated schema, what contradicts it, and the gate before training."""
    statistics = nodes.add(
        StatisticsGen(examples=examples, stats_options=schemas.statistics_options()),
        f"StatisticsGen-{kind}",
    )
    schema = nodes.add(ImportSchemaGen(str(schemas.path(kind))), f"ImportSchemaGen-{kind}")
    # For the cache, which sees the path alone. The executor passes over it.
    content = schemas.path(kind).read_bytes()
    schema.exec_properties["digest"] = hashlib.sha256(content).hexdigest()[:16]
    anomalies = nodes.add(
        ExampleValidator(statistics.outputs["statistics"], schema.outputs["schema"]),
        f"ExampleValidator-{kind}",
    )
    before = None
    if look_back:
        resolver = Resolver(
            strategy_class=StatisticsBeforeStrategy,
            candidate=statistics.outputs["statistics"],
            statistics=Channel(
                type=standard_artifacts.ExampleStatistics, producer_component_id=statistics.id
            ),
            model=Channel(type=standard_artifacts.Model),
            model_blessing=Channel(type=standard_artifacts.ModelBlessing),
        )
        before = nodes.add(resolver, f"DataBefore-{kind}").outputs["statistics"]
    checks = config.validation
    # What is served are images.
    served = checks.served_photos if kind == "images" else None
    gate = AnomalyGate(
        anomalies=anomalies.outputs["anomalies"],
        statistics=statistics.outputs["statistics"],
        schema=schema.outputs["schema"],
        baseline_statistics=before,
        attribute_drift=checks.attribute_drift,
        served_photos=served,
        served_days=checks.served_days if served else None,
        served_digest=hashlib.sha256(read_served(served)).hexdigest()[:16] if served else None,
        allowed_new_columns=json.dumps(columns),
        min_examples=checks.min_examples,
        stop=checks.stop_on_anomalies,
    )
    nodes.add(gate, f"AnomalyGate-{kind}")
    return _Checked(statistics.outputs["statistics"], schema.outputs["schema"], gate)


def _transform(images: BaseChannel, checked: _Checked, config: PipelineConfig) -> Transform:
    """What prepares images, after the gate."""
    transform = Transform(
        examples=images,
        schema=checked.schema,
        preprocessing_fn=_PREPROCESSING_FN,
        splits_config=transform_pb2.SplitsConfig(
            analyze=[features.TRAIN], transform=list(features.SPLITS)
        ),
        custom_config={
            "image": config.image.model_dump_json(),
            "code_digest": code_digest(_PREPROCESSING_FN),
        },
        # Statistics of raw pixels as strings say nothing; those of the images exist already.
        disable_statistics=True,
    )
    transform.add_upstream_node(checked.gate)
    return transform


def _tuned(
    nodes: _Nodes,
    prepared: BaseChannel,
    pairs: BaseChannel,
    checked: _Checked,
    config: PipelineConfig,
) -> BaseChannel | None:
    """The values that a search found; None where the config asks for none."""
    if config.tuning is None:
        return None
    tuner = SiameseTuner(
        examples=prepared,
        pairs=pairs,
        training=config.training,
        tuning=config.tuning,
        image=config.image,
    )
    tuner.add_upstream_node(checked.gate)
    return nodes.add(tuner, "Tuner").outputs["best_hyperparameters"]


def _baseline(
    nodes: _Nodes, model: BaseChannel, uri: str | None, resolve: bool
) -> BaseChannel | None:
    """The model to compare with: named by its folder, looked up in ML Metadata, or none."""
    if uri:
        importer = Importer(source_uri=uri, artifact_type=standard_artifacts.Model)
        return nodes.add(importer, "Baseline").outputs["result"]
    if not resolve:
        return None
    resolver = Resolver(
        strategy_class=BlessedBeforeStrategy,
        candidate=model,
        model=Channel(type=standard_artifacts.Model),
        model_blessing=Channel(type=standard_artifacts.ModelBlessing),
    )
    return nodes.add(resolver, "Baseline").outputs["model"]


def _first_weights(
    nodes: _Nodes, config: PipelineConfig, uri: str | None, resolve: bool
) -> BaseChannel | None:
    """The model that the training begins with, if it begins with one.

    Raises:
      ConfigError: It should, and cannot be looked up.
    """
    if not config.training.warm_start:
        return None
    if uri:
        importer = Importer(source_uri=uri, artifact_type=standard_artifacts.Model)
        return nodes.add(importer, "FirstWeights").outputs["result"]
    if not resolve:
        raise ConfigError(
            "training.warm_start is true, and this orchestrator cannot look the last blessed model "
            "up; name one (kubeflow.baseline), or remove it"
        )
    resolver = Resolver(
        strategy_class=BlessedBeforeStrategy,
        model=Channel(type=standard_artifacts.Model),
        model_blessing=Channel(type=standard_artifacts.ModelBlessing),
    )
    return nodes.add(resolver, "FirstWeights").outputs["model"]


def _evaluator(
    scored: BaseChannel,
    model: BaseChannel,
    baseline: BaseChannel | None,
    config: PipelineConfig,
    columns: list[str],
) -> Evaluator:
    """What measures the scored test pairs and blesses."""
    return Evaluator(
        examples=scored,
        model=model,
        baseline_model=baseline,
        eval_config=build_eval_config(config.evaluation, columns),
        example_splits=[features.TEST],
        # Hands pairs to TFMA by the thousand, not one by one.
        module_path="components.metrics.tfma_extractors",
    )


def _serving_check(
    nodes: _Nodes,
    model: BaseChannel,
    blessing: BaseChannel,
    images: BaseChannel,
    scored: BaseChannel,
    config: PipelineConfig,
) -> BaseChannel | None:
    """The blessing of what tries the candidate as it will be served; None without a check."""
    check: ServingCheck | InfraValidator
    match config.serving.check:
        case "local":
            check = ServingCheck(
                model=model,
                model_blessing=blessing,
                images=images,
                scored_pairs=scored,
                model_name=config.serving.model_name,
                check=config.serving.local_check,
            )
        case "infra_validator":
            check = InfraValidator(
                model=model,
                serving_spec=_serving_spec(config),
                validation_spec=infra_validator_pb2.ValidationSpec(num_tries=2),
            )
        case _:
            return None
    return nodes.add(check).outputs["blessing"]


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


def _pipeline(
    nodes: _Nodes, config: PipelineConfig, metadata_path: Path | None, root: str | None
) -> Pipeline:
    """The nodes, and how they are run."""
    store = None
    if metadata_path:
        store = metadata.sqlite_metadata_connection_config(str(metadata_path))
    return Pipeline(
        pipeline_name=config.name,
        pipeline_root=root or config.artifacts,
        components=nodes,
        enable_cache=True,
        metadata_connection_config=store,
        beam_pipeline_args=[*config.beam.arguments, *config.beam_args],
    )


def _destination(folder: Path) -> pusher_pb2.PushDestination:
    """Where Pusher pushes to."""
    filesystem = pusher_pb2.PushDestination.Filesystem(base_directory=str(folder))
    return pusher_pb2.PushDestination(filesystem=filesystem)


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
      pipeline_root: Where artifacts go; None takes the config's.
      baseline_uri: Folder of the Model artifact to compare with, where the orchestrator cannot look
        up the last blessed one.
      resolve_baseline: Look up the last blessed model in ML Metadata.
    """
    nodes, columns = _Nodes(), attribute_names(config.data)
    kept = pipeline_root or config.kept
    faces = nodes.add(
        PairExampleGen(
            config.data.model_dump_json(),
            fingerprint(config.data),
            kept_faces=f"{kept}/{KEPT_FACES}",
        )
    )
    images, pairs = faces.outputs["images"], faces.outputs["pairs"]
    image_check = _check_data(nodes, "images", images, config, columns, resolve_baseline)
    pair_check = _check_data(nodes, "pairs", pairs, config, columns, False)

    transform = nodes.add(_transform(images, image_check, config))
    prepared = transform.outputs["transformed_examples"]
    trainer = SiameseTrainer(
        examples=prepared,
        pairs=pairs,
        transform_graph=transform.outputs["transform_graph"],
        training=config.training,
        image=config.image,
        align=config.data.align,
        hyperparameters=_tuned(nodes, prepared, pairs, pair_check, config),
        base_model=_first_weights(nodes, config, baseline_uri, resolve_baseline),
    )
    nodes.add(trainer, "Trainer").add_upstream_node(pair_check.gate)

    undecided, asked = trainer.outputs["model"], config.decision
    val_scorer = nodes.add(ValScorer(images, pairs, undecided, asked.aged, asked.strangers))
    calibration_pairs = val_scorer.outputs["calibration_pairs"]
    model = nodes.add(Decision(undecided, calibration_pairs, asked)).outputs["model"]
    baseline = _baseline(nodes, model, baseline_uri, resolve_baseline)
    scorer = nodes.add(
        PairScorer(
            images,
            pairs,
            model,
            baseline_model=baseline,
            scoring=config.scoring,
            kept_embeddings=f"{kept}/{KEPT_EMBEDDINGS}",
        )
    )
    scored = scorer.outputs["scored_pairs"]
    evaluator = nodes.add(_evaluator(scored, model, baseline, config, columns))
    blessing = evaluator.outputs["blessing"]
    nodes.add(
        Report(
            images=images,
            pairs=pairs,
            image_statistics=image_check.statistics,
            image_verdict=image_check.gate.outputs["verdict"],
            pair_verdict=pair_check.gate.outputs["verdict"],
            scored_pairs=scored,
            model=model,
            model_run=trainer.outputs["model_run"],
            evaluation=evaluator.outputs["evaluation"],
            blessing=blessing,
            attributes=columns,
            run_config=config.model_dump_json(),
        )
    )
    nodes.add(
        Pusher(
            model=model,
            model_blessing=blessing,
            infra_blessing=_serving_check(nodes, model, blessing, images, scored, config),
            push_destination=_destination(config.serving_dir),
        )
    )
    return _pipeline(nodes, config, metadata_path, pipeline_root)
