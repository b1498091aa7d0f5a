"""What a check found, as it is kept in the artifact."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

RESULT_FILE: Final = "serving_check.json"


@dataclass
class Result:
    """The outcome of a check.

    Attributes:
      reasons: Why the candidate must not be pushed, in sentences; empty if it may be.
      measured: What was asked, how far off the answers were, and how long it took.
    """

    reasons: list[str] = field(default_factory=list)
    measured: dict[str, Any] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether there is no reason against it."""
        return not self.reasons

    def write(self, folder: Path) -> None:
        """Writes ``serving_check.json``."""
        content = json.dumps({"passed": self.passed, **asdict(self)}, indent=2)
        (folder / RESULT_FILE).write_text(content + "\n", encoding="utf-8")
