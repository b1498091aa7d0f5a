"""The ``faceauth`` command: verify, embed and frame photos; enrol and authenticate people."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from serving.client import frame_command
from serving.client.photo_options import add_as_is, add_face, send

if TYPE_CHECKING:
    from collections.abc import Iterator

    from serving.client.calls import Comparison
    from serving.client.client import Client
    from serving.enrolment.authenticator import Authenticator
    from serving.in_process import Verification

YES, NO, FAILED = 0, 1, 2
_DEFAULT_URL: Final = "http://127.0.0.1:8501"
_DEFAULT_STORE: Final = "sqlite:///faceauth.db"
_DEFAULT_MODEL: Final = "faceauth"
_EPILOG: Final = """\
environment:
  FACEAUTH_URL           the server, instead of --url
  FACEAUTH_TOKEN         sent as a bearer token
  FACEAUTH_STORE         the template store, instead of --store
  FACEAUTH_TEMPLATE_KEY  encrypts the templates; make one with: faceauth new-key

exit codes: 0 same person, accepted or done; 1 different, rejected or nobody; 2 could not be decided
"""


def _verify(given: argparse.Namespace) -> int:
    if _is_folder(given.model):
        return _verify_in_process(given)
    with _client(given) as client:
        [a], [b] = send(given, client, [given.a, given.b])
        result = client.verify(a.content, b.content)
    return _tell(given, result, [a.box, b.box])


def _verify_in_process(given: argparse.Namespace) -> int:
    from faces.record import AS_THEY_ARE
    from serving.in_process import LocalModel

    model = LocalModel(given.model)
    if model.canvas is None and not given.as_is:
        print(f"note: {AS_THEY_ARE}", file=sys.stderr)
    result = model.verify(given.a, given.b, given.face, given.as_is)
    return _tell(given, result, list(result.boxes))


def _tell(given: argparse.Namespace, result: "Comparison | Verification", boxes: list[Any]) -> int:
    word = "same person" if result.same else "different people"
    _say(
        given,
        f"{word} (score {result.score:.4f}, same from 0.5; distance {result.distance:.4f})",
        {
            "same": result.same,
            "score": result.score,
            "threshold": 0.5,
            "distance": result.distance,
            "boxes": boxes,
        },
    )
    return YES if result.same else NO


def _embed(given: argparse.Namespace) -> int:
    import numpy as np

    from serving.whole_file import whole_file

    with _client(given) as client:
        sent = send(given, client, given.photos)
        embeddings = client.embed([one.content for faces in sent for one in faces])
    if given.out is None:
        boxes = [
            (photo, one.box)
            for photo, faces in zip(given.photos, sent, strict=True)
            for one in faces
        ]
        for (photo, box), row in zip(boxes, embeddings.tolist(), strict=True):
            found = {} if box is None else {"box": box}
            print(json.dumps({"image": str(photo), **found, "embedding": row}))
        return YES
    with whole_file(given.out) as partial, partial.open("wb") as file:
        np.save(file, embeddings, allow_pickle=False)
    print(f"{len(embeddings)} embeddings of size {embeddings.shape[1]} in {given.out}")
    return YES


def _status(given: argparse.Namespace) -> int:
    with _client(given) as client:
        states = client.status()
    for one in states:
        detail = f"  {one.message}" if one.message else ""
        _say(
            given,
            f"{given.model or _DEFAULT_MODEL} {one.version} {one.state}{detail}",
            {"version": one.version, "state": one.state, "message": one.message},
        )
    return YES if any(one.state == "AVAILABLE" for one in states) else NO


def _enroll(given: argparse.Namespace) -> int:
    with _authenticator(given) as (authenticator, client):
        sent = send(given, client, given.photos)
        count = authenticator.enroll(given.id, [one.content for [one] in sent])
    _say(given, f"enrolled {given.id} with {count} templates", {"id": given.id, "templates": count})
    return YES


def _authenticate(given: argparse.Namespace) -> int:
    with _authenticator(given) as (authenticator, client):
        [[sent]] = send(given, client, [given.photo])
        decision = authenticator.authenticate(given.id, sent.content)
    word = "accepted" if decision.accepted else "rejected"
    _say(
        given,
        f"{word}: {given.id} (score {decision.score:.4f}, accepted from 0.5)",
        {"id": given.id, "accepted": decision.accepted, "score": decision.score},
    )
    return YES if decision.accepted else NO


def _identify(given: argparse.Namespace) -> int:
    with _authenticator(given) as (authenticator, client):
        [[sent]] = send(given, client, [given.photo])
        found = authenticator.identify(sent.content, given.top, given.min_score, given.max_fpir)
    needed = found.acceptance
    lines = [
        f"{found.identity or 'nobody enrolled'} (score {found.score:.4f} among {found.people:,} "
        f"people with {found.searched:,} templates; accepted from {needed.score:.4f})"
    ]
    if given.top > 1:
        lines += [
            f"{at}. {one.identity} (score {one.score:.4f}{', accepted' if one.accepted else ''})"
            for at, one in enumerate(found.candidates, 1)
        ]
    content = {
        "id": found.identity,
        "score": found.score,
        "searched": found.searched,
        "people": found.people,
        "candidates": [vars(one) for one in found.candidates],
        "accepted_from": needed.score,
        "asked_fpir": needed.asked_fpir,
        "shown_fpir": needed.shown_fpir,
    }
    _say(given, "\n".join(lines), content)
    if not needed.is_as_asked:
        shown = "nothing" if needed.shown_fpir is None else f"no less than {needed.shown_fpir:.2g}"
        print(
            f"note: a stranger may get a name in {needed.asked_fpir:.2g} of searches, and the "
            f"pairs that the model was decided on show {shown} for {found.people:,} people: the "
            "strictest threshold is taken",
            file=sys.stderr,
        )
    return YES if found.identity is not None else NO


def _forget(given: argparse.Namespace) -> int:
    with _authenticator(given) as (authenticator, _):
        count = authenticator.forget(given.id)
    _say(given, f"forgot {given.id}: {count} templates deleted", {"id": given.id, "deleted": count})
    return YES


def _new_key(given: argparse.Namespace) -> int:
    from serving.enrolment.cipher import new_key

    print(new_key())
    return YES


def _say(given: argparse.Namespace, text: str, content: dict[str, Any]) -> None:
    print(json.dumps(content) if given.json else text)


def _is_folder(model: str | None) -> bool:
    """Whether a model is a folder here, and not a name on a server."""
    return model is not None and (os.sep in model or Path(model).is_dir())


def _client(given: argparse.Namespace) -> "Client":
    from serving.client.client import Client
    from serving.client.endpoint import Endpoint

    endpoint = Endpoint(
        url=given.url,
        model=given.model or _DEFAULT_MODEL,
        version=given.version,
        label=given.label,
        timeout_s=given.timeout,
        token=os.environ.get("FACEAUTH_TOKEN") or None,
        ca_file=given.ca,
    )
    return Client(endpoint)


@contextmanager
def _authenticator(given: argparse.Namespace) -> "Iterator[tuple[Authenticator, Client]]":
    from serving.enrolment.authenticator import Authenticator
    from serving.enrolment.cipher import TemplateCipher
    from serving.enrolment.store import TemplateStore

    store = TemplateStore(given.store, TemplateCipher.from_environment())
    try:
        with _client(given) as client:
            # Arranging millions of templates for an approximate search takes longer than the one
            # exact search that a command makes.
            yield Authenticator(client, store, exact_numbers=None), client
    finally:
        store.close()


def _parser(others: Sequence[Callable[[Any], None]]) -> argparse.ArgumentParser:
    server = argparse.ArgumentParser(add_help=False)
    group = server.add_argument_group("the server")
    group.add_argument(
        "--url",
        default=os.environ.get("FACEAUTH_URL", _DEFAULT_URL),
        help="http://, https://, grpc:// or grpcs:// (%(default)s)",
    )
    group.add_argument(
        "--model",
        help=f"the model's name ({_DEFAULT_MODEL}); verify takes a folder of an exported model as "
        "well, and needs no server then",
    )
    which = group.add_mutually_exclusive_group()
    which.add_argument("--version", type=int, help="ask this version instead of the newest")
    which.add_argument("--label", help="ask the version with this label, such as stable")
    group.add_argument("--timeout", type=float, default=30.0, help="seconds (%(default)s)")
    group.add_argument("--ca", type=Path, metavar="FILE", help="trust this CA's certificates")
    group.add_argument("--json", action="store_true", help="print JSON")
    store = argparse.ArgumentParser(add_help=False)
    store.add_argument(
        "--store",
        default=os.environ.get("FACEAUTH_STORE", _DEFAULT_STORE),
        metavar="URL",
        help="where templates are kept, a SQLAlchemy URL (%(default)s)",
    )

    parser = argparse.ArgumentParser(
        prog="faceauth",
        description="Verify faces with a served model, and enrol and authenticate people.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(
        name: str, run: Callable[[argparse.Namespace], int], text: str, stored: bool = False
    ) -> argparse.ArgumentParser:
        parents = [server, store] if stored else [server]
        added = commands.add_parser(name, help=text, description=text, parents=parents)
        added.set_defaults(run=run)
        return added

    verify = command("verify", _verify, "Do two photos show one person?")
    verify.add_argument("a", type=Path)
    verify.add_argument("b", type=Path)
    add_face(verify, several=False)
    embed = command("embed", _embed, "Print the embeddings of photos, one JSON line each.")
    embed.add_argument("photos", type=Path, nargs="+", metavar="photo")
    embed.add_argument("--out", type=Path, metavar="FILE.npy", help="write an array instead")
    add_face(embed, several=True)
    command("status", _status, "Show the versions of the model on the server.")
    enroll = command("enroll", _enroll, "Enrol a person, in place of an earlier enrolment.", True)
    enroll.add_argument("id", metavar="ID")
    enroll.add_argument("photos", type=Path, nargs="+", metavar="photo")
    add_as_is(enroll)
    authenticate = command("authenticate", _authenticate, "Does a photo show this person?", True)
    authenticate.add_argument("id", metavar="ID")
    authenticate.add_argument("photo", type=Path)
    add_as_is(authenticate)
    identify = command("identify", _identify, "Which enrolled person does a photo show?", True)
    identify.add_argument("photo", type=Path)
    identify.add_argument("--top", type=int, default=1, metavar="N", help="list N candidates")
    identify.add_argument("--min_score", type=float, help="leave out who scores less, 0 to 1")
    identify.add_argument(
        "--max_fpir",
        type=float,
        help="how often a stranger may get a name; by default, as often as in one verification",
    )
    add_face(identify, several=False)
    frame_command.add_command(commands)
    forget = command("forget", _forget, "Delete a person's templates.", True)
    forget.add_argument("id", metavar="ID")
    key = commands.add_parser("new-key", help="Print a new key for the template store.")
    key.set_defaults(run=_new_key)
    for add in others:
        add(commands)
    return parser


def main(
    arguments: Sequence[str] | None = None, others: Sequence[Callable[[Any], None]] = ()
) -> int:
    """Runs a command; returns its exit code.

    Args:
        arguments: The command line without the program; by default, this process's.
        others: Each adds a command from elsewhere to what ``add_subparsers`` gave, with a default
            ``run`` as those here have it.
    """
    given = _parser(others).parse_args(arguments)
    # Only now, so that --help does not wait for them.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from serving.client.errors import ServingError
    from serving.enrolment.errors import EnrolmentError

    try:
        return int(given.run(given))
    except (ServingError, EnrolmentError, OSError, RuntimeError, ValueError) as error:
        # RuntimeError: the finder's weights are missing, or an unusual model's graph fails.
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return FAILED


if __name__ == "__main__":
    sys.exit(main())
