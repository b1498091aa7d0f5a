"""Which model a candidate is compared with: the last one blessed before the candidate was trained.

TFX's own strategy takes the last blessed model. Once the candidate is blessed, that is the
candidate itself, so an identical second run would evaluate it against itself and push it again.
"Before the candidate" does not change once the candidate exists: the second run finds everything in
the cache.
"""

import ml_metadata as mlmd
from tfx import types
from tfx.components.evaluator import constants
from tfx.dsl.components.common.resolver import ResolverStrategy
from tfx.dsl.io import fileio
from tfx.utils import path_utils

from components.progress import say


class BlessedBeforeStrategy(ResolverStrategy):
    """Resolves ``model`` to the newest blessed model that is older than ``candidate``.

    Inputs: ``candidate`` and ``model`` (Model), ``model_blessing`` (ModelBlessing). Where no older
    model was blessed, ``model`` and ``model_blessing`` resolve to nothing. A model whose folder is
    gone is passed over, with a line that says so.
    """

    def resolve_artifacts(
        self, store: mlmd.MetadataStore, input_dict: dict[str, list[types.Artifact]]
    ) -> dict[str, list[types.Artifact]]:
        """See the class."""
        blessings = {
            blessing.get_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY): (
                blessing
            )
            for blessing in input_dict["model_blessing"]
            if blessing.get_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY)
            == constants.BLESSED_VALUE
        }
        candidate = min((model.id for model in input_dict["candidate"]), default=0)
        older = [
            model for model in input_dict["model"] if model.id < candidate and model.id in blessings
        ]
        there = [model for model in older if _is_there(model)]
        baseline = max(there, key=lambda model: model.id, default=None)
        gone = [model.uri for model in older if baseline is None or model.id > baseline.id]
        if gone:
            instead = f"the next older one, {baseline.uri}" if baseline else "none: no baseline"
            say(f"the last blessed model is gone ({', '.join(sorted(gone))}); taken is {instead}")
        return {
            "candidate": input_dict["candidate"],
            "model": [baseline] if baseline else [],
            "model_blessing": [blessings[baseline.id]] if baseline else [],
        }


def _is_there(model: types.Artifact) -> bool:
    return not model.uri or fileio.exists(path_utils.serving_model_path(model.uri))
