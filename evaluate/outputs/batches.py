"""Generated batches on disk, so that an interrupted evaluation resumes after the last complete one."""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from ...core import DataError, appending, disk_refusals, open_stored, say, stored_line
from .generate import Generation

__all__ = ["damaged_batches", "keep_batch", "kept_batches"]

Batch = tuple[int, int]  # number of the batch in its list of requests, sample


def keep_batch(store: Path, batch: Sequence[Generation], *, key: str, variant: str, ids: Sequence[str]) -> None:
    """Append one batch's outputs in one line and one write: after a kill the line is complete or missing.

    `key` identifies everything that made the outputs, `ids` are the pairs of the whole list. Raises RunBroken if the
    disk is full or read-only, Locked if another process has been writing to it for half a minute.
    """
    line = {
        "key": key,
        "variant": variant,
        "sample": batch[0].sample,
        "batch": batch[0].batch,
        "outputs": [{"id": ids[one.index], **asdict(one)} for one in batch],
    }
    written = json.dumps(line, ensure_ascii=False).encode(errors="replace") + b"\n"
    with disk_refusals(store), appending(store) as file:
        file.add(written)


def kept_batches(
    store: Path, *, key: str, batches: Sequence[Sequence[int]], samples: Sequence[int]
) -> dict[Batch, list[Generation]]:
    """The complete batches in the store under `key`, each with its outputs.

    `batches` are those of the list of requests. Other lines are left out; `damaged_batches` names those that are damaged.
    """
    found: dict[Batch, list[Generation]] = {}
    marked = json.dumps(key).encode()
    for text in _lines(store):
        if marked in text and (batch := _whole(text, key, batches)) and batch[0].sample in samples:
            found[batch[0].batch, batch[0].sample] = batch
    return found


def damaged_batches(store: Path) -> str:
    """A sentence about the damaged lines of the store, whose outputs are generated again; empty if there are none."""
    damaged = []
    for number, line in enumerate(_lines(store), start=1):
        try:
            stored_line(line, "evaluate/generated.jsonl", path=store, number=number)
        except DataError as error:
            damaged.append(str(error).partition("\n")[0])
    return f"{say.count(len(damaged), 'damaged line')} left out: {damaged[0]}" if damaged else ""


def _lines(store: Path) -> Iterator[bytes]:
    """The lines of the store but for a last one that a kill cut short; none if there is no such file."""
    if os.path.lexists(store):
        with open_stored(store, "evaluate/generated.jsonl") as file:
            yield from (line for line in file if line.endswith(b"\n"))


def _whole(text: bytes, key: str, batches: Sequence[Sequence[int]]) -> list[Generation] | None:
    """The line's outputs if it is a complete batch of this list, else None."""

    try:
        line = json.loads(text)
        outputs = [
            Generation(**{name: value for name, value in one.items() if name != "id"}) for one in line["outputs"]
        ]
        fits = line["key"] == key and tuple(one.index for one in outputs) == tuple(batches[line["batch"]])
        same_batch = {(one.batch, one.sample) for one in outputs} == {(line["batch"], line["sample"])}
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        return None
    return outputs if fits and same_batch else None
