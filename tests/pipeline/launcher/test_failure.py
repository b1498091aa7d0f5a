"""The error in a log."""

from pipeline.launcher.failure import last_error


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
