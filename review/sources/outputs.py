"""Test pairs where the output of the tuned model keeps every rule and is unlike the reference."""

import json
import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
from rapidfuzz import fuzz

from ...core import DataError
from ..texts import Texts
from .entries import entries_of

__all__ = ["Outputs", "unlike"]

_UNLIKE = 0.6  # share of the letters that two texts have in the same order, below which they are unlike
_MOST, _FEWEST = 0.2, 20  # share of the tested pairs at most, of few pairs this many: free texts are all unlike


class Outputs:
    """The outputs that a run was evaluated on, read by the place of their line."""

    def __init__(self, run: Path) -> None:
        self.file = run / "evaluate" / "outputs.jsonl"

    def at(self, place: int) -> str:
        """The output of the line that begins at this byte. Raises: DataError if there is none by now."""
        try:
            with self.file.open("rb") as lines:
                lines.seek(place)
                return _read(lines.readline(), self.file)["output"] or ""
        except OSError as error:
            raise DataError(f"{self.file} cannot be read ({error})") from None

    def of(self, variant: str) -> Iterator[tuple[int, dict[str, Any]]]:
        """The lines of a variant with the byte that each begins at, only of the first sample of a pair."""
        if not self.file.is_file() or not self.file.stat().st_size:
            return
        written = f'"variant": {json.dumps(variant, ensure_ascii=False)}'.encode()
        with self.file.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            at, end = 0, len(data)
            while at < end:
                stop = data.find(b"\n", at)
                stop = end if stop < 0 else stop
                line = data[at:stop]
                if written in line:
                    value = _read(line, self.file)
                    if value["variant"] == variant and not value.get("sample"):
                        yield at, value
                at = stop + 1


def unlike(run: Path, results: dict[str, Any], texts: Texts, outputs: Outputs) -> pl.DataFrame:
    """Test pairs with a good reference and another output that is acceptable; the least similar first.

    Only the candidate's outputs count. Pairs that were given for the evaluation alone are not in the data, so nothing can
    be decided about them.
    """
    candidate = (results.get("comparison") or {}).get("candidate")
    if candidate is None or (run / "evaluate" / "pairs.jsonl").is_file():
        return entries_of([])
    acceptable = {
        line["id"]: (at, line["output"])
        for at, line in outputs.of(candidate)
        if line.get("acceptable") and line["output"]
    }
    if not acceptable:
        return entries_of([])
    found, tested = [], 0
    for pair in texts.scan("test"):
        if pair["id"] not in acceptable:
            continue
        tested += 1
        at, output = acceptable[pair["id"]]
        similarity = fuzz.ratio(_plain(pair["output"]), _plain(output)) / 100
        if pair["reference_ok"] and similarity < _UNLIKE:
            found.append((similarity, pair["row"], pair["id"], at))
    found = sorted(found)[: max(_FEWEST, int(_MOST * tested))]
    return entries_of(
        {
            "key": str(row), "row": row, "id": id, "file": "test", "other": row, "other_id": id, "other_file": "test",
            "other_at": at, "score": similarity,
            "evidence": f'The output of "{candidate}" keeps every rule; its similarity to the reference is {similarity:.2f}.',
        }
        for similarity, row, id, at in found
    )  # fmt: skip


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _read(line: bytes, file: Path) -> dict[str, Any]:
    try:
        value = json.loads(line)
        return value | {name: value[name] for name in ("id", "variant", "output")}
    except (ValueError, KeyError, TypeError):
        raise DataError(f"{file} is damaged; evaluate again: tuneworth evaluate") from None
