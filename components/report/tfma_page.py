"""TFMA's own view of an evaluation as one HTML file, outside a notebook and without a network.

TensorFlow Model Analysis ships its front end, web components for notebooks, as one script. Its
tables and columns are drawn with Google Charts, which it fetches from gstatic.com unless
``google.charts`` is there already, and it asks Google for a font. ``static/google_charts.js`` is
there first: a small stand-in with the two kinds of chart that the slicing metrics need.
"""

import base64
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from markupsafe import Markup

from components.report.templates import render


def front_end() -> str:
    """The script with TFMA's web components, from the installed package.

    Raises:
      FileNotFoundError: The package came without its front end.
    """
    # Found without importing it, which takes half a minute.
    spec = find_spec("tensorflow_model_analysis")
    folders = spec.submodule_search_locations if spec else None
    file = Path(folders[0] if folders else ".", "static", "vulcanized_tfma.js")
    if not file.is_file():
        raise FileNotFoundError(
            f"{file} is missing: this tensorflow-model-analysis was installed without its front "
            "end; install the wheel that requirements.lock names"
        )
    return file.read_text(encoding="utf-8")


def slicing_metrics(evaluation: str | Path) -> dict[str, Any]:
    """The evaluation in the form that TFMA's slicing metrics browser takes.

    Args:
      evaluation: Folder of a ModelEvaluation artifact.

    Returns:
      ``config`` and ``data``: for each slice its name and its metrics, the overall slice first.
    """
    import tensorflow_model_analysis as tfma
    from tensorflow_model_analysis.slicer import slicer_lib
    from tensorflow_model_analysis.view import util

    written = json.loads((Path(evaluation) / "eval_config.json").read_text(encoding="utf-8"))
    models = written["evalConfig"]["modelSpecs"]
    candidate = next(model for model in models if not model.get("isBaseline"))
    result = tfma.load_eval_result(str(evaluation), model_name=candidate.get("name"))
    slices = sorted(result.slicing_metrics, key=lambda found: (len(found[0]), found[0]))
    return {
        "config": util.get_slicing_config(result.config),
        "data": [
            {"slice": _plain(slicer_lib.stringify_slice_key(key)), "metrics": metrics}
            for key, metrics in slices
        ],
    }


def tfma_page(title: str, content: dict[str, Any]) -> str:
    """The page.

    Args:
      title: For the window and the heading.
      content: From ``slicing_metrics``.
    """
    script = front_end()
    if "</script" in script:
        raise ValueError(
            "TFMA's front end holds '</script', which ends a script in HTML; escape it before "
            "putting it into a page"
        )
    payload = base64.b64encode(json.dumps(content).encode()).decode()
    return render("tfma.html.j2", title=title, script=Markup(script), payload=payload)


def _plain(name: str) -> str:
    """A slice's name without what HTML could take for a tag: TFMA's table does not escape it."""
    return name.replace("<", "‹").replace(">", "›")
