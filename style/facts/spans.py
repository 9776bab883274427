"""What many texts state and request, span by span: each distinct span is read once."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TypeVar

from .number_words import word_keys
from .numbers import Fact, Key, loose_code_keys, span_facts, without_leading_word

__all__ = ["Memory", "Spans"]

Given = TypeVar("Given")
Worked = TypeVar("Worked")


_MOST = 50_000  # results kept at a time: where all spans differ, they are of no use and take kilobytes each


class Memory(dict[Given, Worked]):
    """A cache of `work`, emptied when it is full: spans repeat, and nothing is faster than a dictionary look-up."""

    def __init__(self, work: Callable[[Given], Worked]) -> None:
        super().__init__()
        self.work = work

    def __missing__(self, given: Given) -> Worked:
        if len(self) >= _MOST:
            self.clear()
        result = self[given] = self.work(given)
        return result


class Spans:
    """What spans need and give, computed once per distinct span; keys are numbered, since integers compare faster.

    facts: the facts of the wanted kinds; needs: the keys of each of them; gives: all keys that a span gives, and
    `gives_numbers` those of its numbers alone.
    """

    def __init__(self, kinds: Collection[str]) -> None:
        self.numbers: dict[Key, int] = {}
        self.numbered: Memory[frozenset[Key], frozenset[int]] = Memory(
            self.ids
        )  # the facts of many spans share their keys
        self.facts: Memory[str, list[Fact]] = Memory(
            lambda span: [fact for fact in span_facts(span) if fact.kind in kinds]
        )
        self.needs: Memory[str, list[frozenset[int]]] = Memory(self._needs)
        self.gives: Memory[str, frozenset[int]] = Memory(lambda span: self._given(span_facts(span)))
        self.gives_numbers: Memory[str, frozenset[int]] = Memory(self._gives_numbers)
        self.gives_loosely: Memory[str, frozenset[int]] = Memory(self._loosely)

    def ids(self, keys: Iterable[Key]) -> frozenset[int]:
        """The numbers of the keys."""
        return frozenset([self.numbers.setdefault(key, len(self.numbers)) for key in keys])

    def _needs(self, span: str) -> list[frozenset[int]]:
        rest = without_leading_word(span)
        return self.needs[rest] if rest != span else [self.numbered[fact.needs] for fact in self.facts[span]]

    def _gives_numbers(self, span: str) -> frozenset[int]:
        rest = without_leading_word(span)  # with it a number gives a code as well, which no number needs
        if rest != span:
            return self.gives_numbers[rest]
        return self._given([fact for fact in span_facts(span) if fact.kind == "numbers"])

    def _given(self, facts: Sequence[Fact]) -> frozenset[int]:
        given = [self.numbered[fact.gives] for fact in facts]
        return given[0] if len(given) == 1 else frozenset[int]().union(*given)

    def _loosely(self, span: str) -> frozenset[int]:
        """The keys of the codes of a span when shortened."""
        codes = [fact.text for fact in span_facts(span) if fact.kind == "codes"]
        return self.ids(key for code in codes for key in loose_code_keys(code))

    def all_given(self, words: Sequence[str], of_text: Sequence[str]) -> frozenset[int]:
        """The ids of all that a text states: by its number words, its spans, and the codes in these when shortened."""
        plain, loose = map(self.gives.__getitem__, of_text), map(self.gives_loosely.__getitem__, of_text)
        return self.ids(word_keys(words)).union(*plain, *loose)
