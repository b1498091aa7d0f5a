"""``faceauth``: every command of this project.

Each is named here with the function that says what it takes: it adds arguments to a parser and, as
the default ``run``, the function that does the work, or its address. Nothing is imported before it
is needed, so that ``--help`` answers at once. With the default ``takes_others``, ``run`` gets what
the parser does not know in ``others``; with ``has_help``, ``--help`` as well.

What a command cannot do or decide is one line on standard error and exit code 2, whatever it was: 1
means that the answer is no.
"""

import argparse
import difflib
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pipeline.errors import CommandError

FAILED: Final = 2
_STOPPED: Final = 128  # plus the number of the signal
_DEBUG: Final = "FACEAUTH_DEBUG"

# Errors of Python that are raised with a sentence for a person, as our own are.
_TOLD: Final = (OSError, ValueError, RuntimeError)
_OURS: Final = ("components", "data", "faces", "pipeline", "serving")

_EPILOG: Final = """\
faceauth COMMAND --help says what a command takes.
exit codes: 0 done, same person, accepted; 1 different people, rejected, nobody; 2 could not be done
or decided (FACEAUTH_DEBUG=1 shows where); 128 + n stopped by signal n
"""


@dataclass(frozen=True)
class Command:
    """One command.

    Attributes:
        text: What it does, in a line.
        arguments: Where the function is that adds its arguments, as ``module:name``.
        quiet: Whether TensorFlow's own messages are kept from the screen.
    """

    text: str
    arguments: str
    quiet: bool = True


