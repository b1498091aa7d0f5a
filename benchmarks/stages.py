"""How time and memory of each Beam stage but ValScorer grow, with test photos and test pairs.

    python -m benchmarks.stages --photos 1000 16000 64000 --pairs 100000 1000000 10000000

Each stage of each size runs in a process of its own, over TFRecords that the stage before left.
Photos are those of LFW, listed again under other names where more are asked for; the network is the
one of ``lfw.yaml``, untrained, which embeds as fast. Imports are in no time, and in every peak.
"""

import argparse
import json
import shutil
import time
from pathlib import Path
from typing import Any

from benchmarks.faces import Source, find_source, write_data_set
from benchmarks.processes import measured
from benchmarks.scoring import WAYS, networks, say, workplace
from components import features

THIS = "benchmarks.stages"
STAGES = ("PairExampleGen", "StatisticsGen", "Transform", "PairScorer", "Evaluator")


def statistics(examples: str, output: str) -> dict[str, Any]:
    """StatisticsGen, on the images and on the pairs."""
    from tfx.components.statistics_gen.executor import Executor
    from tfx.types import standard_artifacts

    import schemas
    from benchmarks.ways import context_in, examples_in

    options = schemas.statistics_options().to_json()
    properties = {"exclude_splits": "[]", "stats_options_json": options}
    began = time.perf_counter()
    for kind in ("images", "pairs"):
        found = standard_artifacts.ExampleStatistics()
        found.uri = str(Path(output, kind))
        inputs = {"examples": [examples_in(examples, kind)]}
        Executor(context_in(output)).Do(inputs, {"statistics": [found]}, properties)
    return {"seconds": time.perf_counter() - began}


def transform(examples: str, output: str, image: str) -> dict[str, Any]:
    """Transform, on the images."""
    from tfx.components.transform.executor import Executor
    from tfx.proto import transform_pb2
    from tfx.types import standard_artifacts
    from tfx.utils import proto_utils

    import schemas
    from benchmarks.ways import context_in, examples_in

    schema = standard_artifacts.Schema()
    schema.uri = str(Path(output, "schema"))
    Path(schema.uri).mkdir(parents=True)
    shutil.copy(schemas.path("images"), schema.uri)
    outputs = {}
    for name, kind in (
        ("transform_graph", standard_artifacts.TransformGraph),
        ("transformed_examples", standard_artifacts.Examples),
        ("updated_analyzer_cache", standard_artifacts.TransformCache),
    ):
        outputs[name] = [kind()]
        outputs[name][0].uri = str(Path(output, name))
    splits = transform_pb2.SplitsConfig(analyze=[features.TRAIN], transform=list(features.SPLITS))
    properties = {
        "preprocessing_fn": "components.transform.preprocessing.preprocessing_fn",
        "custom_config": json.dumps({"image": image}),
        "splits_config": proto_utils.proto_to_json(splits),
        "disable_statistics": 1,
        "force_tf_compat_v1": 0,
    }
    began = time.perf_counter()
    Executor(context_in(output)).Do(
        {"examples": [examples_in(examples, "images")], "schema": [schema]}, outputs, properties
    )
    return {"seconds": time.perf_counter() - began}


def evaluate(scored: str, output: str) -> dict[str, Any]:
    """Evaluator, on the scored pairs of one model."""
    from tfx.types import standard_artifacts
    from tfx.utils import proto_utils

    from benchmarks.ways import context_in, examples_in
    from components.evaluator.executor import Executor
    from pipeline.config import EvaluationConfig
    from pipeline.evaluation import build_eval_config

    examples = examples_in(scored, "scored_pairs")
    examples.split_names = '["test"]'
    model = standard_artifacts.Model()
    model.uri = str(Path(output, "model"))
    Path(model.uri, "Format-Serving").mkdir(parents=True)
    made = {"evaluation": standard_artifacts.ModelEvaluation()}
    made["blessing"] = standard_artifacts.ModelBlessing()
    for name, artifact in made.items():
        artifact.uri = str(Path(output, name))
    properties = {
        "eval_config": proto_utils.proto_to_json(build_eval_config(EvaluationConfig(), [])),
        "example_splits": '["test"]',
        "module_path": "components.metrics.tfma_extractors",
    }
    began = time.perf_counter()
    Executor(context_in(output)).Do(
        {"examples": [examples], "model": [model]},
        {name: [artifact] for name, artifact in made.items()},
        properties,
    )
    return {"seconds": time.perf_counter() - began}


def run(
    work: Path, source: Source, model: str, photos: int, pairs: int, memory_mb: int | None
) -> dict[str, Any]:
    """Seconds and peak MB of each stage."""
    folder = work / f"{photos}-{pairs}"
    data = write_data_set(folder, source, photos, pairs)
    examples = str(folder / "examples")
    image = json.dumps(networks()["default"]["image"])
    found = {}
    for stage in STAGES:
        say(f"{photos:,} photos, {pairs:,} pairs: {stage}")
        output = str(folder / stage)
        match stage:
            case "PairExampleGen":
                found[stage] = measured(WAYS, "make_examples", folder=examples, data=data)
            case "StatisticsGen":
                found[stage] = measured(THIS, "statistics", examples=examples, output=output)
            case "Transform":
                found[stage] = measured(
                    THIS, "transform", examples=examples, output=output, image=image
                )
            case "PairScorer":
                found[stage] = measured(
                    WAYS,
                    "pair_scorer",
                    **{"model": model, "examples": examples, "output": output},
                    memory_mb=memory_mb,
                )
            case "Evaluator":
                scored = str(folder / "PairScorer")
                found[stage] = measured(THIS, "evaluate", scored=scored, output=output)
    return found


def main(argv: list[str] | None = None) -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.stages", description="Beam stages on more photos and pairs."
    )
    parser.add_argument("--photos", type=int, nargs="+", default=[1_000, 16_000])
    parser.add_argument("--pairs", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument(
        "--memory_mb", type=int, help="scoring.embedding_memory_mb: 1 joins by key, of a few photos"
    )
    parser.add_argument("--work", type=Path, help="folder for temporary files, 1 KB a pair")
    options = parser.parse_args(argv)
    few, least = options.photos[0], options.pairs[0]
    sizes = [(photos, least) for photos in options.photos]
    sizes += [(few, pairs) for pairs in options.pairs[1:]]
    with workplace(options.work) as work:
        source = find_source(work)
        config = networks()["default"]
        model = str(work / "model")
        given = {key: config[key] for key in ("image", "training")}
        measured(WAYS, "make_model", folder=model, **given)
        print(f"{source.name}; s, and peak MB of the process\n")
        print(f"| photos | pairs | {' | '.join(STAGES)} |")
        print(f"| --- | --- |{' --- |' * len(STAGES)}")
        for photos, pairs in sizes:
            found = run(work, source, model, photos, pairs, options.memory_mb)
            cells = " | ".join(
                f"{found[stage]['seconds']:,.0f} s, {found[stage]['peak_mb']:,.0f} MB"
                for stage in STAGES
            )
            print(f"| {photos:,} | {pairs:,} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
