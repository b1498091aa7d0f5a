"""``faceauth-run``: runs the whole pipeline through the ``tfx`` command, and says what came out.

The config is read first, data that the config asks for is made, the pipeline is registered with
``tfx`` when it is not known yet, and then run. The screen shows the components and their times;
what TensorFlow, Beam and TFX print goes to a log file.
"""

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final, NoReturn

from pipeline.tfx_cli import CONFIG_VARIABLE, ENGINES, TfxCliError, find_tfx

if TYPE_CHECKING:
    from pipeline.config import PipelineConfig

DEFAULT_CONFIG: Final = Path(__file__).parent / "configs" / "synthetic.yaml"

OK: Final = 0
FAILED: Final = 1
MISUSED: Final = 2
STOPPED: Final = 128  # plus the number of the signal


class Stopped(KeyboardInterrupt):
    """A signal asked the run to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def main(argv: list[str] | None = None) -> int:
    """Run the command.

    Returns:
        0 when the pipeline ran to its end, blessed or not; 1 when it failed; 2 when it was not
        started because the config or the environment is wrong; 128 + n when signal n stopped it.
    """
    args = _parser().parse_args(argv)

    from rich.console import Console

    from pipeline.config import ConfigError, ensure_data, load_config
    from pipeline.run_once import RunError, run_pipeline, show_last

    console = Console(highlight=False)
    try:
        config = load_config(args.config)
        if args.last:
            show_last(config, console)
            return OK
        if args.data_only:
            _make_data(ensure_data, config)
            return OK
        with _signals():
            run_pipeline(
                config,
                args.config,
                args.engine,
                find_tfx(),
                console,
                prepare=lambda: _make_data(ensure_data, config),
            )
        return OK
    except (ConfigError, TfxCliError) as error:
        print(error, file=sys.stderr)
        return MISUSED
    except RunError as error:
        print(error, file=sys.stderr)
        return FAILED
    except KeyboardInterrupt as stop:
        return STOPPED + int(getattr(stop, "number", signal.SIGINT))


def _make_data(ensure_data: Callable[["PipelineConfig"], None], config: "PipelineConfig") -> None:
    from pipeline.run_once import RunError

    try:
        ensure_data(config)
    except (OSError, ValueError) as error:
        raise RunError(f"the data cannot be made: {error}") from error


@contextlib.contextmanager
def _signals() -> Iterator[None]:
    def stop(number: int, _frame: FrameType | None) -> NoReturn:
        raise Stopped(number)

    before = {}
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # As nohup leaves it.
            before[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="faceauth-run",
        description="Run the pipeline: data, training, evaluation and, if blessed, the push.",
        epilog="FACEAUTH__SECTION__KEY=value in the environment overrides a value of the config.",
    )
    parser.add_argument(
        "--config",
        type=Path,
        default=Path(os.environ.get(CONFIG_VARIABLE) or DEFAULT_CONFIG),
        help=f"the config file (default: ${CONFIG_VARIABLE}, or else {DEFAULT_CONFIG.name})",
    )
    parser.add_argument(
        "--engine", choices=ENGINES, default="local", help="the orchestrator (default: %(default)s)"
    )
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument(
        "--data-only", action="store_true", help="draw the data that the config asks for, no more"
    )
    instead.add_argument(
        "--last", action="store_true", help="print the outcome of the last run, and run nothing"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
