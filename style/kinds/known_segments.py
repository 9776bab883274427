"""The check `known_segments`: with the values masked, an output consists of segments that the examples have."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from ...core import ConfigError, read_written
from ..columns import Columns
from ..learned import held_out, inferred_wordings
from ..schema import Check, Findings, Kind, Proposal, faults
from ..slots import Masked, Side, masked, pieces_of, writes_fields
from ..words import quoted

_CUTS = frozenset(',.;:!?()[]{}|/"“”„«»。，、；：！？')
_MOST_BYTES = 20_000_000
_SEVERAL, _MOST = 2, 400  # outputs that have a segment; segments that a person can look over
_FEWEST_ROWS, _MOST_LOST = 50, 0.2


@dataclass(frozen=True)
class KnownSegmentsParameters:
    """The known `segments`, or a file with one on each line (`path`): what is between two marks of punctuation, with the
    names of fields in braces in place of their values, as in `{voltage} input`. Case and spaces do not matter.

    `of: request` is for outputs in JSON: their values are masked in the request, so that what remains is what an output
    may leave unsaid.
    """

    segments: tuple[str, ...] = ()
    path: str | None = field(default=None, metadata={"file": True})
    of: Side = "output"

    def __post_init__(self) -> None:
        if bool(self.segments) == (self.path is not None):
            raise ConfigError('needs either "segments" or "path", a file with one segment on each line')
        if not self.known:
            raise ConfigError("holds no segment")

    @cached_property
    def known(self) -> frozenset[str]:
        """The segments as they are compared."""
        listed = self.segments
        if self.path is not None:
            listed = read_written(Path(self.path), what="list of segments", most=_MOST_BYTES).splitlines()
        return frozenset(filter(None, (" ".join(pieces_of(text)) for text in listed)))


class Segment(NamedTuple):
    """A segment of a masked text: its first and last piece, end excluded."""

    text: str
    first: int
    end: int


def _segments(one: Masked) -> Iterator[Segment]:
    """What is between two marks."""
    start = 0
    for at, piece in enumerate((*one.pieces, ".")):
        if piece in _CUTS:
            if at > start:
                yield Segment(" ".join(one.pieces[start:at]), start, at)
            start = at + 1


def _find_known_segments(check: Check, columns: Columns) -> Findings:
    p: KnownSegmentsParameters = check.parameters
    texts = columns.output if p.of == "output" else columns.input
    rows = []
    for index, one in enumerate(masked(columns, check.wordings, of=p.of)):
        unknown = [segment for segment in _segments(one) if segment.text not in p.known]
        if not unknown:
            continue
        text = texts[index]
        places = one.places(text)
        for segment in unknown:
            start, end = places[segment.first][0], places[segment.end - 1][1]
            if p.of == "output":
                rows.append((index, text[start:end], start, end, f"one of the {len(p.known):,} known segments"))
            else:
                rows.append((index, None, None, None, f"{quoted(text[start:end])} of the request"))
    return Findings(faults(rows))


def _say_known_segments(check: Check) -> str:
    p: KnownSegmentsParameters = check.parameters
    if p.of == "request":
        return "Leave nothing of the request unsaid that texts of this kind state."
    return "Write the values of the request into the phrases that are usual in texts of this kind; invent no phrase."


def _explain_known_segments(check: Check, found: str | None, expected: str) -> str:
    if found is None:
        return f"{expected} is left out, which no example leaves out"
    return f"{quoted(found)} is not {expected}"


def _propose_known_segments(columns: Columns) -> list[Proposal]:
    """The segments that several examples have, where hardly an example has one that no other example has."""
    of: Side = "request" if writes_fields(columns.output) else "output"
    if len(columns.output) < _FEWEST_ROWS or (of == "output" and not any(columns.fields)):
        return []
    rows = masked(columns, inferred_wordings(columns), of=of)
    cut = [frozenset(segment.text for segment in _segments(one)) for one in rows]
    known = _recurring(cut)
    holds = held_out(cut, columns.input, _recurring, lambda known, segments: segments <= known)
    if not 0 < len(known) <= _MOST or sum(holds) < (1 - _MOST_LOST) * len(holds):
        return []
    entry = {"segments": sorted(known)} | ({"of": of} if of != "output" else {})
    return [Proposal(entry, note=f"{len(known)} segments", held_out=(sum(holds), len(holds)))]


def _recurring(cut: Sequence[frozenset[str]]) -> frozenset[str]:
    """The segments that several texts have."""
    counts = Counter(segment for segments in cut for segment in segments)
    return frozenset(segment for segment, count in counts.items() if count >= _SEVERAL)


KNOWN_SEGMENTS = Kind(
    "known_segments", "facts", KnownSegmentsParameters, _find_known_segments, _say_known_segments,
    _propose_known_segments, _explain_known_segments, loosens=frozenset({"segments"}),
)  # fmt: skip
