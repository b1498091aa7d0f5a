"""Which blessed model a run looks back to.

A candidate is compared with the last one blessed before it was trained.

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

    Inputs: ``candidate`` and ``model`` (Model), ``model_blessing`` (ModelBlessing). Without a
    ``candidate``, it is the newest blessed model of all: what a training can begin with. Where
    there is none, ``model`` and ``model_blessing`` resolve to nothing. A model whose folder is
    gone is passed over, with a line that says so.
    """

    def resolve_artifacts(
        self, store: mlmd.MetadataStore, input_dict: dict[str, list[types.Artifact]]
    ) -> dict[str, list[types.Artifact]]:
        """See the class."""
        blessings = _blessings(input_dict["model_blessing"])
        older = [model for model in input_dict["model"] if model.id in blessings]
        if "candidate" in input_dict:
            candidate = min((model.id for model in input_dict["candidate"]), default=0)
            older = [model for model in older if model.id < candidate]
        there = [model for model in older if _is_there(model)]
        baseline = max(there, key=lambda model: model.id, default=None)
        gone = [model.uri for model in older if baseline is None or model.id > baseline.id]
        if gone:
            instead = f"the next older one, {baseline.uri}" if baseline else "none: no baseline"
            say(f"the last blessed model is gone ({', '.join(sorted(gone))}); taken is {instead}")
        return {
            **input_dict,
            "model": [baseline] if baseline else [],
            "model_blessing": [blessings[baseline.id]] if baseline else [],
        }


class StatisticsBeforeStrategy(ResolverStrategy):
    """Resolves ``statistics`` to those of the data that the last blessed model was trained on.

    Inputs: ``candidate``, the statistics of this run; ``statistics``, all there are of that kind;
    ``model`` and ``model_blessing``. Taken are the newest statistics before a blessed model, of the
    newest such model whose statistics are older than the candidate's: the same run again finds the
    same. Where there are none, ``statistics`` resolves to nothing.
    """

    def resolve_artifacts(
        self, store: mlmd.MetadataStore, input_dict: dict[str, list[types.Artifact]]
    ) -> dict[str, list[types.Artifact]]:
        """See the class."""
        candidate = min((each.id for each in input_dict["candidate"]), default=0)
        blessed = _blessings(input_dict["model_blessing"]).keys()
        found: types.Artifact | None = None
        for model in sorted(blessed & {each.id for each in input_dict["model"]}, reverse=True):
            before = [each for each in input_dict["statistics"] if each.id < model]
            last = max(before, key=lambda each: each.id, default=None)
            if last is not None and last.id < candidate and fileio.exists(last.uri):
                found = last
                break
        return {**input_dict, "statistics": [found] if found else []}


def _blessings(given: list[types.Artifact]) -> dict[int, types.Artifact]:
    """The blessings that were given, by the id of the model."""
    return {
        blessing.get_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY): blessing
        for blessing in given
        if blessing.get_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY)
        == constants.BLESSED_VALUE
    }


def _is_there(model: types.Artifact) -> bool:
    return not model.uri or fileio.exists(path_utils.serving_model_path(model.uri))
