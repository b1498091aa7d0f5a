"""PairExampleGen: from faces on disk to images and pairs.

What a pipeline's definition needs is here and costs no heavy import; the TFX component itself is in
``components.pair_example_gen.component``.
"""

from components.pair_example_gen.digest import fingerprint
from components.pair_example_gen.errors import DataError
from components.pair_example_gen.sources import attribute_names

__all__ = ["DataError", "attribute_names", "fingerprint"]
