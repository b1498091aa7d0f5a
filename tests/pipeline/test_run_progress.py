from pipeline.run_progress import START, Progress, State, last_error


def feed(progress: Progress, *lines: str) -> None:
    """One line a second, the first at second 1."""
    for second, line in enumerate(lines, start=1):
        progress.feed(line, float(second))


def states(progress: Progress) -> dict[str, State]:
    return {step.name: step.state for step in progress.steps}


def test_local_runner_lines_give_states_and_times() -> None:
    progress = Progress()
    progress.begin(START, 0.0)
    feed(
        progress,
        "INFO:absl:Using deployment config:",
        "INFO:absl:Component PairExampleGen is running.",
        "INFO:absl:[PairExampleGen] Resolved inputs: ({},)",
        "INFO:absl:A cached execution 5 is used.",
        "INFO:absl:Component PairExampleGen is finished.",
        "I1123 13:37:00.123456 140 local_dag_runner.py:110] Component Trainer.big is running.",
        "INFO:absl:[Trainer.big] Resolved inputs: ({},)",
        "INFO:absl:Going to run a new execution 6",
        "INFO:absl:Component Trainer.big is finished.",
    )
    assert [(s.name, s.state, s.seconds(99.0)) for s in progress.steps] == [
        (START, State.DONE, 2.0),
        ("PairExampleGen", State.CACHED, 3.0),
        ("Trainer.big", State.DONE, 3.0),
    ]


def test_on_a_parallel_engine_cached_belongs_to_the_node_named_last() -> None:
    progress = Progress()
    feed(
        progress,
        "INFO:absl:node StatisticsGen is running.",
        "INFO:absl:node Transform is running.",
        "INFO:absl:[StatisticsGen] Resolved inputs: ({},)",
        "INFO:absl:A cached execution 7 is used.",
    )
    assert states(progress) == {"StatisticsGen": State.CACHED, "Transform": State.RUNNING}


def test_skipped_and_unresolved_nodes_are_not_done() -> None:
    progress = Progress()
    feed(
        progress,
        "INFO:absl:Component Pusher is running.",
        "INFO:absl:Skipping execution for Pusher",
        "INFO:absl:Component Pusher is finished.",
        "INFO:absl:Component Evaluator is running.",
        "ERROR:absl:[Evaluator] Input resolution error: min_count 1 not met",
        "INFO:absl:Component Evaluator is finished.",
    )
    assert states(progress) == {"Pusher": State.SKIPPED, "Evaluator": State.FAILED}


def test_messages_belong_to_the_running_step() -> None:
    progress = Progress()
    feed(
        progress,
        "faceauth-progress: nobody runs yet",
        "Component Trainer is running.",
        "faceauth-progress: epoch 1/3 loss 0.50",
        "noise",
        "faceauth-progress: epoch 2/3 loss 0.25",
    )
    assert [step.message for step in progress.steps] == ["epoch 2/3 loss 0.25"]


def test_lines_that_only_look_alike_change_nothing() -> None:
    progress = Progress()
    feed(
        progress,
        "Component Trainer is running. Really.",
        "INFO:absl:Component Trainer is finished.",
        "A cached execution 5 is used.",
        "INFO:absl:Running launcher for node_info {",
    )
    assert progress.steps == []


def test_finish_ends_only_what_runs() -> None:
    progress = Progress()
    feed(progress, "Component A is running.", "Component A is finished.", "Component B is running.")
    assert [step.name for step in progress.finish(State.STOPPED, 10.0)] == ["B"]
    assert states(progress) == {"A": State.DONE, "B": State.STOPPED}


def test_last_error_is_the_message_without_its_traceback() -> None:
    log = """\
INFO:absl:Component Use is running.
ERROR:absl:Execution 4 failed.
Traceback (most recent call last):
  File "/x/local_runner.py", line 23, in <module>
    LocalDagRunner().run(build())
components.anomaly_gate.executor.AnomalyError: 3 anomalies in split train
  image_id: no value
run again after the repair
Error while running "/x/python /x/local_runner.py"
"""
    assert last_error(log.splitlines()) == [
        "AnomalyError: 3 anomalies in split train",
        "  image_id: no value",
        "run again after the repair",
    ]


def test_last_error_of_a_chain_is_the_outermost_without_beams_suffix() -> None:
    log = """\
Traceback (most recent call last):
  File "a.py", line 1, in f
    g()
ValueError: the value 13

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "b.py", line 1, in f
    g()
ValueError: the value 13 [while running 'Run[Use]']
2026-11-23 13:47:10.319143: I tensorflow/core/util/port.cc:113] oneDNN
Exception ignored in: <function f at 0x1>
Traceback (most recent call last):
  File "c.py", line 1, in f
    g()
TypeError: at the exit of Python
"""
    assert last_error(log.splitlines()) == ["ValueError: the value 13"]


def test_last_error_looks_into_a_traceback_that_is_a_message() -> None:
    log = """\
Traceback (most recent call last):
  File "a.py", line 1, in f
    g()
RuntimeError: Traceback (most recent call last):
  File "worker.py", line 1, in f
    g()
OSError: no room on the disk
"""
    assert last_error(log.splitlines()) == ["OSError: no room on the disk"]


def test_long_message_keeps_its_beginning_and_its_end() -> None:
    log = ["Traceback (most recent call last):", "  File", "E: 0", *(str(i) for i in range(1, 20))]
    # 20 lines: the first 6 and the last 5 stay, 9 go.
    assert last_error(log) == [
        *("E: 0", "1", "2", "3", "4", "5"),
        "… 9 lines more in the log …",
        *("15", "16", "17", "18", "19"),
    ]


def test_log_without_traceback_has_no_error() -> None:
    assert last_error(["ERROR:absl:Execution 4 failed.", "Killed"]) == []
