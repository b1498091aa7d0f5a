"""The example notebook runs, and is committed as it is before a run."""

from pathlib import Path

import nbformat
import pytest

from pipeline.config import PROJECT

NOTEBOOK = PROJECT / "examples" / "first_run.ipynb"


def test_it_is_committed_without_outputs() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert len(cells) > 5
    assert all(cell.outputs == [] and cell.execution_count is None for cell in cells)


@pytest.mark.e2e
def test_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nbclient import NotebookClient

    for key, value in {
        "RUNS_DIR": tmp_path / "runs",
        "SERVING__BASE_DIR": tmp_path / "models",
        "DATA__IMAGES": tmp_path / "faces",
        "DATA__IMAGE_LIST": tmp_path / "faces" / "images.csv",
    }.items():
        monkeypatch.setenv(f"FACEAUTH__{key}", str(value))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "1")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = NotebookClient(
        notebook, timeout=1800, kernel_name="python3", resources={"metadata": {"path": PROJECT}}
    )

    client.execute()

    text = "".join(
        output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", [])
    )
    assert "\nblessed\n" in text
    pictures = [
        output
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    assert len(pictures) == 2
    assert len(list((tmp_path / "models" / "faceauth").glob("[0-9]*"))) == 1
