"""The log of a fit: a report after each step, and its line in `log.jsonl`."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core import Appending, write_synced

__all__ = ["Callback", "LossLog", "StepReport"]


@dataclass(frozen=True, kw_only=True)
class StepReport:
    """One optimizer step, for callbacks. Losses are means per learnt token; `validation_loss` None: not measured."""

    step: int
    steps: int
    epoch: float
    train_loss: float
    validation_loss: float | None
    learning_rate: float
    gradient_norm: float
    tokens_per_second: float
    seconds_left: float

    def line(self) -> dict[str, Any]:
        """The step's line in `log.jsonl`; JSON has no NaN, so a loss that is not finite is null."""
        return {
            "step": self.step,
            "epoch": round(self.epoch, 4),
            "train_loss": _finite(self.train_loss),
            "validation_loss": _finite(self.validation_loss),
            "learning_rate": self.learning_rate,
            "gradient_norm": _finite(self.gradient_norm),
        }


Callback = Callable[[StepReport], None]


class LossLog:
    """`log.jsonl` and its `lines`, which grow with each step. A write that fails does not end the fit."""

    def __init__(self, path: Path, lines: list[dict[str, Any]]) -> None:
        self.path, self.lines = path, lines
        self.complete = False  # whether the file holds all lines so far
        self.notices: list[str] = []

    def append(self, report: StepReport, *, to_file: bool) -> None:
        """Add a step. After a failed write the whole file is written again with the next step."""
        self.lines.append(line := report.line())
        if not to_file:
            return None
        try:
            if not self.complete:
                return self.write()
            # The training holds the lock of its run; `write` puts all on the disk at the end.
            Appending(self.path).add(json.dumps(line).encode() + b"\n", sync=False)
        except OSError as error:
            if self.complete:
                self.notices.append(
                    f"{self.path.name} could not always be written from step {report.step} on ({error.strerror or error})"
                )
            self.complete = False

    def write(self) -> None:
        """Write all lines so far; they are on the disk when this returns.

        Raises: OSError if the disk fails.
        """
        write_synced(self.path, "".join(json.dumps(line) + "\n" for line in self.lines))
        self.complete = True


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
