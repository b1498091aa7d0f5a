"""What the commands of the pipeline take; what does the work is imported when it is run."""

from argparse import ArgumentParser, ArgumentTypeError

from serving.commands.options import add_open_store


def run(parser: ArgumentParser) -> None:
    """Adds the arguments of ``faceauth run``."""
    parser.epilog = (
        "FACEAUTH__SECTION__KEY=value in the environment overrides a value of the config. "
        "exit codes: 0 the run came to its end, blessed or not; 2 it did not; 128 + n signal n "
        "stopped it"
    )
    _add_config(parser)
    parser.add_argument(
        "--engine",
        choices=("local", "beam"),
        default="local",
        help="the orchestrator (%(default)s)",
    )
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument(
        "--data-only", action="store_true", help="draw the data that the config asks for, no more"
    )
    instead.add_argument(
        "--last", action="store_true", help="print the outcome of the last run, and run nothing"
    )
    parser.set_defaults(run="pipeline.launcher.command:run")


def outcome(parser: ArgumentParser) -> None:
    """Adds the arguments of ``faceauth outcome``."""
    _add_config(parser)
    parser.set_defaults(run="pipeline.launcher.command:outcome")


def report(parser: ArgumentParser) -> None:
    """Adds the arguments of ``faceauth report``."""
    _add_config(parser)
    parser.add_argument("--print", action="store_true", help="open nothing")
    parser.set_defaults(run="pipeline.launcher.report:show")


def tensorboard(parser: ArgumentParser) -> None:
    """Adds the arguments of ``faceauth tensorboard``."""
    _add_config(parser)
    parser.epilog = "Other options go to TensorBoard, such as --port 7000."
    parser.set_defaults(run="pipeline.launcher.tensorboard:show", takes_others=True)


def artifact(parser: ArgumentParser) -> None:
    """Adds the arguments of ``faceauth artifact``."""
    _add_config(parser)
    parser.add_argument("type", metavar="TYPE", help="for example ModelRun or ModelEvaluation")
    parser.set_defaults(run="pipeline.launcher.command:artifact")


def preview(parser: ArgumentParser) -> None:
    """Adds the arguments of ``faceauth preview``."""
    _add_config(parser)
    parser.set_defaults(run="pipeline.preview:run")


def kubeflow(parser: ArgumentParser) -> None:
    """Adds the arguments of ``faceauth kubeflow``."""
    _add_config(parser)
    parser.set_defaults(run="pipeline.kubeflow_runner:run")


def clean_runs(parser: ArgumentParser) -> None:
    """Adds the arguments of ``faceauth clean-runs``."""
    _add_config(parser)
    parser.add_argument(
        "--keep", type=_positive, metavar="N", help="how many runs stay (keep_runs of the config)"
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would go")
    parser.set_defaults(run="pipeline.kept_runs.clean:run")


def forget_subject(parser: ArgumentParser) -> None:
    """Adds the arguments of ``faceauth forget-subject``."""
    parser.add_argument("id", metavar="ID", help="the person's name in the data and as enrolled")
    _add_config(parser)
    add_open_store(parser)
    parser.set_defaults(run="pipeline.kept_runs.forget:run")


def ten_fold(parser: ArgumentParser) -> None:
    """Adds the arguments of ``faceauth ten-fold``."""
    parser.add_argument("model", metavar="MODEL", help="a version's folder, such as a pushed one")
    parser.add_argument("--images", required=True, help="what the list's paths are below")
    parser.add_argument("--pairs", required=True, help="pairs.txt of LFW, or image_a,image_b,label")
    parser.add_argument("--folds", type=int, help="how many to make of a list that has none")
    parser.add_argument("--json", metavar="FILE", help="also write the result to this file")
    parser.set_defaults(run="pipeline.ten_fold:run")


def _add_config(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="the config (default: $FACEAUTH_CONFIG, or else pipeline/configs/synthetic.yaml)",
    )


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)
