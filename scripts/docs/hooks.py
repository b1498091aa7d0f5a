"""What MkDocs calls, see ``mkdocs.yml``: adds the pages that are made from the code.

The site is built on the project's own Python (``python -m mkdocs``), because the reference of the
config is read from the package.
"""

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

from pipeline.config import PipelineConfig
from scripts.docs.api_pages import api_pages
from scripts.docs.config_reference import reference

ROOT = Path(__file__).resolve().parents[2]
CONFIG_PAGE = "reference/config.md"
# Pages that stand where people look for them in the repository.
REPOSITORY_PAGES = (
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "PRIVACY.md",
    "SECURITY.md",
    "serving/README.md",
    "serving/local_server/README.md",
    "serving/tf_serving/README.md",
    "serving/web/README.md",
)

_INTRODUCTION = """\
# Config

Every key of a config, made from the code that checks it. A config is one YAML file; a key that is
not here is an error. `FACEAUTH__SECTION__KEY=value` in the environment goes over a value of the
file, `${NAME:-default}` in a text stands for an environment variable.

"""


def on_config(config: Any) -> Any:
    """Puts the pages of the API into the navigation."""
    for entry in config["nav"]:
        if "API" in entry:
            entry["API"] = [{page.package: page.path} for page in api_pages(ROOT)]
    return config


def on_files(files: Files, config: Any) -> Files:
    """Adds what is not written in ``docs/``."""
    made = {page.path: page.text for page in api_pages(ROOT)}
    made[CONFIG_PAGE] = _INTRODUCTION + reference(PipelineConfig)
    for path in REPOSITORY_PAGES:
        made[path] = for_the_site((ROOT / path).read_text(encoding="utf-8"))
    for path, text in made.items():
        files.append(File.generated(config, path, content=text))
    return files


def for_the_site(text: str) -> str:
    """A page of the repository with its links as they are from the site's pages.

    What ``docs/`` holds is at the site's root; a link to a source file becomes its text.
    """
    text = re.sub(r"\]\(((?:\.\./)*)docs/", r"](\1", text)
    return re.sub(r"\[([^\]]+)\]\((?!https?:|#)(?![^)]*\.(?:md|svg)[)#])[^)]*\)", r"\1", text)
