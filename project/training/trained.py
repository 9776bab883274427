"""What a training wrote to its run: the summary and the log, thinned."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...core import DataError

__all__ = ["thinned", "trained"]

MOST_LINES = 300  # of the log: more than a chart of any width can show
MOST_NOTICES = 20  # a full disk brings one at every checkpoint

Line = Mapping[str, Any]


def trained(run: Path) -> dict[str, Any] | None:
    """The summary of the run's fit with its log, thinned; None if nothing was trained.

    Raises: DataError if summary or log cannot be read.
    """
    summary = run / "train" / "summary.json"
    if not summary.is_file():
        return None
    found = next(iter(_objects(summary, [summary.read_bytes()])), None)
    if found is None:
        raise DataError(f"{summary} does not hold the summary of a fit.\nRun `tuneworth train` again.")
    notices = [str(text) for text in found.get("notices") or []]
    if len(notices) > MOST_NOTICES:
        notices = [
            *notices[: MOST_NOTICES - 1],
            f"{len(notices) - MOST_NOTICES + 1} more notices are in train/summary.json",
        ]
    log = run / "train" / "log.jsonl"
    lines = log.read_bytes().splitlines() if log.is_file() else []
    return {**found, "notices": notices, "log": thinned(_objects(log, lines))}


def thinned(log: Sequence[Line], *, most: int = MOST_LINES) -> list[dict[str, Any]]:
    """The whole log if it has at most `most` lines, else about that many of its lines.

    It keeps the first and the last, every one with a validation loss, and others at even distances. Each of them then
    also says `mean_train_loss`: the mean over its step and those omitted before it.
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


def _objects(path: Path, lines: Sequence[bytes]) -> list[dict[str, Any]]:
    """The JSON objects of a file; a truncated last line of several is ignored, NaN is null."""
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            value = json.loads(line, parse_constant=lambda _: None) if line.strip() else None
        except ValueError as error:
            if number == len(lines) > 1:
                break
            raise DataError(
                f"{path}, line {number}: not valid JSON ({error}).\nTrain again with `tuneworth train --again`."
            ) from None
        if isinstance(value, dict):
            found.append(value)
    return found
