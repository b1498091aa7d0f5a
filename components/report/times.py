"""How long the components of a run took: known only once it has ended.

A component cannot see the end of the run that it is part of. So Report leaves a place in its page,
and ``make report`` fills it in a copy of the page.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from components.report.templates import render

_BEGIN, _END = "<!-- times -->", "<!-- /times -->"


@dataclass(frozen=True)
class ComponentTime:
    """One component of a run.

    Attributes:
      node: Its id.
      state: ML Metadata's word, such as ``COMPLETE`` or ``CACHED``.
      seconds: How long it took; of no meaning unless complete.
      made: Its artifacts, for people.
      cpu_seconds: Of all cores together; None where nobody looked.
      peak_mib: The most resident memory of the run while it ran; None where nobody looked.
      counters: How much it went through, for people.
    """

    node: str
    state: str
    seconds: float
    made: str
    cpu_seconds: float | None = None
    peak_mib: float | None = None
    counters: str = ""


def no_times() -> Markup:
    """What stands in the page until the times are known."""
    return Markup("{}<p class='note'>{}</p>{}").format(
        Markup(_BEGIN),
        "A component cannot see the end of the run that it is part of: make report adds the times "
        "to a copy of this page, in the folder of the runs.",
        Markup(_END),
    )


def with_times(page: str, components: Sequence[ComponentTime], started: str, seconds: float) -> str:
    """A page with how long each component took.

    Args:
      page: From ``report_page``.
      components: In the order in which they began.
      started: When the run began, for people.
      seconds: From then until the last component ended.

    Raises:
      ValueError: The page has no place for them.
    """
    begin, end = page.find(_BEGIN), page.find(_END)
    if begin < 0 or end < begin:
        raise ValueError(
            f"the page has no {_BEGIN} before a {_END}: an older Report wrote it; run the pipeline "
            "again"
        )
    longest = max((each.seconds for each in components if each.state == "COMPLETE"), default=0.0)
    table = render(
        "times.html.j2", components=components, started=started, seconds=seconds, longest=longest
    )
    return page[: begin + len(_BEGIN)] + table + page[end:]
