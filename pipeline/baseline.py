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


class BlessedBeforeStrategy(ResolverStrategy):
    """Resolves ``model`` to the newest blessed model that is older than ``candidate``.

    Inputs: ``candidate`` and ``model`` (Model), ``model_blessing`` (ModelBlessing). Where no older
    model was blessed, ``model`` and ``model_blessing`` resolve to nothing.
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
        baseline = max(older, key=lambda model: model.id, default=None)
        return {
            "candidate": input_dict["candidate"],
            "model": [baseline] if baseline else [],
            "model_blessing": [blessings[baseline.id]] if baseline else [],
        }
