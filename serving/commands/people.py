"""``faceauth enroll``, ``authenticate``, ``identify``, ``forget``: people and their templates."""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from serving.commands.options import (
    NO,
    YES,
    add_as_is,
    add_face,
    add_open_store,
    add_server,
    add_store,
    client_of,
    say,
    send,
    store_place,
)

if TYPE_CHECKING:
    from serving.client.client import Client
    from serving.enrolment.authenticator import Authenticator


def enroll(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``faceauth enroll``."""
    parser.add_argument("id", metavar="ID")
    parser.add_argument("photos", type=Path, nargs="+", metavar="photo")
    _add_store(parser)
    add_as_is(parser)
    parser.set_defaults(run=_enroll)


def authenticate(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``faceauth authenticate``."""
    parser.add_argument("id", metavar="ID")
    parser.add_argument("photo", type=Path)
    _add_store(parser)
    add_as_is(parser)
    parser.set_defaults(run=_authenticate)


def identify(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``faceauth identify``."""
    parser.add_argument("photo", type=Path)
    parser.add_argument("--top", type=int, default=1, metavar="N", help="list N candidates")
    parser.add_argument("--min_score", type=float, help="leave out who scores less, 0 to 1")
    parser.add_argument(
        "--max_fpir",
        type=float,
        help="how often a stranger may get a name; by default, as often as in one verification",
    )
    _add_store(parser)
    add_face(parser, several=False)
    parser.set_defaults(run=_identify)


def forget(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``faceauth forget``."""
    parser.add_argument("id", metavar="ID")
    _add_store(parser)
    parser.set_defaults(run=_forget)


def new_key(parser: argparse.ArgumentParser) -> None:
    """Adds nothing: ``faceauth new-key`` takes no arguments."""
    parser.set_defaults(run=_new_key)


def new_signing_key(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``faceauth new-signing-key``."""
    parser.add_argument("folder", type=Path, help="where signing.pem and verifying.pem are written")
    parser.set_defaults(run=_new_signing_key)


def change_key(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``faceauth change-key``."""
    add_store(parser)
    parser.epilog = f"""{parser.epilog or ""}\
  FACEAUTH_TEMPLATE_KEY      the key that opens the templates now
  FACEAUTH_NEW_TEMPLATE_KEY  the key that is to open them from then on
"""
    parser.set_defaults(run=_change_key)


def _add_store(parser: argparse.ArgumentParser) -> None:
    add_server(parser)
    add_open_store(parser)


@contextmanager
def _authenticator(given: argparse.Namespace) -> "Iterator[tuple[Authenticator, Client]]":
    from serving.enrolment.authenticator import Authenticator
    from serving.enrolment.cipher import TemplateCipher
    from serving.enrolment.store import TemplateStore

    store = TemplateStore(store_place(given.store), TemplateCipher.from_environment())
    try:
        with client_of(given) as client:
            # Arranging millions of templates for an approximate search takes longer than the one
            # exact search that a command makes.
            yield Authenticator(client, store, exact_numbers=None), client
    finally:
        store.close()


def _enroll(given: argparse.Namespace) -> int:
    with _authenticator(given) as (authenticator, client):
        sent = send(given, client, given.photos)
        count = authenticator.enroll(given.id, [one.content for [one] in sent])
    say(given, f"enrolled {given.id} with {count} templates", {"id": given.id, "templates": count})
    return YES


def _authenticate(given: argparse.Namespace) -> int:
    with _authenticator(given) as (authenticator, client):
        [[sent]] = send(given, client, [given.photo])
        decision = authenticator.authenticate(given.id, sent.content)
    word = "accepted" if decision.accepted else "rejected"
    say(
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
    say(given, "\n".join(lines), content)
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
    say(given, f"forgot {given.id}: {count} templates deleted", {"id": given.id, "deleted": count})
    return YES


def _change_key(given: argparse.Namespace) -> int:
    from serving.enrolment.cipher import TemplateCipher
    from serving.enrolment.store import TemplateStore

    new = TemplateCipher.from_environment("FACEAUTH_NEW_TEMPLATE_KEY")
    store = TemplateStore(store_place(given.store), TemplateCipher.from_environment())
    try:
        count = store.change_key(new)
    finally:
        store.close()
    print(f"{count} templates open with the new key alone; keep it in FACEAUTH_TEMPLATE_KEY")
    return YES


def _new_signing_key(given: argparse.Namespace) -> int:
    from serving.manifest import SIGNING_KEY, VERIFYING_KEY, new_signing_key

    signing, verifying = (given.folder / name for name in ("signing.pem", "verifying.pem"))
    private, public = new_signing_key()
    given.folder.mkdir(parents=True, exist_ok=True)
    # Neither replaces a key that is there.
    with open(os.open(signing, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(private)
    with verifying.open("xb") as file:
        file.write(public)
    print(
        f"{SIGNING_KEY}={signing.absolute()}    where models are pushed; tell it to nobody\n"
        f"{VERIFYING_KEY}={verifying.absolute()}    where they are loaded"
    )
    return YES


def _new_key(_given: argparse.Namespace) -> int:
    from serving.enrolment.cipher import new_key

    print(new_key())
    return YES
