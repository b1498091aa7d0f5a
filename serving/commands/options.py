"""What the commands that talk to a server, or take photos, have in common."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from serving.client.client import Client
    from serving.sent_photos import SentPhoto

# Exit codes: done, or the answer is yes; the answer is no. Whatever else is an error.
YES, NO = 0, 1

DEFAULT_URL: Final = "http://127.0.0.1:8501"
# Data of this user (the XDG Base Directory Specification), wherever a command is started.
_DATA: Final = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
DEFAULT_STORE: Final = f"sqlite:///{_DATA / 'faceauth' / 'templates.db'}"
# Where earlier releases kept templates.
_BEFORE: Final = Path("faceauth.db")
DEFAULT_MODEL: Final = "faceauth"

_WORDS: Final = ("only", "largest", "all")
_VARIABLES: Final = """\
environment:
  FACEAUTH_URL           the server, instead of --url
  FACEAUTH_TOKEN         sent as a bearer token
"""


def add_store(parser: argparse.ArgumentParser) -> None:
    """Adds ``--store``; what the environment says of it is for the caller to tell."""
    parser.add_argument(
        "--store",
        default=os.environ.get("FACEAUTH_STORE", DEFAULT_STORE),
        metavar="URL",
        help="where templates are kept, a SQLAlchemy URL (%(default)s)",
    )


def add_open_store(parser: argparse.ArgumentParser) -> None:
    """Adds ``--store``, and says which variables name and open it."""
    add_store(parser)
    parser.epilog = f"""{parser.epilog or ""}\
  FACEAUTH_STORE         the template store, instead of --store
  FACEAUTH_TEMPLATE_KEY  encrypts the templates; make one with: faceauth new-key
"""


def store_place(url: str) -> str:
    """Returns the URL of the template store; where it is the default one, makes its folder."""
    if url == DEFAULT_STORE:
        (_DATA / "faceauth").mkdir(parents=True, exist_ok=True, mode=0o700)
        if _BEFORE.is_file():
            print(
                f"note: templates are kept in {url} now; {_BEFORE} in this folder is not looked "
                f"at: move it there, or give --store sqlite:///{_BEFORE}",
                file=sys.stderr,
            )
    return url


def add_server(parser: argparse.ArgumentParser) -> None:
    """Adds which model on which server is asked, and ``--json``."""
    group = parser.add_argument_group("the server")
    group.add_argument(
        "--url",
        default=os.environ.get("FACEAUTH_URL", DEFAULT_URL),
        help="http://, https://, grpc:// or grpcs:// (%(default)s)",
    )
    group.add_argument("--model", help=f"the model's name ({DEFAULT_MODEL})")
    which = group.add_mutually_exclusive_group()
    which.add_argument("--version", type=int, help="ask this version instead of the newest")
    which.add_argument("--label", help="ask the version with this label, such as stable")
    group.add_argument("--timeout", type=float, default=30.0, help="seconds (%(default)s)")
    group.add_argument("--ca", type=Path, metavar="FILE", help="trust this CA's certificates")
    group.add_argument("--json", action="store_true", help="print JSON")
    parser.epilog = _VARIABLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter


def client_of(given: argparse.Namespace) -> "Client":
    """The client of the server that ``add_server`` let choose."""
    from serving.client.client import Client
    from serving.client.endpoint import Endpoint

    endpoint = Endpoint(
        url=given.url,
        model=given.model or DEFAULT_MODEL,
        version=given.version,
        label=given.label,
        timeout_s=given.timeout,
        token=os.environ.get("FACEAUTH_TOKEN") or None,
        ca_file=given.ca,
    )
    return Client(endpoint)


def say(given: argparse.Namespace, text: str, content: dict[str, Any]) -> None:
    """Prints an answer: the text for people, or the content for ``--json``."""
    print(json.dumps(content) if given.json else text)


def add_as_is(parser: argparse.ArgumentParser) -> None:
    """Adds ``--as_is``; the one face of a photo is meant, and others are refused."""
    parser.add_argument(
        "--as_is",
        action="store_true",
        help="send the files as they are, aligned already, instead of finding the face in each",
    )
    parser.set_defaults(face="only")


def add_face(parser: argparse.ArgumentParser, several: bool) -> None:
    """Adds ``--as_is`` and ``--face``.

    Args:
        parser: The command's.
        several: Whether it can do with several faces of one photo.
    """
    add_as_is(parser)
    text = "of several faces: only (refuse such a photo), largest"
    parser.add_argument(
        "--face",
        type=which_face if several else _one_face,
        default="only",
        metavar="WHICH",
        help=f"{text}, all, or how many of the largest (only)" if several else f"{text} (only)",
    )


def which_face(text: str) -> str | int:
    """Reads ``--face``."""
    if text in _WORDS:
        return text
    if text.isascii() and text.isdigit() and int(text) >= 1:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not only, largest, all or a number from 1 on")


def _one_face(text: str) -> str:
    if text not in _WORDS[:2]:
        raise argparse.ArgumentTypeError(f"{text!r} is neither only nor largest")
    return text


def send(
    given: argparse.Namespace, client: "Client", photos: Sequence[Path]
) -> "list[list[SentPhoto]]":
    """What is sent of each photo: its faces as the model wants them, or its file.

    Raises:
        PhotoError: One cannot be used; the message says which, and why.
        OSError: There is no such file.
        ServingError: The server does not say what the model wants.
    """
    from faces.record import AS_THEY_ARE
    from serving.sent_photos import send_photo

    canvas = None if given.as_is else client.canvas()
    if canvas is None and not given.as_is:
        print(f"note: {AS_THEY_ARE}", file=sys.stderr)
    return [send_photo(photo, canvas, given.face) for photo in photos]
