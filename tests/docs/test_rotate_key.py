"""The page on changing the template key names what does it."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.config import PROJECT
from pipeline.faceauth import main
from serving.enrolment import ModelVersion, TemplateCipher, TemplateKeyError, TemplateStore, new_key

PAGE = PROJECT / "docs" / "how-to" / "rotate_key.md"


def test_templates_open_with_the_new_key_and_no_longer_with_the_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "faceauth change-key" in PAGE.read_text(encoding="utf-8")
    url, old, new = f"sqlite:///{tmp_path / 'faceauth.db'}", new_key(), new_key()
    rng = np.random.default_rng(0)
    enrolled = {
        ("ada", ModelVersion("faceauth", 1)): rng.normal(size=(3, 4)).astype(np.float32),
        ("grace", ModelVersion("faceauth", 2, "a" * 64)): rng.normal(size=(1, 4)).astype("f4"),
        ("alan", ModelVersion("faceauth", 2)): rng.normal(size=(2, 4)).astype(np.float32),
    }
    store = TemplateStore(url, TemplateCipher(old))
    for (identity, made_by), vectors in enrolled.items():
        store.put(identity, made_by, vectors)
    store.close()
    monkeypatch.setenv("FACEAUTH_TEMPLATE_KEY", old)
    monkeypatch.setenv("FACEAUTH_NEW_TEMPLATE_KEY", new)

    assert main(["change-key", "--store", url]) == 0
    assert capsys.readouterr().out.startswith("6 templates open with the new key alone")
    # It is no longer the right key for doing it again.
    assert main(["change-key", "--store", url]) == 2

    after, before = (TemplateStore(url, TemplateCipher(key)) for key in (new, old))
    for (identity, made_by), vectors in enrolled.items():
        np.testing.assert_array_equal(after.get(identity, made_by), vectors)
        with pytest.raises(TemplateKeyError, match="a template does not open"):
            before.get(identity, made_by)
    after.put("ada", ModelVersion("faceauth", 2), np.zeros((1, 4), np.float32))
    assert list(after.enrolled().values()) == [2, 1]
    after.close()
    before.close()