GROUPS: Final[Mapping[str, Mapping[str, Command]]] = {
    "the pipeline": {
        "run": Command(
            "Run the pipeline: data, training, evaluation and, if blessed, the push.",
            "pipeline.commands:run",
            # They go to the run's log.
            quiet=False,
        ),
        "outcome": Command("Print the outcome of the last run.", "pipeline.commands:outcome"),
        "report": Command(
            "Open the report of the last run, or print where it is.", "pipeline.commands:report"
        ),
        "tensorboard": Command(
            "Show all runs: curves, test measures, embeddings.", "pipeline.commands:tensorboard"
        ),
        "artifact": Command(
            "Print where the last run left an artifact.", "pipeline.commands:artifact"
        ),
        "preview": Command(
            "Draw what augmentation does to pairs: runs/<name>/preview.png.",
            "pipeline.commands:preview",
        ),
        "clean-runs": Command(
            "Delete old runs, and what killed ones left behind.", "pipeline.commands:clean_runs"
        ),
        "forget-subject": Command(
            "Take a person out of every kept run and the template store.",
            "pipeline.commands:forget_subject",
        ),
        "kubeflow": Command(
            "Compile the pipeline for Kubeflow Pipelines.", "pipeline.commands:kubeflow"
        ),
    },
    "faces": {
        "data": Command("Make or fetch faces, and show them.", "data.commands:data"),
        "frame": Command(
            "Align the faces in a folder of photos, to look at and to train on.",
            "serving.commands.photos:frame",
        ),
    },
    "an exported model": {
        "verify": Command("Do two photos show one person?", "serving.commands.photos:verify"),
        "embed": Command(
            "Print the embeddings of photos, one JSON line each.", "serving.commands.photos:embed"
        ),
        "calibrate": Command(
            "Choose a model's threshold anew, on photos of your own, without training.",
            "pipeline.calibrate:arguments",
        ),
        "ten-fold": Command(
            "Measure accuracy by LFW's View 2: folds, each with the others' threshold.",
            "pipeline.commands:ten_fold",
        ),
    },
    "people": {
        "enroll": Command(
            "Enrol a person, in place of an earlier enrolment.", "serving.commands.people:enroll"
        ),
        "authenticate": Command(
            "Does a photo show this person?", "serving.commands.people:authenticate"
        ),
        "identify": Command(
            "Which enrolled person does a photo show?", "serving.commands.people:identify"
        ),
        "forget": Command("Delete a person's templates.", "serving.commands.people:forget"),
        "new-key": Command(
            "Print a new key for the template store.", "serving.commands.people:new_key"
        ),
        "new-signing-key": Command(
            "Write the keys that pushed models are signed and checked with.",
            "serving.commands.people:new_signing_key",
        ),
        "change-key": Command(
            "Encrypt all templates with another key.", "serving.commands.people:change_key"
        ),
    },
    "serving": {
        "serve": Command(
            "Serve the pushed model: TensorFlow Serving in Docker, else a local server.",
            "serving.commands.servers:serve",
        ),
        "local-server": Command(
            "Serve any model over TensorFlow Serving's API, for local use.",
            "serving.commands.servers:local_server",
        ),
        "labels": Command(
            "Say which pushed version is stable and which the canary.",
            "serving.commands.servers:labels",
        ),
        "status": Command(
            "Show the versions of the model on a server.", "serving.commands.servers:status"
        ),
        "page": Command(
            "Serve a page to enrol and authenticate on.", "serving.commands.servers:page"
        ),
        "loadtest": Command(
            "Measure a served model under load.", "serving.commands.servers:loadtest"
        ),
    },
}
COMMANDS: Final = {name: each for group in GROUPS.values() for name, each in group.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command.

    Args:
        arguments: The command line without the program; by default, this process's.

    Returns:
        The exit code: 0 done or yes, 1 no, 2 could not be done or decided, 128 + n for signal n.
    """
    try:
        code = _dispatch(list(sys.argv[1:] if arguments is None else arguments))
        # Here, and not at the end of Python, where an answer that gets lost would not be told.
        sys.stdout.flush()
        return code
    except KeyboardInterrupt as stop:
        return _STOPPED + int(getattr(stop, "number", signal.SIGINT))
    except Exception as error:
        if os.environ.get(_DEBUG):
            traceback.print_exc()
        print(message(error), file=sys.stderr)
        _flush_or_drop()
        return FAILED


def message(error: Exception) -> str:
    """What is said of an error: on one line, unless it was laid out for a person."""
    if isinstance(error, CommandError):
        return str(error)
    text = " ".join(str(error).split())
    if isinstance(error, _TOLD) or type(error).__module__.partition(".")[0] in _OURS:
        return f"error: {text or type(error).__name__}"
    where = f"; {_DEBUG}=1 shows where" if not os.environ.get(_DEBUG) else ""
    return f"error: not foreseen: {type(error).__name__}: {text}{where}"


def command_parser(name: str) -> argparse.ArgumentParser:
    """The parser of a command's arguments."""
    command = COMMANDS[name]
    parser = argparse.ArgumentParser(
        prog=f"faceauth {name}", description=command.text, add_help=False
    )
    _import(command.arguments)(parser)
    if not parser.get_default("has_help"):
        parser.add_argument("-h", "--help", action="help", help="say this and end")
    return parser


def overview() -> str:
    """The commands by group, with what they do."""
    lines = ["usage: faceauth COMMAND ...", "", "Face verification with Siamese networks."]
    width = max(map(len, COMMANDS))
    for group, commands in GROUPS.items():
        lines += ["", f"{group}:"]
        lines += [f"  {name:<{width}}  {command.text}" for name, command in commands.items()]
    return "\n".join([*lines, "", _EPILOG])


def _dispatch(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(overview(), end="")
        return 0
    name, *rest = arguments
    if name == "--version":
        from importlib.metadata import version

        print(f"faceauth {version('faceauth')}")
        return 0
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"faceauth has no command {name!r}{hint} (faceauth --help lists them)")
    if COMMANDS[name].quiet:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    parser = command_parser(name)
    given, others = parser.parse_known_args(rest)
    if others and not parser.get_default("takes_others"):
        parser.error(f"unrecognized arguments: {' '.join(others)}")
    given.others = others
    run = _import(given.run) if isinstance(given.run, str) else given.run
    return int(run(given))


def _import(address: str) -> Callable[..., Any]:
    module, _, name = address.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return found


def _flush_or_drop() -> None:
    try:
        sys.stdout.flush()
    except OSError:
        # Nor can it be written at the end of Python, which would say so once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
