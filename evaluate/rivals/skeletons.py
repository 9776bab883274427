"""Learns which piece of an output follows which from the fields of its input, and writes outputs for other inputs.

What follows a slot is chosen by a small decision tree on the fields. Where outputs follow no template, whole train outputs
are offered with the values of the input.
"""

import re
import zlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from itertools import combinations, islice
from math import log, log2
from typing import Any, NamedTuple

import numpy as np

from .chains import CLAUSE, END, Chain, Step, chains, find_slots
from .forms import Parts, Slot, parts_of

_MOST_STEPS = 300
_FEWEST = 3  # outputs of a half from which the other half can be written
_USUAL = 0.5  # a field that so many outputs mention is missed where it is left out
_MOST_VALUES = 40  # of a field, as features
_COMPARED = 8  # numbers of an input that are compared with each other
_LONGEST = 40  # characters of a value that is a feature
_MOST_LIKE = 2_000  # train rows among which a whole output is chosen
_LIKE = 5  # train outputs that are offered for an input
_OFFERED = 0.5  # a chain less likely than this to be exact is not offered
SURE = 0.97  # from which a template counts as right about a request; it takes 65 held-back outputs without an error
_HELD = 200  # outputs of each half of the rows that the other half writes
_MARK, _ENDED = re.compile(r"[.!?;,\n]\s*"), re.compile(r"[.!?;,\n]\s*\Z")

State = tuple[int, int, str]  # the last slot and how often it has occurred, and the clause since
_START: State = (END, 0, "")


# Parts whose values matter.
_TOLD = frozenset(["", "word 1", "last word", "month", "weekday", "in the bracket", "half of the day"])


def features_of(parts: Parts) -> dict[str, float]:
    """What holds for an input: which fields it has, what is in them, and their numbers."""
    found: dict[str, float] = {}
    for (name, part), value in parts.items():
        if isinstance(value, tuple):
            found |= {f"{name} holds {item}": 1 for item in value[:_MOST_VALUES] if part == "items"}
        elif isinstance(value, str):
            if part == "":
                found[f" {name}"] = 1  # sorted first: of features that say the same, this one is kept
                found[f"{name} begins with a vowel"] = value[:1].lower() in "aeiouäöüéèà"
                found[f"{name} ends with s"] = value[-1:] in "sxzß"
            if part in _TOLD and len(value) <= _LONGEST:
                found[f"{name}, {part} = {value}"] = 1
    numbers = [(f"{name}, {part}", float(value)) for (name, part), value in parts.items() if isinstance(value, Decimal)]
    found.update(numbers)
    for (one, low), (other, high) in combinations(numbers[:_COMPARED], 2):
        found |= {f"{one} < {other}": low < high, f"{one} > {other}": low > high}
    return found


class Features:
    """The features that tell train rows apart, as columns of a matrix with a row for each."""

    def __init__(self, rows: Sequence[Mapping[str, float]]):
        counts = Counter(name for row in rows for name in row)
        self._seen = counts.keys()
        values: Counter[str] = Counter()
        names = list[str]()
        for name, count in sorted(counts.items(), key=lambda each: (-each[1], each[0])):
            if count > 1 and values[_asks(name)] < _MOST_VALUES:
                values[_asks(name)] += 1
                names.append(name)
        self.names = sorted(names)
        matrix = np.array([self.row(row) for row in rows], dtype=np.float32).reshape(len(rows), -1)
        _, first = np.unique(matrix, axis=1, return_index=True)
        kept = sorted(at for at in first.tolist() if len(np.unique(matrix[:, at])) > 1)
        self.names = [self.names[at] for at in kept]
        self.matrix = np.ascontiguousarray(matrix[:, kept])

    def row(self, found: Mapping[str, float]) -> list[float]:
        """The values of the columns for what holds for an input."""
        return [found.get(name, 0.0) for name in self.names]

    def unseen(self, found: Mapping[str, float]) -> set[int]:
        """The columns that ask for one value of a part, where the input has another that no train row has."""
        new = {_asks(name) for name in found.keys() - self._seen}
        return {at for at, name in enumerate(self.names) if _asks(name) in new and " = " in name} if new else set()


def _asks(name: str) -> str:
    """The part whose value a feature names."""
    return name.partition(" = ")[0].partition(" holds ")[0]


class Node(NamedTuple):
    """A node of a tree: the steps there with their shares, and where to go on."""

    options: Sequence[tuple[Step, float]]
    column: int
    limit: float
    below: int  # 0: a leaf
    above: int


