"""Learns how outputs are put together: literal text and slots, and from the fields of an input which piece follows which.

An output is a chain of steps. Each step writes a literal and then a slot (a part of a field in one form), or ends a clause
or the output. What follows a slot is chosen by a small decision tree on the fields of the input.
"""

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import exp, log
from typing import NamedTuple

import numpy as np

from .forms import Parts, Slot, Value, forms_in

CLAUSE, END = -1, -2  # in place of a slot: a literal that ends a clause, and the end of the output
_SAMPLE = 100  # rows with a part from which its forms are found
_FEWEST = 3  # outputs that show a form
_WIDTH, _TRIED, _LEAST = 6, 3, 0.02  # of the search: chains at a time, steps tried after each, the least share of a step
_MOST_STEPS = 300
_OFTEN = 0.5  # a field that so many outputs mention is missed where it is left out
_MOST_VALUES, _MOST_THRESHOLDS = 40, 40  # of a field, as features
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
State = tuple[int, int, str]  # the last slot and how often it has occurred, and the clause since
_START: State = (END, 0, "")


# --- slots -------------------------------------------------------------------------------------------------------


def find_slots(rows: Sequence[Parts], outputs: Sequence[str]) -> list[Slot]:
    """The slots whose texts occur in their own outputs more often than in those of other rows, without those that another
    slot can stand for."""
    having: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for number, parts in enumerate(rows):
        for key in parts:
            having[key].append(number)
    hits: dict[Slot, set[tuple[int, str]]] = {}
    for key, numbers in having.items():
        if len(numbers) < _FEWEST:
            continue
        sample = numbers[:: -(-len(numbers) // _SAMPLE)]
        own: defaultdict[Slot, set[tuple[int, str]]] = defaultdict(set)
        others: Counter[Slot] = Counter()
        for number, other in zip(sample, [*sample[1:], sample[0]], strict=True):
            output, parts = outputs[number], rows[number]
            for slot, text in forms_in(key, parts[key], output):
                if text in output and places(text, output):
                    own[slot].add((number, text))
            for slot, text in forms_in(key, rows[other][key], output):
                if text in output and slot.fill(parts) != text and places(text, output):
                    others[slot] += 1
        for slot, found in own.items():
            gap = len(found) - others[slot]
            if len(found) >= _FEWEST and gap > (len(found) + others[slot]) ** 0.5 * (1 if others[slot] else 0.5):
                hits[slot] = found
    kept: list[Slot] = []
    for slot in sorted(hits, key=lambda slot: -len(hits[slot])):  # a stable order: of equal ones the simplest comes first
        if not any(hits[slot] <= hits[other] for other in kept):
            kept.append(slot)
    return kept


def places(text: str, output: str) -> list[tuple[int, int]]:
    """Where a text stands in an output by itself: not within a number, nor after letters; an ending may follow."""
    found, start = [], output.find(text)
    while start >= 0:
        end = start + len(text)
        if _parted(output, start, start) and (
            _parted(output, end, end) or (len(text) >= _INFLECTED and text[-1].isalpha() and output[end].isalpha())
        ):
            found.append((start, end))
        start = output.find(text, start + 1)
    return found


def _parted(output: str, at: int, edge: int) -> bool:
    """Whether no word and no number goes on across a place of the output."""
    before, after = output[at - 1 : at], output[at : at + 1]
    if before.isdigit() and after in (".", ",") and output[at + 1 : at + 2].isdigit():
        return False
    if after.isdigit() and before in (".", ",") and output[at - 2 : at - 1].isdigit():
        return False
    return not ((before.isalpha() and after.isalpha()) or (before.isdigit() and after.isdigit()))


# --- chains ------------------------------------------------------------------------------------------------------


def chains(rows: Sequence[Parts], outputs: Sequence[str], slots: Sequence[Slot]) -> list[Chain]:
    """Each output as a chain of steps: the longest values first, of several slots with one text the one that its
    neighbouring words tell."""
    masked = [_spans(parts, output, slots) for parts, output in zip(rows, outputs, strict=True)]
    around = [[_neighbours(output, span) for span in spans] for output, spans in zip(outputs, masked, strict=True)]
    counts: Counter[Hashable] = Counter()
    for spans, words in zip(masked, around, strict=True):
        for options, pair in zip(spans.values(), words, strict=True):
            _count(counts, options, pair, 1 / len(options))
    for _ in range(2):
        chosen = [
            {span: _likeliest(options, pair, counts) for (span, options), pair in zip(spans.items(), words, strict=True)}
            for spans, words in zip(masked, around, strict=True)
        ]
        counts = Counter()
        for spans, words in zip(chosen, around, strict=True):
            for slot, pair in zip(spans.values(), words, strict=True):
                _count(counts, [slot], pair, 1.0)
    return [_chain(output, spans) for output, spans in zip(outputs, chosen, strict=True)]


Span = tuple[int, int]


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


def _neighbours(output: str, span: Span) -> tuple[str, str]:
    before = _BEFORE.search(output[max(0, span[0] - _NEAR) : span[0]])
    after = _AFTER.match(output[span[1] : span[1] + _NEAR])
    return before[0] if before else "", after[0] if after else ""


def _count(counts: Counter[Hashable], options: Sequence[int], pair: tuple[str, str], weight: float) -> None:
    for slot in options:
        counts[slot] += weight  # type: ignore[assignment]
        counts[slot, "before", pair[0]] += weight  # type: ignore[assignment]
        counts[slot, "after", pair[1]] += weight  # type: ignore[assignment]


def _likeliest(options: Sequence[int], pair: tuple[str, str], counts: Counter[Hashable]) -> int:
    if len(options) == 1:
        return options[0]
    return max(
        options,
        key=lambda slot: (
            (counts[slot, "before", pair[0]] + 0.1) * (counts[slot, "after", pair[1]] + 0.1) / (counts[slot] + 0.1)
        ),
    )


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


# --- what the choice of a step depends on ------------------------------------------------------------------------

Feature = tuple[str, ...]  # its kind, the field and the part, and a value


def features_of(parts: Parts) -> set[Feature]:
    """What holds for an input: which fields it has, and what is in them."""
    found = set[Feature]()
    for (name, part), value in parts.items():
        if isinstance(value, tuple):
            found.update(("holds", name, part, item) for item in value[:_MOST_VALUES] if part == "items")
        elif isinstance(value, str):
            if part == "":
                found.add(("has", name))
                found.add(("begins with a vowel", name) if value[:1].lower() in "aeiouäöüéèà" else ("-", name))
                found.add(("ends with s", name) if value[-1:] in "sxzß" else ("-", name))
            if part in _TOLD and len(value) <= _NEAR * 2:
                found.add(("is", name, part, value))
        elif part == "count":
            found.add(("is", name, part, str(value)))
    return found


_TOLD = ("", "word 1", "last word", "month", "weekday", "in the bracket", "unit", "half of the day")


def numbers_of(parts: Parts) -> dict[tuple[str, str], float]:
    """The numbers of an input that are compared with thresholds."""
    return {key: float(value) for key, value in parts.items() if not isinstance(value, str | tuple)}


class Input(NamedTuple):
    """One input as the trees see it."""

    parts: Parts
    features: set[Feature]
    numbers: Mapping[tuple[str, str], float]

    def meets(self, feature: Feature) -> bool:
        """Whether a feature holds, also one that compares a number with a threshold."""
        if feature[0] == "above":
            return self.numbers.get(feature[1:3], -np.inf) > float(feature[3])  # type: ignore[arg-type]
        return feature in self.features


def input_of(parts: Parts) -> Input:
    """The input of these parts."""
    return Input(parts, features_of(parts), numbers_of(parts))


@dataclass(frozen=True)
class Features:
    """The features of train rows that tell them apart: `matrix` `(rows, features)` says which hold."""

    names: Sequence[Feature]
    matrix: np.ndarray

    @staticmethod
    def of(inputs: Sequence[Input]) -> "Features":
        """Those of several rows, and not of all."""
        counts = Counter(name for one in inputs for name in one.features if name[0] != "-")
        values: Counter[Feature] = Counter()
        names = list[Feature]()
        for name, count in counts.most_common():
            if 1 < count < len(inputs) and (name[0] == "has" or values[name[:3]] < _MOST_VALUES):
                values[name[:3]] += 1
                names.append(name)
        amounts: defaultdict[tuple[str, str], set[float]] = defaultdict(set)
        for one in inputs:
            for key, value in one.numbers.items():
                amounts[key].add(value)
        for key, found in amounts.items():
            ordered = sorted(found)
            middle = [(low + high) / 2 for low, high in zip(ordered, ordered[1:], strict=False)]
            names += [("above", *key, repr(each)) for each in middle[:: -(-len(middle) // _MOST_THRESHOLDS) or 1]]
        names.sort(key=lambda name: name[0] != "has")
        place = {name: number for number, name in enumerate(names)}
        matrix = np.zeros((len(inputs), len(names)), dtype=np.float32)
        for row, one in enumerate(inputs):
            matrix[row, [place[name] for name in one.features if name in place]] = 1
        for number, name in enumerate(names):
            if name[0] == "above":
                matrix[:, number] = [one.meets(name) for one in inputs]
        if len(names):
            _, first = np.unique(matrix, axis=1, return_index=True)
            kept = np.sort(first)
            return Features([names[number] for number in kept], np.ascontiguousarray(matrix[:, kept]))
        return Features(names, matrix)


@dataclass(frozen=True)
class Tree:
    """The steps that follow, by what holds for the input; `counts` are those of the rows that come here."""

    counts: Sequence[tuple[Step, int]]
    feature: Feature | None = None
    yes: "Tree | None" = None
    no: "Tree | None" = None

    def path(self, one: Input) -> "list[Tree]":
        """The nodes from the leaf to the root to which an input leads."""
        node, found = self, [self]
        while node.feature is not None and node.yes is not None and node.no is not None:
            node = node.yes if one.meets(node.feature) else node.no
            found.append(node)
        return found[::-1]


def grow(features: Features, rows: np.ndarray, steps: Sequence[Step]) -> Tree:
    """A tree that splits as long as that describes the steps more briefly than naming the feature takes.

    Steps that occur once count as one: they are typing errors, or free text.
    """
    counted = Counter(steps)
    labels = [step if counted[step] > 1 else None for step in steps]
    number = {label: at for at, label in enumerate(dict.fromkeys(labels))}
    return _grow(features, rows, list(steps), np.array([number[label] for label in labels]), len(number))


def _grow(features: Features, rows: np.ndarray, steps: list[Step], labels: np.ndarray, many: int) -> Tree:
    counts = sorted(Counter(steps).items(), key=lambda item: (-item[1], item[0]))
    if len(counts) == 1 or not len(features.names) or len(np.unique(labels)) == 1:
        return Tree(counts)
    present = np.eye(many, dtype=np.float32)[labels]
    with_ = features.matrix[rows].T @ present
    total = present.sum(axis=0)
    gain = _entropy(total) - _entropy(with_) - _entropy(total - with_)
    best = int(np.argmax(np.round(gain, 3)))
    if gain[best] <= log(len(features.names)) + 1:
        return Tree(counts)
    holds = features.matrix[rows, best] > 0
    yes, no = (
        _grow(features, rows[side], [step for step, here in zip(steps, side, strict=True) if here], labels[side], many)
        for side in (holds, ~holds)
    )
    return Tree(counts, features.names[best], yes, no)


def _entropy(counts: np.ndarray) -> np.ndarray:
    """The nats that it takes to name each of the counted steps, over the last axis."""
    sizes = counts.sum(axis=-1)
    return _x_log_x(sizes) - _x_log_x(counts).sum(axis=-1)


def _x_log_x(values: np.ndarray) -> np.ndarray:
    return values * np.log(np.maximum(values, 1))


# --- the model ---------------------------------------------------------------------------------------------------


class Written(NamedTuple):
    """An output that the model writes, with its chain and how likely the model finds it."""

    text: str
    chain: Chain
    likelihood: float


@dataclass(frozen=True)
class Skeletons:
    """A model of chains: `chains` of train rows and their `features`, of which `rows` are those it is learnt from."""

    slots: Sequence[Slot]
    chains: Sequence[Chain]
    inputs: Sequence[Input]
    features: Features
    rows: Sequence[int]
    _trees: dict[State, Tree] = field(default_factory=dict)

    @cached_property
    def _following(self) -> Mapping[State, tuple[list[int], list[Step]]]:
        """For each state the rows that come to it, and the step that each takes."""
        found: dict[State, tuple[list[int], list[Step]]] = {}
        for row in self.rows:
            state, seen = _START, Counter[int]()
            for step in self.chains[row]:
                rows, steps = found.setdefault(state, ([], []))
                rows.append(row)
                steps.append(step)
                state = _next(state, step, seen)
        return found

    @cached_property
    def mentioned(self) -> Mapping[str, float]:
        """The share of the outputs that mention each field, of those whose input has it."""
        having: Counter[str] = Counter(name for row in self.rows for name in _names(self.inputs[row]))
        by_chain = (
            {self.slots[step.slot].field for step in self.chains[row] if step.slot >= 0} & _names(self.inputs[row])
            for row in self.rows
        )
        said: Counter[str] = Counter(name for names in by_chain for name in names)
        return {name: said[name] / count for name, count in having.items()}

    def write(self, one: Input) -> list[Written]:
        """Outputs for one input, the likeliest first."""
        names, done = _names(one), list[Written]()
        beams = [(0.0, _START, Chain(), "", Counter[int]())]
        for _ in range(_MOST_STEPS):
            following = []
            for score, state, chain, text, seen in beams:
                for step, share in self._steps(state, one):
                    added = self.slots[step.slot].fill(one.parts) if step.slot >= 0 else ""
                    now = score + log(share)
                    # A slot without a value is skipped, with the literal before it.
                    new = text if added is None else text + step.literal + added
                    if step.slot == END:
                        said = {self.slots[each.slot].field for each in (*chain, step) if each.slot >= 0}
                        now += sum(
                            log(1.02 - share)
                            for name, share in self.mentioned.items()
                            if share > _OFTEN and name in names and name not in said
                        )
                        done.append(Written(new, (*chain, step), exp(now)))
                    else:
                        counted = Counter(seen)
                        following.append((now, _next(state, step, counted), (*chain, step), new, counted))
            beams = sorted(following, key=lambda beam: -beam[0])[:_WIDTH]
            if not beams or (len(done) >= _WIDTH and exp(beams[0][0]) < sorted(w.likelihood for w in done)[-_WIDTH]):
                break
        best: dict[str, Written] = {}
        for written in sorted(done, key=lambda written: -written.likelihood):
            best.setdefault(written.text, written)
        return list(best.values())[:_WIDTH]

    def _steps(self, state: State, one: Input) -> list[tuple[Step, float]]:
        """The steps that may follow, with their shares; from the leaf of the tree, or else from nearer to its root."""
        if state not in self._trees:
            rows, steps = self._following[state]
            self._trees[state] = grow(self.features, np.array(rows), steps)
        path = self._trees[state].path(one)
        for node in path:
            total = sum(count for _, count in node.counts) + 0.5
            able = [
                (step, count / total)
                for step, count in node.counts
                if step.slot < 0 or (self.slots[step.slot].field, self.slots[step.slot].part) in one.parts
            ]
            if able:
                likely = [(step, share) for step, share in able[:_TRIED] if share >= _LEAST]
                return likely or able[:1]
        return [(path[-1].counts[0][0], 0.1)]


def _names(one: Input) -> set[str]:
    return {name[1] for name in one.features if name[0] == "has"}


def _next(state: State, step: Step, seen: Counter[int]) -> State:
    if step.slot == CLAUSE:
        return (*state[:2], step.literal)
    seen[step.slot] += 1
    return (step.slot, seen[step.slot], "")


# --- held back ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Calibration:
    """How often outputs of held-back train rows were exact, by the likelihood that the model gave them.

    likelihoods: descending. exact: of the rows with at least that likelihood, the share that was exact, so cautious that it
    is never above n / (n + 1) for n rows.
    """

    likelihoods: Sequence[float]
    exact: Sequence[float]

    @staticmethod
    def of(likelihoods: Sequence[float], right: Sequence[bool]) -> "Calibration":
        """The calibration by these rows."""
        order = np.argsort(-np.array(likelihoods), kind="stable")
        running = np.cumsum(np.array(right)[order]) / (np.arange(len(order)) + 2)
        best = np.maximum.accumulate(running[::-1])[::-1]
        return Calibration([likelihoods[at] for at in order], best.tolist())

    def confidence(self, likelihood: float) -> float:
        """The share of exact outputs among held-back rows at least so likely; 0 where there are none."""
        place = bisect_right(self.likelihoods, -likelihood, key=lambda each: -each)
        return self.exact[place - 1] if place else (self.exact[0] if self.exact else 0.0)
