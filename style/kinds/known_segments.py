"""The check `known_segments`: with the values masked, an output consists of segments that the examples have."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ...core import ConfigError, read_written
from ..columns import Columns
from ..learned import held_out, inferred_wordings
from ..schema import Check, Findings, Kind, Level, Proposal, faults
from ..slots import Masked, Side, masked, pieces_of, writes_fields
from ..words import quoted

Size = Literal["segment", "word"]

_CUTS = frozenset(',.;:!?()[]{}|/"“”„«»。，、；：！？\n')
_MOST_BYTES = 20_000_000
_SEVERAL: Mapping[Size, int] = {"segment": 2, "word": 1}  # texts that have one; a word recurs in other segments
_MOST = 400  # segments that a person can look over
_FEWEST_ROWS, _MOST_LOST, _HARDLY = 50, 0.2, 0.04


@dataclass(frozen=True)
class KnownSegmentsParameters:
    """The known `segments`, or a file with one on each line (`path`): what is between two marks of punctuation, with the
    names of fields in braces in place of their values, as in `{voltage} input`. Case and spaces do not matter.

    `size: word` compares single words. `of: request` is for outputs in JSON: their values are masked in the request, so
    that what remains is what an output may leave unsaid.
    """

    segments: tuple[str, ...] = ()
    path: str | None = field(default=None, metadata={"file": True})
    size: Size = "segment"
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


def _segments(one: Masked, size: Size) -> Iterator[Segment]:
    """What is between two marks; of size `word`, each word outside the values."""
    if size == "word":
        values = {slot.piece for slot in one.slots}
        for at, piece in enumerate(one.pieces):
            if at not in values and piece[0].isalnum():
                yield Segment(piece, at, at + 1)
        return
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
        unknown = [segment for segment in _segments(one, p.size) if segment.text not in p.known]
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
    proposals = []
    # Single words of an output are the matter of `known_words`.
    for size in ("segment", "word")[: 1 if of == "output" else 2]:
        cut = [frozenset(segment.text for segment in _segments(one, size)) for one in rows]
        learn = partial(_recurring, times=_SEVERAL[size])
        known = learn(cut)
        holds = held_out(cut, columns.input, learn, lambda known, segments: segments <= known)
        lost = 1 - sum(holds) / len(holds)
        if 0 < len(known) <= _MOST and lost <= _MOST_LOST:
            entry: dict[str, Any] = {"segments": sorted(known)}
            entry |= {"size": size} if size != "segment" else {}
            entry |= {"of": of} if of != "output" else {}
            # New requests bring new words: a list of words may advise but not reject.
            most: Level = "must" if size == "segment" else "should"
            proposals.append(
                Proposal(entry, note=f"{len(known)} {size}s", most=most, held_out=(sum(holds), len(holds)))
            )
            if lost <= _HARDLY:
                break  # known segments consist of known words
    return proposals


def _recurring(cut: Sequence[frozenset[str]], *, times: int) -> frozenset[str]:
    counts = Counter(segment for segments in cut for segment in segments)
    return frozenset(segment for segment, count in counts.items() if count >= times)


KNOWN_SEGMENTS = Kind(
    "known_segments", "facts", KnownSegmentsParameters, _find_known_segments, _say_known_segments,
    _propose_known_segments, _explain_known_segments, loosens=frozenset({"segments"}),
)  # fmt: skip
