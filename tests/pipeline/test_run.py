import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.run import FAILED, MISUSED, main


def test_help_needs_no_tensorflow() -> None:
    script = (
        "import sys\n"
        "from pipeline.run import main\n"
        "try:\n"
        "    main(['--help'])\n"
        "finally:\n"
        "    heavy = {'tensorflow', 'tfx', 'apache_beam', 'pydantic', 'rich'} & set(sys.modules)\n"
        "    print('heavy:', sorted(heavy))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0
    assert "--engine {local,beam}" in done.stdout
    assert "heavy: []" in done.stdout


def test_missing_config_is_reported_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "none.yaml"
    assert main(["--config", str(missing)]) == MISUSED
    assert str(missing) in capsys.readouterr().err


def test_outcome_of_a_pipeline_that_never_ran(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(f"name: never\nruns_dir: {tmp_path}\ndata:\n  images: {tmp_path}\n")
    assert main(["--config", str(config), "--last"]) == FAILED
    assert "never has not been run" in capsys.readouterr().err
