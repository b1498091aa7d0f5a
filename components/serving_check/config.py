"""How a candidate is served on trial: the ``serving.local_check`` section of a config."""

from typing import Any, Final

from pydantic import Field, field_validator

from components.section import Section

_EXAMPLE: Final = {"python": "python", "base": "/tmp/models", "model_name": "m", "grpc_port": 8500}


class ServingCheckConfig(Section):
    """Which server the candidate is tried on, and how closely it must answer as when trained.

    In ``command``, ``{python}`` is this interpreter, ``{base}`` the folder with the candidate's
    version, ``{model_name}`` the name it is served under and ``{grpc_port}`` a free port. Where
    TensorFlow Serving is installed::

        [tensorflow_model_server, "--model_name={model_name}", "--model_base_path={base}",
         "--port={grpc_port}"]

    ``pairs`` of the test pairs are verified, from the nearest to the farthest. Scores may differ by
    ``tolerance``, distances by ``tolerance`` times their size where that is above 1. Training on a
    GPU and serving on a CPU needs a larger one: around 1e-3 with TensorFloat-32.
    """

    command: tuple[str, ...] = Field(
        (
            "{python}",
            "-m",
            "serving.local_server",
            "--model_name={model_name}",
            "--model_base_path={base}",
            "--grpc_port={grpc_port}",
            "--rest_port=0",
        ),
        description="Starts the server, with its places filled in.",
    )
    pairs: int = Field(16, ge=1, le=1000, description="How many test pairs are verified.")
    tolerance: float = Field(
        1e-5, gt=0, lt=1, description="By how much scores and distances may differ."
    )
    load_timeout_s: float = Field(
        300, gt=0, description="Seconds until the server must have loaded the model."
    )
    request_timeout_s: float = Field(60, gt=0, description="Seconds for one answer.")

    @field_validator("command")
    @classmethod
    def _can_be_filled_in(cls, command: tuple[str, ...]) -> tuple[str, ...]:
        try:
            filled = fill_in(command, **_EXAMPLE)
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(
                f"{error} cannot be filled in; use {', '.join(f'{{{key}}}' for key in _EXAMPLE)}"
            ) from None
        for needed in ("base", "grpc_port"):
            if not any(f"{{{needed}}}" in part for part in command):
                raise ValueError(f"{' '.join(filled) or 'it'} has no {{{needed}}}; add it")
        return command


def fill_in(command: tuple[str, ...], **values: Any) -> list[str]:
    """A command with its places filled in; see ``ServingCheckConfig``."""
    return [part.format(**values) for part in command]
