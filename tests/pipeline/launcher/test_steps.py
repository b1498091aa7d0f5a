"""Steps from what ML Metadata would say, at times made by hand."""

from pipeline.launcher.records import Execution
from pipeline.launcher.steps import START, State, Step, Steps


class Screen:
    """Keeps what is shown; the clock is turned by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.shown: list[tuple[str, State, str]] = []
        self.all: list[Step] = []
        self.steps = Steps(self._show, clock=lambda: self.now)

    def _show(self, step: Step) -> None:
        self.shown.append((step.name, step.state, step.message))
        if not any(step is known for known in self.all):
            self.all.append(step)

    def states(self) -> dict[str, State]:
        return {step.name: step.state for step in self.all}


def execution(node: str, state: str, began: float, ended: float = 0.0) -> Execution:
    return Execution(node, state, (), began, ended)


def test_states_and_times_are_those_of_ml_metadata() -> None:
    screen = Screen()
    screen.steps.begin(START)
    screen.steps.take([])
    assert screen.states() == {START: State.RUNNING}
    data = execution("PairExampleGen", "CACHED", 2.0, 2.5)
    screen.steps.take([data, execution("Trainer", "RUNNING", 3.0)])
    screen.now = 20.0
    assert [(step.name, step.state, step.seconds(20.0)) for step in screen.all] == [
        (START, State.DONE, 2.0),
        ("PairExampleGen", State.CACHED, 0.5),
        ("Trainer", State.RUNNING, 17.0),
    ]
    screen.steps.take([data, execution("Trainer", "COMPLETE", 3.0, 15.0)])
    assert screen.all[2].seconds(20.0) == 12.0
    assert screen.states()["Trainer"] is State.DONE
    # Each beginning and each end is shown once.
    screen.steps.take([data, execution("Trainer", "COMPLETE", 3.0, 15.0)])
    assert [(name, state) for name, state, _ in screen.shown] == [
        (START, State.RUNNING),
        (START, State.DONE),
        ("PairExampleGen", State.RUNNING),
        ("PairExampleGen", State.CACHED),
        ("Trainer", State.RUNNING),
        ("Trainer", State.DONE),
    ]


def test_what_fails_or_is_cancelled_is_not_done() -> None:
    screen = Screen()
    screen.steps.take([execution("A", "FAILED", 1.0, 2.0), execution("B", "CANCELED", 1.0, 2.0)])
    assert screen.states() == {"A": State.FAILED, "B": State.STOPPED}


def test_a_message_belongs_to_the_component_that_began_last() -> None:
    screen = Screen()
    screen.steps.begin(START)
    assert not screen.steps.say("nobody has begun")
    transform = execution("Transform", "RUNNING", 1.0)
    screen.steps.take([transform, execution("StatisticsGen", "RUNNING", 2.0)])
    assert screen.steps.say("a")
    screen.steps.take([transform, execution("StatisticsGen", "COMPLETE", 2.0, 3.0)])
    assert screen.steps.say("b")
    assert [step.message for step in screen.all] == ["", "b", "a"]


def test_end_ends_only_what_runs() -> None:
    screen = Screen()
    screen.steps.take([execution("A", "COMPLETE", 1.0, 2.0), execution("B", "RUNNING", 2.0)])
    screen.now = 10.0
    screen.steps.end(State.STOPPED)
    assert screen.states() == {"A": State.DONE, "B": State.STOPPED}
    assert screen.all[1].seconds(99.0) == 8.0
    assert screen.steps.running == []
