"""A name is found wherever it stands alone, and not in other names."""

import gzip
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from pipeline.kept_runs.search import files_with, pattern

DIGEST = sha256(b"photo").hexdigest()


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"Ada/1.jpg", True),
        (b"a,Ada,1", True),
        (b'{"id": "Ada"}', True),
        (b"\x0a\x03Ada\x12", True),  # In a serialised message, behind its length.
        ("Ada".encode("utf-32-le"), True),
        (b"Adam", False),
        (b"xAda", False),
        (b"zAda~", False),  # As random bytes spell it.
        (b"", False),
    ],
)
def test_a_short_name(content: bytes, found: bool) -> None:
    assert bool(pattern("Ada").search(content)) is found


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"zAda_Lovelace", False),
        (b"~Ada_Lovelace~", True),
        (b"Ada_Lovelace_0001.jpg", True),
        (b"Ada_Lovelaces", False),
        ("éAda_Lovelace".encode(), False),
    ],
)
def test_a_long_name(content: bytes, found: bool) -> None:
    assert bool(pattern("Ada_Lovelace").search(content)) is found


def test_a_name_is_found_in_any_spelling() -> None:
    composed, decomposed = "Ren\u00e9e", "Rene\u0301e"
    for asked in (composed, decomposed, "Ren\u00e9\u200be"):
        for content in (composed, decomposed):
            assert pattern(asked).search(f"a,{content},1".encode())
    assert not pattern("Renee").search(f"a,{composed},1".encode())


def test_a_digest_is_found_as_digits_and_as_bytes() -> None:
    wanted = pattern("Ada", [DIGEST])
    assert wanted.search(b"x" + DIGEST.encode())
    assert wanted.search(b"x" + bytes.fromhex(DIGEST) + b"x")
    assert not pattern("Ada").search(DIGEST.encode())


def test_files_are_looked_into_and_their_names_count(tmp_path: Path) -> None:
    (tmp_path / "Ada").mkdir()
    (tmp_path / "Ada" / "1").write_bytes(b"")
    (tmp_path / "others.txt").write_text("Adam, Ben")
    (tmp_path / "list.csv").write_text("Ben\nAda\n")
    (tmp_path / "records.gz").write_bytes(gzip.compress(b"\x03Ada"))
    np.savez_compressed(tmp_path / "names.npz", names=np.array(["Ben", "Ada"]))
    np.savez_compressed(tmp_path / "zeros.npz", names=np.zeros(9))
    (tmp_path / "not.gz").write_bytes(b"\x1f\x8bAd")
    found = [str(path.relative_to(tmp_path)) for path in files_with(tmp_path, pattern("Ada"))]
    assert found == ["Ada/1", "list.csv", "names.npz", "records.gz"]
