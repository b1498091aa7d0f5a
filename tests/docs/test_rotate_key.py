"""The script of the page on rotating the template key does what the page says."""

import re
from pathlib import Path

import numpy as np
import pytest

from pipeline.config import PROJECT
from serving.enrolment import ModelVersion, TemplateCipher, TemplateKeyError, TemplateStore, new_key

PAGE = PROJECT / "docs" / "how-to" / "rotate_key.md"


def test_templates_open_with_the_new_key_and_no_longer_with_the_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [script] = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    url, old, new = f"sqlite:///{tmp_path / 'faceauth.db'}", new_key(), new_key()
    rng = np.random.default_rng(0)
    enrolled = {
        ("ada", ModelVersion("faceauth", 1)): rng.normal(size=(3, 4)).astype(np.float32),
        ("grace", ModelVersion("faceauth", 2)): rng.normal(size=(1, 4)).astype(np.float32),
        ("alan", ModelVersion("faceauth", 2)): rng.normal(size=(2, 4)).astype(np.float32),
    }
    store = TemplateStore(url, TemplateCipher(old))
    for (identity, made_by), vectors in enrolled.items():
        store.put(identity, made_by, vectors)
    store.close()
    for name, value in (("STORE", url), ("OLD_KEY", old), ("NEW_KEY", new)):
        monkeypatch.setenv(name, value)

    exec(compile(script, str(PAGE), "exec"), {})

    after, before = (TemplateStore(url, TemplateCipher(key)) for key in (new, old))
    for (identity, made_by), vectors in enrolled.items():
        np.testing.assert_array_equal(after.get(identity, made_by), vectors)
        with pytest.raises(TemplateKeyError, match="a template does not open"):
            before.get(identity, made_by)
    assert list(after.enrolled().values()) == [2, 1]
    after.close()
    before.close()
