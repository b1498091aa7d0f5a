"""``faceauth``: what the clients of ``serving`` offer, and what needs the components besides.

``serving`` knows nothing of the components; here the two meet.
"""

import sys
from collections.abc import Sequence

from pipeline import calibrate
from serving.client import cli


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns its exit code."""
    return cli.main(arguments, [calibrate.add_command])


if __name__ == "__main__":
    sys.exit(main())
