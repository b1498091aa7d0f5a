"""The curated schemas that every run's data is checked against."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tensorflow_data_validation import StatsOptions


def path(kind: str) -> Path:
    """The schema file of ``images`` or ``pairs``."""
    return Path(__file__).parent / f"{kind}.pbtxt"


def statistics_options() -> "StatsOptions":
    """How statistics of images and pairs are made: photos are no words.

    Of texts, TFDV counts how often each value occurs, for which equal values come together: each
    photo would go to another worker as a whole. What has an image domain it takes for bytes, of
    which it knows lengths; it decodes nothing but with ``enable_semantic_domain_stats``.
    """
    from tensorflow_data_validation import StatsOptions
    from tensorflow_metadata.proto.v0 import schema_pb2

    photo = schema_pb2.Feature(
        name="image_encoded", type=schema_pb2.BYTES, image_domain=schema_pb2.ImageDomain()
    )
    return StatsOptions(schema=schema_pb2.Schema(feature=[photo]))