def grow(matrix: np.ndarray, steps: Sequence[Step]) -> list[Node]:
    """A tree that splits as long as that describes the steps more briefly than naming the feature takes.

    Steps that occur once count as one: they are typing errors, or free text.
    """
    from sklearn.tree import DecisionTreeClassifier  # a second to import

    counted = sorted(Counter(steps).items(), key=lambda each: (-each[1], each[0]))
    shown = [step for step, count in counted if count > 1] or [counted[0][0]]
    number = {step: at for at, step in enumerate(shown)}
    labels = [number.get(step, len(shown)) for step in steps]
    if len(set(labels)) == 1 or not matrix.shape[1]:
        return [Node([(step, count / (len(steps) + 0.5)) for step, count in counted if step in number], 0, 0, 0, 0)]
    least = (log2(matrix.shape[1]) + 1.5) / len(steps)
    tree: Any = DecisionTreeClassifier(criterion="entropy", min_impurity_decrease=least, random_state=0)
    tree.fit(matrix, labels)
    kinds, fitted = tree.classes_, tree.tree_
    nodes = []
    for at in range(fitted.node_count):
        shares, count = fitted.value[at][0], fitted.n_node_samples[at]
        order = np.argsort(-shares, kind="stable")
        options = [
            (shown[kinds[k]], float(shares[k]) * count / (count + 0.5))
            for k in order
            if shares[k] and kinds[k] < len(shown)
        ]
        below, above = max(int(fitted.children_left[at]), 0), max(int(fitted.children_right[at]), 0)
        nodes.append(Node(options, int(fitted.feature[at]), float(fitted.threshold[at]), below, above))
    return nodes


# --- the model ---------------------------------------------------------------------------------------------------


class Written(NamedTuple):
    """An output that the model writes, with its log-likelihood; `new`: some step rests on no train row like this one."""

    text: str
    likelihood: float
    new: bool = False


def _next(state: State, step: Step, seen: Counter[int]) -> State:
    if step.slot == CLAUSE:
        return (*state[:2], step.literal)
    seen[step.slot] += 1
    return (step.slot, seen[step.slot], "")


