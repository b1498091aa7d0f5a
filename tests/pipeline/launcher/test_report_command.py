"""The copy of the report with its times, from records made by hand."""

import pytest

from components.report.times import no_times
from pipeline import faceauth
from pipeline.launcher.records import Artifact, Execution, RunRecord
from pipeline.launcher.report import NoReportError, assemble, can_open


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "summary" / "16"
    folder.mkdir(parents=True)
    (folder / "report.html").write_text(f"<p>{no_times()}</p>")
    (folder / "tfma.html").write_text("tfma")
    (folder / "summary.json").write_text("{}")
    return folder


def run(source):
    model = Artifact("Model", "/runs/model/11", {}, 11)
    summary = Artifact("RunSummary", str(source), {}, 16)
    return RunRecord(
        "run-1",
        1,
        1000.0,
        (
            Execution("Transform", "CACHED", (), 1000.5, 1000.5),
            Execution("Trainer", "COMPLETE", (model,), 1001.0, 1031.5),
            Execution("Report", "COMPLETE", (summary,), 1040.0, 1050.0),
        ),
    )


def test_the_copy_has_the_times_and_the_artifact_is_left_alone(source, tmp_path):
    before = (source / "report.html").read_text()
    report = assemble(run(source), tmp_path / "shown")
    page = report.read_text()
    assert ">30.5</td>" in page
    assert ">cached</td>" in page
    assert "Model 11" in page
    assert "50.0 s until its last component had ended" in page
    assert (source / "report.html").read_text() == before
    names = sorted(path.name for path in report.parent.iterdir())
    assert names == ["report.html", "summary.json", "tfma.html"]


def test_a_run_without_a_report_says_what_failed(tmp_path):
    failed = RunRecord("run-2", 2, 0.0, (Execution("Trainer", "FAILED", ()),))
    with pytest.raises(NoReportError, match=r"run-2 made no report \(Trainer failed\)"):
        assemble(failed, tmp_path)


def test_a_browser_is_opened_only_where_there_is_a_screen():
    assert can_open({"DISPLAY": ":0"})
    assert can_open({"WAYLAND_DISPLAY": "wayland-0"})
    assert not can_open({"DISPLAY": ""})
    assert not can_open({})


def test_without_a_run_the_command_says_how_to_make_one(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FACEAUTH__RUNS_DIR", str(tmp_path))
    assert faceauth.main(["report", "--config", "pipeline/configs/ci.yaml"]) == 2
    where = tmp_path / "ci" / "metadata.sqlite"
    assert capsys.readouterr().err == f"there is no run in {where}; faceauth run makes one\n"


def test_a_report_of_an_older_release_is_named(source, tmp_path):
    (source / "report.html").write_text("<p></p>")
    with pytest.raises(NoReportError, match=r"16/report.html: .* run the pipeline again"):
        assemble(run(source), tmp_path / "shown")
