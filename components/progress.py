"""Lines of progress for the person who watches a run."""

import sys

# pipeline/launcher/tfx_cli.py shows what follows this mark and leaves the rest to the log file.
MARK = "faceauth-progress: "


def say(message: str) -> None:
    """Prints one line of progress."""
    print(f"{MARK}{message}", file=sys.stderr, flush=True)
