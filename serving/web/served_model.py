"""What the page must know of the model that answers: how it wants its faces, how strict it is."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serving.client.client import Client
from serving.in_process import decision_of

if TYPE_CHECKING:
    from faces import FaceCanvas


@dataclass(frozen=True)
class ModelFacts:
    """Of the version that answers.

    Attributes:
        canvas: How it wants its faces; None takes photos as they are.
        strangers: See ``strangers_of``; None where that is not known.
    """

    canvas: "FaceCanvas | None" = None
    strangers: dict[str, Any] | None = None


class ServedModel:
    """Asks once a version. Calls may come from several threads.

    Args:
        client: Calls the model.
        models: The folder of versions that the server has, if it is to be had here.
    """

    def __init__(self, client: Client, models: Path | None = None) -> None:
        self._client = client
        self._models = models
        self._known: dict[int, ModelFacts] = {}

    def facts(self) -> ModelFacts:
        """Of the version that answers now.

        Raises:
            ServingError: The server does not answer.
        """
        version = self._client.version()
        if version not in self._known:
            with self._client.pinned() as client:
                canvas = client.canvas()
            decision = decision_of(self._models / str(version)) if self._models else None
            self._known[version] = ModelFacts(canvas, strangers_of(decision))
        return self._known[version]


def strangers_of(decision: dict[str, Any] | None) -> dict[str, Any] | None:
    """How often a stranger reaches the threshold, from a ``decision.json``.

    Returns:
        ``rate`` with ``low`` and ``high`` (95 %), from 0 to 1, and on how many ``people`` and
        ``couples`` of two of them it rests; None where the record does not say.
    """
    try:
        rate, low, high = decision["rates_95"]["fmr"]  # type: ignore[index]
        origin = decision["calibrated_on"]  # type: ignore[index]
        return {
            "rate": float(rate),
            "low": float(low),
            "high": float(high),
            "people": int(origin["people"]),
            "couples": int(origin["couples"]),
        }
    except (KeyError, TypeError, ValueError):
        return None
