"""Where the values of an input stand in its output: slots, found in train rows, and the output as a chain of steps."""

import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

from .forms import Parts, Slot, common_factor, forms_in

CLAUSE, END = -1, -2  # in place of a slot: a literal that ends a clause, and the end of the output
_SAMPLE = 100  # rows with a part from which its forms are found
_RARE = 200  # a part that one in so many inputs has is not looked for
_FEWEST = 3  # outputs that show a form
_CLAUSES = re.compile(r"(?<=[.!?;,])\s+|(?<=\n)(?=\S)")
_LETTERS = re.compile(r"[^\W\d_]{2}")
_BEFORE, _AFTER = re.compile(r"(?:\w+|[^\w\s])?\s*\Z"), re.compile(r"\s*(?:\w+|[^\w\s])?")
_NEAR = 20  # characters around a value in which its neighbouring word is looked for
_INFLECTED = 3  # letters of a value after which an ending may follow


class Step(NamedTuple):
    """A literal, and the number of the slot that follows it, or CLAUSE or END."""

    literal: str
    slot: int


Chain = tuple[Step, ...]
Span = tuple[int, int]


def find_slots(rows: Sequence[Parts], outputs: Sequence[str]) -> list[Slot]:
    """The slots whose texts occur in their own outputs more often than in those of other rows, without those that another
    slot can stand for."""
    having: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for number, parts in enumerate(rows):
        for key in parts:
            having[key].append(number)
    hits: dict[Slot, set[tuple[int, str]]] = {}
    fewest = max(_FEWEST, len(rows) // _RARE)
    for key, numbers in ((key, numbers) for key, numbers in having.items() if len(numbers) >= fewest):
        sample = numbers[:: -(-len(numbers) // _SAMPLE)]
        factor = common_factor([rows[number][key] for number in sample], [outputs[number] for number in sample])
        own: defaultdict[Slot, set[tuple[int, str]]] = defaultdict(set)
        others: Counter[Slot] = Counter()
        for number, other in zip(sample, [*sample[1:], sample[0]], strict=True):
            output, parts = outputs[number], rows[number]
            for slot, text in forms_in(key, parts[key], output, factor):
                if text in output and places(text, output):
                    own[slot].add((number, text))
            for slot, text in forms_in(key, rows[other][key], output, factor):
                if text in output and slot.fill(parts) != text and places(text, output):
                    others[slot] += 1
        for slot, found in own.items():
            gap = len(found) - others[slot]
            if len(found) >= _FEWEST and gap > (len(found) + others[slot]) ** 0.5 * (1 if others[slot] else 0.5):
                hits[slot] = found
    kept: list[Slot] = []
    for slot in sorted(
        hits, key=lambda slot: -len(hits[slot])
    ):  # a stable order: of equal ones the simplest comes first
        if not any(hits[slot] <= hits[other] for other in kept):
            kept.append(slot)
    return kept


def places(text: str, output: str) -> list[Span]:
    """Where a text stands in an output by itself: not within a number, nor after letters; an ending may follow."""
    found, start = [], output.find(text)
    while start >= 0:
        end = start + len(text)
        if _parted(output, start) and (
            _parted(output, end) or (len(text) >= _INFLECTED and text[-1].isalpha() and output[end].isalpha())
        ):
            found.append((start, end))
        start = output.find(text, start + 1)
    return found


def _parted(output: str, at: int) -> bool:
    """Whether no word and no number goes on across a place of the output."""
    before, after = output[at - 1 : at], output[at : at + 1]
    if before.isdigit() and after in (".", ",") and output[at + 1 : at + 2].isdigit():
        return False
    if after.isdigit() and before in (".", ",") and output[at - 2 : at - 1].isdigit():
        return False
    return not ((before.isalpha() and after.isalpha()) or (before.isdigit() and after.isdigit()))


def chains(rows: Sequence[Parts], outputs: Sequence[str], slots: Sequence[Slot]) -> list[Chain]:
    """Each output as a chain of steps: the longest values first, of several slots with one text the one that its
    neighbouring words tell."""
    masked = [_spans(parts, output, slots) for parts, output in zip(rows, outputs, strict=True)]
    counts: Counter[Hashable] = Counter()
    for output, spans in zip(outputs, masked, strict=True):
        for span, options in spans.items():
            for key in (key for slot in options for key in _context(slot, span, output)):
                counts[key] += 1 / len(options)  # type: ignore[assignment]

    def chosen(options: Sequence[int], span: Span, output: str) -> int:
        def fit(slot: int) -> float:
            alone, before, after = (counts[key] + 0.1 for key in _context(slot, span, output))
            return before * after / alone

        return max(options, key=fit) if len(options) > 1 else options[0]

    return [
        _chain(output, {span: chosen(options, span, output) for span, options in spans.items()})
        for output, spans in zip(outputs, masked, strict=True)
    ]


def _spans(parts: Parts, output: str, slots: Sequence[Slot]) -> dict[Span, list[int]]:
    """The places of values that do not overlap, in their order, each with the slots that it may be."""
    found: defaultdict[Span, list[int]] = defaultdict(list)
    for number, slot in enumerate(slots):
        text = slot.fill(parts)
        if text and text in output:
            for span in places(text, output):
                found[span].append(number)
    taken, chosen = bytearray(len(output)), list[Span]()
    for start, end in sorted(found, key=lambda span: (span[0] - span[1], span)):
        if not any(taken[start:end]):
            taken[start:end] = b"\1" * (end - start)
            chosen.append((start, end))
    return {span: found[span] for span in sorted(chosen)}


def _context(slot: int, span: Span, output: str) -> tuple[Hashable, Hashable, Hashable]:
    """What is counted of a slot at a place: itself, and the words before and after it."""
    before = _BEFORE.search(output[max(0, span[0] - _NEAR) : span[0]])
    after = _AFTER.match(output[span[1] : span[1] + _NEAR])
    return slot, (slot, "before", before and before[0]), (slot, "after", after and after[0])


def _chain(output: str, spans: Mapping[Span, int]) -> Chain:
    steps, at = list[Step](), 0
    for (start, end), slot in [*spans.items(), ((len(output), len(output)), END)]:
        literal, begin = output[at:start], 0
        for match in _CLAUSES.finditer(literal):
            if _LETTERS.search(literal, begin, match.end()):
                steps.append(Step(literal[begin : match.end()], CLAUSE))
                begin = match.end()
        steps.append(Step(literal[begin:], slot))
        at = end
    return tuple(steps)
