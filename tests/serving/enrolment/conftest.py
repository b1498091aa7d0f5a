import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

POSTGRES = "FACEAUTH_TEST_POSTGRES"


@pytest.fixture(scope="session")
def postgres_url():
    """An empty PostgreSQL database: the one an environment variable names, or one started here."""
    if POSTGRES in os.environ:
        yield os.environ[POSTGRES]
        return
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    search = os.pathsep.join([os.environ["PATH"], *map(str, folders)])
    initdb, pg_ctl = (shutil.which(name, path=search) for name in ("initdb", "pg_ctl"))
    if not initdb or not pg_ctl:
        pytest.skip(f"no PostgreSQL here (scripts/setup_test_tools.sh), nor in {POSTGRES}")
    with tempfile.TemporaryDirectory() as folder:
        # The server refuses to run as root.
        run_as = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if run_as:
            shutil.chown(folder, "postgres")
        data = f"{folder}/data"

        def run(*command):
            # Into a file: a server that is started would hold a pipe open.
            with open(f"{folder}/output", "w+b") as output:
                code = subprocess.run([*run_as, *command], stdout=output, stderr=output).returncode
                output.seek(0)
                assert code == 0, output.read().decode()

        run(initdb, "-D", data, "-U", "faceauth", "-A", "trust", "--no-sync", "-E", "UTF8")
        settings = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
        run(pg_ctl, "-D", data, "-w", "-o", settings, "start")
        try:
            yield f"postgresql+psycopg://faceauth@/postgres?host={folder}"
        finally:
            run(pg_ctl, "-D", data, "-m", "immediate", "stop")