@dataclass(frozen=True)
class Skeletons:
    """A model of the chains of train rows, learnt from `rows` of them; `features` are those of all rows."""

    slots: Sequence[Slot]
    chains: Sequence[Chain]
    inputs: Sequence[Parts]
    features: Features
    rows: Sequence[int]
    _trees: dict[State, list[Node]] = field(default_factory=dict)

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

    def write(self, parts: Parts) -> Written:
        """The output for one input, one likely step after the other. A slot without a value is left out, with its literal
        and what follows up to a mark."""
        found = features_of(parts)
        row, unseen = self.features.row(found), self.features.unseen(found)
        state, seen, text, likelihood, new, skipped = _START, Counter[int](), "", 0.0, False, False
        for _ in range(_MOST_STEPS):
            step, share, sure = self._step(state, row, unseen)
            likelihood, new = likelihood + log(share), new or not sure
            literal = step.literal
            if skipped:
                mark = _MARK.search(literal)
                ended = not text or _ENDED.search(text)
                literal = "" if mark is None else literal[mark.end() if ended else mark.start() :]
            filled = self._fill(step, parts)
            skipped = filled is None
            new, text = new or skipped, text if filled is None else text + literal + filled
            if step.slot == END:
                return Written(text, likelihood, new)
            state = _next(state, step, seen)
        return Written(text, -np.inf, new=True)

    def _step(self, state: State, row: Sequence[float], unseen: set[int]) -> tuple[Step, float, bool]:
        """The step that follows, with its share, and whether train rows show it for such an input."""
        while state not in self._following and state[1] > 1:
            state = (state[0], state[1] - 1, state[2])
        if state not in self._following:
            return Step("", END), 0.01, False
        if state not in self._trees:
            rows, steps = self._following[state]
            self._trees[state] = grow(self.features.matrix[rows], steps)
        nodes, at, sure = self._trees[state], 0, True
        while nodes[at].below:
            sure = sure and nodes[at].column not in unseen
            at = nodes[at].below if row[nodes[at].column] <= nodes[at].limit else nodes[at].above
        step, share = nodes[at].options[0] if nodes[at].options else nodes[0].options[0]
        return step, share, sure

    # --- whole outputs

    @cached_property
    def _outputs(self) -> tuple[Sequence[Chain], list[str], np.ndarray, np.ndarray, np.ndarray]:
        """The train outputs to choose from, the names of fields, and of each output which fields it says by a slot, their
        values, and how usual its steps are."""
        rows = self.rows[:: -(-len(self.rows) // _MOST_LIKE)]
        found = [self.chains[row] for row in rows]
        names = sorted({name for row in rows for name, part in self.inputs[row] if part == ""})
        slots = [{self.slots[step.slot].field for step in chain if step.slot >= 0} for chain in found]
        said = np.array([[name in fields for name in names] for fields in slots], dtype=bool)
        values = np.array([[self.inputs[row].get((name, "")) for name in names] for row in rows], dtype=object)
        counts = Counter(step for chain in found for step in chain)
        usual = np.array([sum(log(counts[step]) for step in chain) / len(chain) for chain in found])
        return found, names, said, values, usual

    def write_like(self, parts: Parts) -> list[str]:
        """The train outputs of the most usual words among those that say all fields of the input and no other, with the
        values of the input; a field that one does not say by a slot has the same value in both."""
        found, names, said, values, usual = self._outputs
        own = np.array([parts.get((name, "")) for name in names], dtype=object)
        missing = own == None  # noqa: E711 - of each element
        often = said.sum(axis=0) > _USUAL * (values != None).sum(axis=0)  # noqa: E711
        wrong = np.where(said, missing, values != own).sum(axis=1) + (~said & often & ~missing).sum(axis=1)
        best = (found[at] for at in np.lexsort((-usual, wrong)).tolist())
        texts = ("".join(step.literal + (self._fill(step, parts) or "") for step in chain) for chain in best)
        return list(islice(dict.fromkeys(islice(texts, 10 * _LIKE)), _LIKE))

    def _fill(self, step: Step, parts: Parts) -> str | None:
        """What follows a step's literal; None if the input has no such value."""
        return self.slots[step.slot].fill(parts) if step.slot >= 0 else ""

    def shown(self, chain: Chain) -> str:
        """A chain as text, its slots in braces."""
        return "".join(step.literal + (str(self.slots[step.slot]) if step.slot >= 0 else "") for step in chain)


@dataclass(frozen=True)
class LearntTemplate:
    """Skeletons learnt from all train rows, and how those learnt from one half of them did on the other.

    halves: models of one half of the rows each. held: row -> what was offered for it while it was held back. likelihoods,
    exact: in descending order, and the share of exact outputs among rows at least so likely.
    """

    model: Skeletons
    halves: Sequence[Skeletons]
    held: Mapping[int, Sequence[str]]
    likelihoods: Sequence[float]
    exact: Sequence[float]

    def options(self, fields: Mapping[str, Any]) -> tuple[list[str], float]:
        """Outputs for the fields of one input, the best first, and how sure it is that people would have written just that."""
        parts = parts_of(fields)
        written = self.model.write(parts)
        if any(half.write(parts).text != written.text for half in self.halves):
            written = written._replace(new=True)
        place = bisect_right(self.likelihoods, -written.likelihood, key=lambda each: -each)
        return _offered(self.model, parts, written, self.exact[max(place - 1, 0)])

    def skeletons(self, most: int) -> list[tuple[str, float]]:
        """The most frequent chains as texts, each with its share of the train outputs; none that only one or two have, which
        may be private."""
        counted = sorted(Counter(self.model.chains).items(), key=lambda each: (-each[1], each[0]))
        often = [(chain, count) for chain, count in counted[:most] if count >= _FEWEST]
        return [(self.model.shown(chain), count / len(self.model.chains)) for chain, count in often]


def _offered(model: Skeletons, parts: Parts, written: Written, exact: float) -> tuple[list[str], float]:
    sure = min(exact, _OFFERED) if written.new else exact
    chain = [written.text] if sure >= _OFFERED else []
    return (chain if sure >= SURE else chain + model.write_like(parts)), sure


def learn_skeletons(rows: Sequence[Mapping[str, Any]], outputs: Sequence[str]) -> LearntTemplate | None:
    """The template of these outputs; None if there are too few. Equal outputs are in one half, so that none is recited."""
    inputs = [parts_of(row) for row in rows]
    slots = find_slots(inputs, outputs)
    found = chains(inputs, outputs, slots)
    features = Features([features_of(parts) for parts in inputs])
    halves: tuple[list[int], list[int]] = ([], [])
    for row, output in enumerate(outputs):
        halves[zlib.crc32(output.encode("utf-8", "surrogatepass")) % 2].append(row)
    if min(map(len, halves)) < _FEWEST:
        return None
    models = [Skeletons(slots, found, inputs, features, half) for half in halves]
    tried = [
        (row, model, model.write(inputs[row]))
        for half, model in zip(halves, models[::-1], strict=True)
        for row in half[:: -(-len(half) // _HELD)]
    ]
    tried.sort(key=lambda each: -each[2].likelihood)
    right = np.cumsum([written.text == outputs[row] for row, _, written in tried]) / (np.arange(len(tried)) + 2)
    exact = np.maximum.accumulate(right[::-1])[::-1].tolist()
    held = {
        row: _offered(model, inputs[row], written, sure)[0]
        for (row, model, written), sure in zip(tried, exact, strict=True)
    }
    whole = Skeletons(slots, found, inputs, features, range(len(rows)))
    return LearntTemplate(whole, models, held, [written.likelihood for *_, written in tried], exact)
