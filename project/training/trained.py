"""What a run's training left: its summary with the thinned log, and its learning curve."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from ...core import completed, from_json, home_of, read_record, read_stored_lines
from ...evaluate.results import LearningCurve, LogStep, Training

SUMMARY, LOG, CURVE = "train/summary.json", "train/log.jsonl", "train/learning_curve.json"
MOST_LINES = 300  # of the log, more than any chart can show
MOST_NOTICES = 20  # a full disk causes one at every checkpoint

Line = Mapping[str, Any]


def trained(run: Path) -> Training | None:
    """The summary of the run's fit with its log, thinned; None if nothing was trained.

    Raises: DataError if summary or log cannot be read.
    """
    found = read_record(run / SUMMARY, SUMMARY, Training)
    if found is None:
        return None
    notices = found.notices
    if len(notices) > MOST_NOTICES:
        more = f"{len(notices) - MOST_NOTICES + 1} more notices are in train/summary.json"
        notices = [*notices[: MOST_NOTICES - 1], more]
    log = thinned(list(read_stored_lines(home_of(run) / LOG, LOG, torn=True)))
    return replace(found, notices=notices, log=from_json([completed(line, LogStep) for line in log], list[LogStep]))


def read_curve(run: Path) -> LearningCurve | None:
    """The learning curve of a run's training; None if there is none."""
    return read_record(run / CURVE, CURVE, LearningCurve)


def thinned(log: Sequence[Line], *, most: int = MOST_LINES) -> list[dict[str, Any]]:
    """The log, thinned to about `most` lines if it has more.

    It keeps the first and the last line, all lines with a validation loss, and others at even distances. Each then has
    `mean_train_loss`, the mean over its step and the omitted steps before it.
    """
    if len(log) <= most:
        return [dict(line) for line in log]
    every = math.ceil(len(log) / most)
    last = len(log) - 1
    places = [i for i, line in enumerate(log) if i in (0, last) or i % every == 0 or _measured(line)]
    kept, begin = [], 0
    for place in places:
        losses = [x for line in log[begin : place + 1] if (x := line.get("train_loss")) is not None]
        kept.append({**log[place], "mean_train_loss": math.fsum(losses) / len(losses) if losses else None})
        begin = place + 1
    return kept


def _measured(line: Line) -> bool:
    return line.get("validation_loss") is not None
