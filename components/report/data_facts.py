"""What the run knows about its data: counts, quarantine, statistics and anomalies."""

import csv
import json
from pathlib import Path
from typing import Any

from components import features
from components.artifacts import split_folder

# Of images, in the order of the page: feature and what it is.
_MEASURES = (
    (features.WIDTH, "width, px"),
    (features.HEIGHT, "height, px"),
    (features.BRIGHTNESS, "brightness"),
    (features.CONTRAST, "contrast"),
    (features.SHARPNESS, "sharpness"),
)
_QUARANTINED_SHOWN = 10
_DUPLICATES_SHOWN = 20
_VALUES_SHOWN = 8


def read_counts(images: str | Path, pairs: str | Path) -> dict[str, Any]:
    """Counts of images and pairs per split, and the images that were left out.

    Args:
      images: Folder of the images artifact of PairExampleGen.
      pairs: Folder of its pairs artifact.
    """
    of_images = json.loads((Path(images) / "summary.json").read_text(encoding="utf-8"))
    of_pairs = json.loads((Path(pairs) / "summary.json").read_text(encoding="utf-8"))
    quarantine = _rows_of(Path(images) / "quarantine.csv")
    duplicates = _rows_of(Path(images) / "duplicates.csv")
    return {
        "duplicates": duplicates[:_DUPLICATES_SHOWN],
        "all_duplicates": len(duplicates),
        "splits": {
            split: {**counts, "pair_sets": of_pairs["splits"].get(split, {})}
            for split, counts in of_images["splits"].items()
        },
        "quarantined": len(quarantine),
        "quarantine_reasons": of_images["quarantined"],
        "quarantine": quarantine[:_QUARANTINED_SHOWN],
        "exif_rotated": of_images["exif_rotated"],
        "ignored": of_images["other_files_ignored"],
    }


def _rows_of(path: Path) -> list[dict[str, str]]:
    if not path.is_file():  # artifacts of an earlier release have no duplicates
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_findings(verdicts: dict[str, str | Path]) -> list[dict[str, Any]]:
    """What AnomalyGate found, from its ``verdict.json`` files.

    Args:
      verdicts: Folders by the kind of data, such as ``images``.
    """
    findings = []
    for kind, folder in verdicts.items():
        verdict = json.loads((Path(folder) / "verdict.json").read_text(encoding="utf-8"))
        findings += [{"data": kind, **finding} for finding in verdict["findings"]]
    return findings


def read_statistics(statistics: str | Path, attributes: list[str]) -> dict[str, Any]:
    """Measures and attributes of the images, per split, from StatisticsGen.

    Args:
      statistics: Folder of the images' ExampleStatistics artifact.
      attributes: Columns of the data set.

    Returns:
      ``measures``: rows with ``name``, ``split``, ``low``, ``median``, ``mean``, ``deviation`` and
      ``high``. ``attributes``: by name and split, the values with their shares, the commonest
      first.
    """
    from tensorflow_metadata.proto.v0 import statistics_pb2

    measures: list[dict[str, Any]] = []
    shares: dict[str, dict[str, list[tuple[str, float]]]] = {name: {} for name in attributes}
    found: dict[str, Any] = {}
    for split in features.SPLITS:
        path = Path(split_folder(statistics, split), "FeatureStats.pb")
        if not path.is_file():
            continue
        content = statistics_pb2.DatasetFeatureStatisticsList.FromString(path.read_bytes())
        for dataset in content.datasets:
            found[split] = {stats.path.step[0]: stats for stats in dataset.features}
    for key, name in _MEASURES:
        for split, by_feature in found.items():
            if key not in by_feature:
                continue
            stats = by_feature[key].num_stats
            measures.append(
                {
                    "name": name,
                    "split": split,
                    "low": stats.min,
                    "median": stats.median,
                    "mean": stats.mean,
                    "deviation": stats.std_dev,
                    "high": stats.max,
                }
            )
    for name in attributes:
        for split, by_feature in found.items():
            if name not in by_feature:
                continue
            strings = by_feature[name].string_stats
            total = strings.common_stats.tot_num_values or strings.common_stats.num_non_missing
            shares[name][split] = [
                (each.value, each.frequency / total if total else 0.0)
                for each in strings.top_values[:_VALUES_SHOWN]
            ]
    return {"measures": measures, "attributes": {k: v for k, v in shares.items() if v}}
