"""Which stack set-up takes on which machine; the machine is made of programs that print."""

import shutil
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
SCRIPT = PROJECT / "scripts" / "setup_env.sh"
# What the script calls besides the programs that stand for the machine.
TOOLS = (
    "bash",
    "cat",
    "cut",
    "dirname",
    "env",
    "grep",
    "head",
    "mkdir",
    "sed",
    "sha256sum",
    "sort",
)


class Machine:
    """A PATH with nothing but what the script needs and what a test puts there."""

    def __init__(self, folder: Path, glibc: str, libstdcxx: bytes = b"GLIBCXX_3.4.32") -> None:
        self.bin = folder / "bin"
        self.bin.mkdir(parents=True)
        for tool in TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool))
        library = folder / "libstdc++.so.6"
        library.write_bytes(libstdcxx)
        self.program("getconf", f"echo glibc {glibc}")
        self.program("ldconfig", f"echo '\tlibstdc++.so.6 (libc6,x86-64) => {library}'")
        self.program("uname", 'case "$1" in -s) echo Linux ;; *) echo x86_64 ;; esac')

    def program(self, name: str, body: str) -> None:
        path = self.bin / name
        path.write_text(f"#!{self.bin}/bash\n{body}\n")
        path.chmod(0o755)

    def python(self, name: str, version: str) -> None:
        """A Python that knows its version and where it is."""
        self.program(
            name,
            f'case "$2" in *version_info*) echo {version} ;; *) echo {self.bin}/{name} ;; esac',
        )

    def explain(self, **environment: str) -> str:
        done = subprocess.run(
            [str(self.bin / "bash"), str(SCRIPT), "--explain"],
            env={"PATH": str(self.bin), "HOME": str(self.bin), **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        # Failures say why, too.
        return done.stderr.strip()


def test_the_newest_python_of_the_default_stack_is_taken(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "2.41")
    for version in ("3.10", "3.12", "3.13"):
        machine.python(f"python{version}", version)
    line = "default stack (tfx 1.21) on CPython 3.13: the newest that was found"
    assert machine.explain() == line
    (machine.bin / "python3.13").unlink()
    assert machine.explain() == line.replace("3.13", "3.12")


@pytest.mark.parametrize(("glibc", "takes"), [("2.38", "old"), ("2.39", "default")])
def test_glibc_decides(tmp_path: Path, glibc: str, takes: str) -> None:
    machine = Machine(tmp_path, glibc)
    machine.python("python3.13", "3.13")
    machine.python("python3.10", "3.10")
    said = machine.explain()
    assert said.startswith(f"{takes} stack")
    if takes == "old":
        assert said.endswith("CPython 3.10: this system has glibc 2.38, and tfx 1.21 needs 2.39")


def test_an_old_libstdcxx_is_named(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "2.41", b"GLIBCXX_3.4.31")
    machine.python("python3.13", "3.13")
    machine.python("python3.10", "3.10")
    said = machine.explain()
    assert said.startswith("old stack (tfx 1.16) on CPython 3.10: libstdc++ ")
    assert said.endswith("lacks GLIBCXX_3.4.32, which tfx 1.21 needs")


def test_a_python_that_does_not_run_is_passed_over(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "2.41")
    machine.program("python3.13", "exit 127")  # as a pyenv shim does
    machine.python("python3", "3.12")
    assert "on CPython 3.12" in machine.explain()


def test_the_old_stack_serves_where_nothing_newer_is_found(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "2.41")
    machine.python("python3.10", "3.10")
    assert machine.explain() == (
        "old stack (tfx 1.16) on CPython 3.10: neither 3.13 nor 3.12 was found"
    )


def test_python_overrides(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "2.41")
    for version in ("3.10", "3.11", "3.13"):
        machine.python(f"python{version}", version)
    assert machine.explain(PYTHON="python3.10") == (
        "old stack (tfx 1.16) on CPython 3.10: PYTHON asks for it"
    )
    assert "PYTHON is 'python3.11', which is CPython 3.11; give" in machine.explain(
        PYTHON="python3.11"
    )
    assert "PYTHON is 'python9', which is no command" in machine.explain(PYTHON="python9")


def test_the_default_stack_is_refused_where_its_wheels_would_not_load(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "2.36")
    machine.python("python3.13", "3.13")
    assert machine.explain(PYTHON="python3.13") == (
        "set-up failed: PYTHON is 'python3.13', CPython 3.13, but this system has glibc 2.36, and "
        "tfx 1.21 needs 2.39; give a CPython 3.10, or unset PYTHON"
    )
