"""The real run loop around a stand-in for the ``tfx`` command."""

import io
import json
import os
import re
import shutil
import signal
import sqlite3
import sys
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from rich.console import Console

from pipeline.errors import CommandError
from pipeline.launcher.lock import wait_until_free
from pipeline.launcher.once import RunError, run_pipeline, show_last
from pipeline.launcher.tfx_cli import runner_script


@dataclass
class FakeData:
    span: int | None = None


@dataclass
class FakeConfig:
    name: str
    root: Path
    metadata_path: Path
    keep_runs: int | None = None
    data: FakeData = field(default_factory=FakeData)


class Runner:
    """Runs the fake pipeline and keeps what came on the screen."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = folder / "runs" / "fake"
        self.config = FakeConfig("fake", self.root, self.root / "metadata.sqlite")
        self.config_path = folder / "fake.yaml"
        self.tfx = folder / "tfx"
        source = (Path(__file__).parent / "fake_tfx.py").read_text()
        self.tfx.write_text(f"#!{sys.executable}\n{source}")
        self.tfx.chmod(0o755)
        self._monkeypatch = monkeypatch
        monkeypatch.setenv("FAKE_METADATA", str(self.config.metadata_path))

    def __call__(self, mode: str) -> str:
        self._monkeypatch.setenv("FAKE_TFX", mode)
        self.screen = io.StringIO()
        console = Console(file=self.screen, width=60)
        run_pipeline(self.config, self.config_path, "local", self.tfx, console)
        return self.text()

    def text(self) -> str:
        # Times and what components cost differ from run to run.
        text = re.sub(r"\d+\.\d s", "T s", self.screen.getvalue())
        return re.sub(r"(?<=Total T s\n)(?:  .*\n)+", "  costs\n", text)

    def logs(self) -> list[Path]:
        return sorted((self.root / "logs").glob("*.log"))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runner:
    monkeypatch.chdir(tmp_path)
    return Runner(tmp_path, monkeypatch)


def test_fresh_run_shows_every_step_and_the_outcome(run: Runner) -> None:
    text = run("fresh")
    [log] = run.logs()
    assert text == (
        f"fake: fake.yaml, engine local, log runs/fake/logs/{log.name}\n"
        "  data ...\n"
        "  data: T s\n"
        "  tfx pipeline create ...\n"
        "  tfx pipeline create: T s\n"
        "  start of TFX ...\n"
        "  start of TFX: T s\n"
        "  Trainer ...\n"
        "    epoch 1/2 loss 0.50\n"
        "  Trainer: T s\n"
        "  Pusher ...\n"
        "  Pusher: T s\n"
        "Total T s\n"
        "  costs\n"
        "\n"
        "This pipeline wrote no summary of its evaluation (no Report component ran).\n"
        "Pushed: runs/fake/serving/17\n"
        "\n"
        "model             runs/fake/model/1\n"
        "TensorBoard logs  runs/fake/model_run/1\n"
    )
    # The noise is in the log and not on the screen.
    assert "INFO:absl:Component Trainer is running." in log.read_text()
    assert "INFO:absl" not in text


def test_the_first_line_names_the_span(run: Runner) -> None:
    run.config.data.span = 12
    assert run("fresh").startswith("fake: fake.yaml, span 12, engine local, log ")


def test_second_run_registers_nothing_and_marks_what_was_cached(run: Runner) -> None:
    run("fresh")
    text = run("cached")
    assert "tfx pipeline create" not in text
    assert "  Trainer: cached\n" in text
    assert "  Pusher: cached\n" in text
    assert "Already pushed, nothing changed since: runs/fake/serving/17\n" in text


def test_pipeline_registered_under_another_script_is_updated(run: Runner) -> None:
    stored = run.root.parent / "tfx_home" / "local" / "fake" / "pipeline_args.json"
    stored.parent.mkdir(parents=True)
    stored.write_text('{"pipeline_dsl_path": "/elsewhere/local_runner.py"}')
    run("fresh")
    assert json.loads(stored.read_text())["pipeline_dsl_path"] == str(runner_script("local"))


def test_failed_component_is_named_with_its_error_and_the_log(run: Runner) -> None:
    with pytest.raises(RunError) as failure:
        run("fails")
    [log] = run.logs()
    assert str(failure.value) == (
        "\nPusher failed:\n"
        "  OSError: no room on the disk\n"
        "  free some\n"
        f"The whole log: runs/fake/logs/{log.name}\n"
        "What finished is kept: the same command goes on from there."
    )
    assert "  Pusher: failed after T s\n" in run.text()
    assert "Pushed" not in run.text()


def test_component_whose_inputs_do_not_resolve_fails_the_run(run: Runner) -> None:
    # TFX itself ends with exit code 0 here.
    with pytest.raises(RunError, match=r"Trainer failed"):
        run("unresolved")
    assert "  Trainer: failed after T s\n" in run.text()


def test_killed_run_shows_the_end_of_the_log(run: Runner) -> None:
    with pytest.raises(RunError, match=r"Trainer failed and gave no reason(?s:.*)the last words"):
        run("killed")


def test_environment_reaches_the_definition(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_PRINT_ENV", "1")
    monkeypatch.setenv("FACEAUTH__A__B", "3")
    run("fresh")
    assert f"config {run.config_path} epochs 3\n" in run.logs()[0].read_text()


def test_ctrl_c_ends_the_command_and_says_how_to_go_on(run: Runner) -> None:
    def press_when_training() -> None:
        while "loss" not in run.screen.getvalue():
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    run.screen = io.StringIO()
    # A shell starts what runs in its background with Ctrl-C ignored, and pytest may be that.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=press_when_training, daemon=True).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            run("hangs")
    finally:
        signal.signal(signal.SIGINT, before)
    assert "  Trainer: stopped after T s\n" in run.text()
    assert "the same command goes on from there" in run.text()
    # Nothing holds the lock any more.
    assert "Pushed" in run("fresh")


def test_second_run_at_the_same_time_is_refused(run: Runner) -> None:
    refusals: list[str] = []

    def prepare() -> None:
        with pytest.raises(RunError) as refusal:
            run("fresh")
        refusals.append(str(refusal.value))

    run_pipeline_screen = Console(file=io.StringIO())
    run("fresh")
    run_pipeline(
        run.config, run.config_path, "local", run.tfx, run_pipeline_screen, prepare=prepare
    )
    lock = run.root / "run.lock"
    assert refusals == [f"another run of fake is going on (it holds {lock}); wait for its end"]


def test_show_last_repeats_the_outcome(run: Runner) -> None:
    screen = io.StringIO()
    with pytest.raises(RunError, match=r"fake has not been run"):
        show_last(run.config, Console(file=screen))
    run("fresh")
    show_last(run.config, Console(file=screen))
    assert screen.getvalue().endswith(
        "Pushed: runs/fake/serving/17\n"
        "\n"
        "model             runs/fake/model/1\n"
        "TensorBoard logs  runs/fake/model_run/1\n"
    )


def test_an_artifact_that_was_changed_is_set_aside_before_the_next_run(run: Runner) -> None:
    model = run.root / "model" / "1"
    model.mkdir(parents=True)
    (model / "weights").write_bytes(b"right")
    run("fresh")
    (model / "weights").write_bytes(b"wrong")
    text = run("cached")
    assert "fake/model/1 is not as it was finished (weights was changed)" in text
    assert (run.root / "damaged" / "fake.model.1" / "weights").read_bytes() == b"wrong"


def test_a_run_is_known_by_its_number_and_not_by_the_clock(
    run: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("fresh")
    monkeypatch.setattr(time, "time", lambda: 4e9)  # The year 2096; the run's own clock is right.
    assert "Pushed: runs/fake/serving/17" in run("fresh")


def test_a_locked_store_is_waited_for_and_then_given_up(tmp_path: Path) -> None:
    path = tmp_path / "metadata.sqlite"
    said: list[str] = []
    wait_until_free(path, said.append)  # There is none.
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("create table t (a)")
        other.execute("begin exclusive")
        with pytest.raises(CommandError, match=r"has been locked for 0\.2 s by another program"):
            wait_until_free(path, said.append, first_s=0.1, all_s=0.2)
        assert said == [f"waiting for {path}, which another program has locked"]
        other.execute("rollback")
    wait_until_free(path, said.append)
    assert len(said) == 1


def test_a_store_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "metadata.sqlite"
    path.write_bytes(b"no database at all, and long enough to be read as one" * 20)
    with pytest.raises(CommandError, match=r"cannot be used: file is not a database; mend"):
        wait_until_free(path, print)


def test_a_failure_on_a_full_disk_says_so(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")._replace(free=4096)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(RunError, match=r"Pusher failed\. No space is left for its log in .*/logs:"):
        run("fails")


def test_a_runs_folder_that_cannot_be_written_is_one_line(run: Runner) -> None:
    run.root.parent.parent.mkdir(exist_ok=True)
    run.root.parent.write_text("a file where the folder should be")
    with pytest.raises(RunError) as failure:
        run("fresh")
    assert str(failure.value) == (
        f"{run.root}, where runs are kept, cannot be written: Not a directory; set runs_dir in the "
        "config to a folder that can"
    )


def test_events_are_beside_the_log(run: Runner) -> None:
    run("fresh")
    [log] = run.logs()
    events = [json.loads(line) for line in log.with_suffix(".jsonl").read_text().splitlines()]
    assert [(each["event"], each.get("step")) for each in events] == [
        ("run_began", None),
        ("step_began", "data"),
        ("step_ended", "data"),
        ("step_began", "tfx pipeline create"),
        ("step_ended", "tfx pipeline create"),
        ("step_began", "start of TFX"),
        ("step_ended", "start of TFX"),
        ("step_began", "Trainer"),
        ("message", "Trainer"),
        ("step_ended", "Trainer"),
        ("step_began", "Pusher"),
        ("step_ended", "Pusher"),
        ("run_ended", None),
    ]
    assert events[-1]["state"] == "done"
    assert sorted(events[-1]["costs"]) == ["Pusher", "Trainer"]
    # The stand-in for tfx imports ML Metadata: no process does that in 10 MiB.
    assert events[-1]["costs"]["Trainer"]["peak_mib"] > 10


def test_what_a_run_that_failed_leaves_of_events(run: Runner) -> None:
    with pytest.raises(RunError):
        run("fails")
    [path] = (run.root / "logs").glob("*.jsonl")
    *_, failed, ended = [json.loads(line) for line in path.read_text().splitlines()]
    assert (failed["step"], failed["state"]) == ("Pusher", "failed")
    assert (ended["event"], ended["state"]) == ("run_ended", "failed")


def test_logs_are_their_owners_alone(run: Runner) -> None:
    before = os.umask(0)
    try:
        run("fresh")
    finally:
        os.umask(before)
    [log] = run.logs()
    assert log.parent.stat().st_mode & 0o777 == 0o700
    assert log.stat().st_mode & 0o777 == 0o600
