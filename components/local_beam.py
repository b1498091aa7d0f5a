"""Beam in this process."""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import apache_beam as beam

# By its whole name: "DirectRunner" is a choice among runners, of which Beam 2.66 and later try one
# first (Prism) that they download.
IN_PROCESS_RUNNER: Final = "apache_beam.runners.portability.fn_api_runner.fn_runner.FnApiRunner"


def in_process_pipeline() -> "beam.Pipeline":
    """A new Beam pipeline that runs in this process and downloads nothing."""
    import apache_beam as beam

    return beam.Pipeline(argv=[f"--runner={IN_PROCESS_RUNNER}"])
