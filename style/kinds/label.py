"""The check `label`: the output names the reference's label, or all of its labels, and no other."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Literal

from ...core import ConfigError
from ..answers import normal_text
from ..columns import Columns
from ..schema import Check, Explanation, FaultRow, Findings, Kind
from ..words import listed, one_of, quoted
from .equals import compare_each

_SEPARATORS = re.compile(r"\s*[,;|\n]\s*")
_AROUND = "\"'`*.!:()[] \n"  # marks around a label that name no other
_MOST_NAMED = 60  # labels in the guide's sentence


@dataclass(frozen=True)
class LabelParameters:
    """The output names exactly the labels of the reference.

    labels: all that there are; by default those of the references. aliases: for a label other texts that name it.
    text_around: whether other text may stand around a label (`allowed`), or the output is the label alone (`refused`).
    Case does not matter unless two labels differ by it. Several labels stand on lines, between commas or in a JSON list.
    """

    labels: tuple[str, ...] = ()
    aliases: dict[str, tuple[str, ...]] = field(default_factory=dict)
    text_around: Literal["refused", "allowed"] = "refused"

    def __post_init__(self) -> None:
        if not all(text.strip() for text in (*self.labels, *chain(*self.aliases.values()))):
            raise ConfigError("a label is empty")
        if self.labels and (unknown := [name for name in self.aliases if name not in self.labels]):
            raise ConfigError(f"aliases names {one_of(unknown)}, which is none of the labels")
        named: dict[str, str] = {}
        for label, texts in self.aliases.items():
            for text in texts:
                if named.setdefault(text, label) != label:
                    raise ConfigError(f"{quoted(text)} is an alias of both {quoted(named[text])} and {quoted(label)}")

    @cached_property
    def names(self) -> "LabelNames":
        """How these labels are named."""
        return LabelNames(self.labels, self.aliases)

    def names_with(self, columns: Columns) -> "LabelNames":
        """The same; where no labels are stated, of those in the references."""
        if self.labels or columns.references is None:
            return self.names
        texts = chain.from_iterable(columns.references)
        return LabelNames(sorted(set(chain.from_iterable(map(parts_of, texts)))), self.aliases)


class LabelNames:
    """Labels with the texts that name them."""

    def __init__(self, labels: Iterable[str], aliases: Mapping[str, Sequence[str]]) -> None:
        self.labels = tuple(dict.fromkeys(labels))
        named = [(text, label) for label in self.labels for text in (label, *aliases.get(label, ()))]
        folded = {_folded(text): label for text, label in named}
        self._exact = len(folded) < len({text.strip() for text, _ in named})  # two differ by case alone
        self._by_text = {self._key(text): label for text, label in named}

    def _key(self, text: str) -> str:
        return text.strip() if self._exact else _folded(text)

    @cached_property
    def _anywhere(self) -> re.Pattern[str]:
        texts = sorted(self._by_text, key=len, reverse=True)
        return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, texts))})(?!\w)" if texts else r"(?!)")

    def one(self, text: str) -> str | None:
        """The label that a text is; None if it is none."""
        found = self._by_text.get(self._key(text))
        return found or self._by_text.get(self._key(text.strip(_AROUND)))

    def all(self, text: str) -> list[str | None]:
        """The labels that a text consists of, None for each part that is none."""
        found = self.one(text)
        return [found] if found is not None else [self.one(part) for part in parts_of(text)]

    def within(self, text: str) -> Iterator[tuple[str, int, int]]:
        """The labels that a text names among other words, with their places."""
        folded = text if self._exact or len(text.casefold()) != len(text) else text.casefold()
        for match in self._anywhere.finditer(folded):
            yield self._by_text[match.group()], *match.span()


def _folded(text: str) -> str:
    return normal_text(text, ("case", "space"))


def parts_of(text: str) -> list[str]:
    """The labels of a reference with several: a JSON list, lines, or texts between commas."""
    if text.strip().startswith("["):
        try:
            listed = json.loads(text)
        except ValueError:
            listed = None
        if isinstance(listed, list) and all(isinstance(item, str) for item in listed):
            return listed
    return [part for part in _SEPARATORS.split(text.strip()) if part]


def labels_of(output: str, names: LabelNames, *, around: bool) -> list[str] | None:
    """The labels that an output names, sorted; None if it names none, or a part of it is no label."""
    if around:
        found: list[str | None] = [label for label, _, _ in names.within(output)]
    else:
        found = names.all(output)
    return sorted({label for label in found if label}) if found and None not in found else None


def _find_label(check: Check, columns: Columns) -> Findings:
    p: LabelParameters = check.parameters
    names = p.names_with(columns)
    known = set(names.labels)
    around = p.text_around == "allowed"

    def fault(output: str, references: Sequence[str]) -> FaultRow | None:
        # A reference that is a label as a whole may hold a comma.
        wanted = [
            [text.strip()] if text.strip() in known else sorted(filter(None, names.all(text))) for text in references
        ]
        given = labels_of(output, names, around=around)
        if given is not None and given in wanted:
            return None
        right = listed([quoted(label) for label in wanted[0]]) if wanted[0] else quoted(references[0].strip())
        if given is None:
            what = "names none of the labels" if around else "is none of the labels"
            return 0, None, None, None, f"{right}; the output {what}"
        wrong = [label for label in given if label not in wanted[0]]
        place = next(((start, end) for label, start, end in names.within(output) if label in wrong), None)
        if not wrong or place is None:
            return 0, None, None, None, f"{right}; the output names only {listed([quoted(label) for label in given])}"
        return 0, output[slice(*place)], *place, right

    return compare_each(columns, fault)


def _say_label(check: Check) -> str:
    p: LabelParameters = check.parameters
    if not p.labels:
        what = "Answer with the right label"
    else:
        shown = p.labels[:_MOST_NAMED]
        more = f" (and {len(p.labels) - len(shown)} more)" if len(p.labels) > len(shown) else ""
        what = f"Answer with the right one of these labels: {', '.join(map(quoted, shown))}{more}"
    alone = "" if p.text_around == "allowed" else ", and nothing else"
    also = [f"{one_of(texts)} means {quoted(label)}" for label, texts in p.aliases.items() if texts]
    return f"{what}{alone}.{f' {listed(also)}.' if also else ''}"


LABEL = Kind(
    "label", "correctness", LabelParameters, _find_label, _say_label,
    explain=Explanation('found "{found}", the label is {expected}', "the label is {expected}"),
    looked_for=frozenset(),
)  # fmt: skip
