"""What the outputs of examples are, and which rule compares them with the right answer."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import polars as pl

from ...core import say
from ..columns import contained
from ..fields import field_text
from ..kinds.equals import FinalAnswerParameters
from ..kinds.label import parts_of
from ..kinds.same_fields import record_of
from ..schema import Task
from ..words import listed, mostly_json, quoted

_FEWEST = 20  # outputs
_MOST = 0.9  # of the outputs have the form of a task; of JSON 80%, as the rule `json` is proposed from there on
_MOST_JSON = 0.8
_SOME = 0.1  # of the outputs: a form that is named where no task is recognised
_READ, _READ_CLOSELY = 20_000, 2_000  # outputs that are parsed, and whose ends are looked at
# A label recurs (in few examples twice), and each is in five outputs on average; sets of them are in so many outputs.
_LABEL_CHARACTERS, _LABEL_WORDS, _PATH_WORDS, _RECURS, _PER_LABEL, _SEVERAL = 100, 6, 12, 3, 5, 0.05
_ANSWER_WORDS, _ANSWER_CHARACTERS = 8, 80
_ASKED = 0.5  # of the requests list options, ask a question or hold the answer; of the outputs calculate
# Questions begin with few different words: the eight most frequent begin most requests, and none begins nearly all.
_FIRST_WORDS, _FIRST_SHARE, _ONE_WORD = 8, 0.8, 0.6
_PROSE_WORDS = 8  # a longer value that is not in the request is free text

_SQL = r"(?is)\A\s*(?:select|with|insert|update|delete|create)\b.*\b(?:from|into|set|table|select)\b"
_NUMBER = r"[-+−]?[$€£¥]?\s*\d[\d.,]*(?:/\d+)?(?:\s*(?:%|°|\p{L}{1,12}))?"
_ENDS_IN_NUMBER = r"\d[\d.,]*\s*(?:\p{L}{1,12}|[^\w\s]){0,3}\z"
_ARITHMETIC = r"\d\s*[-+*/×÷=]\s*\W?\d"
_CODE = r"\A[!-~]{0,40}\d[!-~]{0,40}\z"
_LETTER = r"\W{0,3}[A-Z]\W{0,3}"
_OPTIONS = r"(?m)(?:^|[\s\[(])[\[(]?B[).:\]]"  # the second option that a request lists
_SENTENCE_END = r"[.!?…。！？]\W*$"
# An answer begins after words such as `####`, `Answer:` or `The answer is`.
_TOKEN = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]+")
_MARKER, _MARKER_TOKENS = re.compile(r"#\Z|\w\W*:\W{0,2}\Z|\b(?:is|are|ist|sind|est|es|son)\Z"), 4

ADD_DATABASE = (
    "Add your database to `same_result` (`database: shop.sqlite`); without one, queries are compared as texts."
)
NOT_COMPARED = (
    "No rule here compares with a reference, so a fluent wrong answer passes: similarity (`similar`) measures wording, and "
    "people's votes see what is wrong."
)


@dataclass(frozen=True)
class RecognisedTask:
    """What the outputs are, and how they can be compared with the right answer.

    says: the evidence, as a clause. rows: the outputs that were looked at; follows: those of the recognised form. rule:
    the check that compares with the right answer, as in `style.yaml`; none for free text. notes: sentences about what does
    not fit or has to be stated. recurs: whether requests share outputs by nature.
    """

    task: Task
    says: str
    rows: int
    follows: int = 0
    rule: Mapping[str, Any] | None = None
    notes: tuple[str, ...] = ()
    recurs: bool = False

    @property
    def sentence(self) -> str:
        """The evidence, and how outputs are compared with the right answer, or that they are not."""
        unknown = (
            NOT_COMPARED if self.rows >= _FEWEST else "Add examples, or state the rule that compares them yourself."
        )
        how = f"`{self.rule['kind']}` compares them with the right answers." if self.rule else unknown
        return " ".join([f"{self.says}.", *self.notes, how])


def recognise_task(pairs: pl.DataFrame) -> RecognisedTask:
    """The task of `pairs` (columns `output` and `input`), by the share of outputs that have the form of one.

    At least 90% of the outputs are SQL; or labels (short, recurring, on average in five outputs each); or records (JSON
    from 80% on); or are, or end with, a number, a choice or what follows the same words; or are short answers to questions.
    Everything else is free text. Records and answers are looked for in at most 20,000 outputs, chosen by their texts: the
    order of the rows does not matter.
    """
    given = pairs.select(
        output=pl.col("output").cast(pl.String).fill_null("").str.strip_chars(),
        input=pl.col("input").cast(pl.String).fill_null(""),
    ).filter(pl.col("output") != "")
    if len(given) < _FEWEST:
        return RecognisedTask("text", f"{say.count(len(given), 'output')} are too few to recognise a task", len(given))
    read = given.sort(pl.struct("output", "input").hash(), "output", "input").head(_READ)
    outputs = read["output"]
    if (queries := int(outputs.str.contains(_SQL).sum())) >= _MOST * len(read):
        return _found("sql", "are SQL queries", queries, len(read), {"kind": "same_result"}, ADD_DATABASE)
    found = _labels(given) or _records(read) or _answers(read) or _short_answers(read)
    if found and found.rows < len(given):
        return replace(found, says=f"Of {len(given):,} outputs a sample was read: {found.says}")
    if found:
        return found
    forms = {"JSON": r"\A[\[{]", "SQL": _SQL, "numbers": rf"\A{_NUMBER}\z"}
    some = {name: share for name, form in forms.items() if (share := _share(outputs.str.contains(form))) >= _SOME}
    parts = [f"{say.percent(share)} {name}" for name, share in some.items()]
    what = f"of several forms ({listed(parts)}), so they have no rule in common" if parts else "free text"
    return RecognisedTask(
        "text", f"{say.count(len(given), 'output')} are {what}", len(given), recurs=mostly_json(outputs)
    )


def _found(
    task: Task, what: str, follows: int, rows: int, rule: Mapping[str, Any], *notes: str, recurs: bool = False
) -> RecognisedTask:
    """The task of `rows` outputs, of which `follows` are `what`; the others are counted in a sentence."""
    which, rest = say.count(rows, "output"), rows - follows
    if rest:
        which = f"{follows:,} of {which}"
        notes = (f"{say.count(rest, 'output')} {'is' if rest == 1 else 'are'} of another form.", *notes)
    return RecognisedTask(task, f"{which} {what}", rows, follows, rule, notes, recurs)


def _share(which: pl.Series) -> float:
    return float(which.fill_null(False).mean() or 0)  # type: ignore[arg-type]


def _labels(given: pl.DataFrame) -> RecognisedTask | None:
    outputs = given["output"]
    sets = {text: parts for text in outputs.unique() if (parts := _set_of(text)) is not None}
    counts = dict(outputs.filter(outputs.is_in(list(sets))).value_counts().iter_rows())
    if sum(counts.values()) < _MOST * len(given):
        return None
    whole = _spellings({text: n for text, n in counts.items() if not text.startswith("[")}, rows=len(given))
    # Sets of labels, in which no label is twice.
    several = {text: parts for text, parts in sets.items() if len(parts) == len(set(parts))}
    parts = Counter[str]()
    for text, labels in several.items():
        parts.update(dict.fromkeys(labels, counts[text]))
    in_sets = _spellings(parts, rows=len(given))
    joined = sum(counts[text] for text, labels in several.items() if len(labels) > 1) >= _SEVERAL * len(given)
    are_sets = joined and in_sets and (not whole or len(in_sets) < len(whole))
    spellings = in_sets if are_sets else whole
    options = _share(given["input"].str.contains(_OPTIONS)) >= _ASKED
    if (
        not spellings
        or _are_quantities(spellings)
        or (options and all(re.fullmatch(_LETTER, one) for one in spellings))
    ):
        return None
    known = {_folded(label) for label in spellings}
    odd = [text for text in counts if not {*map(_folded, several.get(text, ()) if are_sets else [text])} <= known]
    odd += outputs.filter(~outputs.is_in(list(counts))).unique().to_list()
    rest = int(outputs.is_in(odd).sum())
    if rest > (1 - _MOST) * len(given):
        return None
    what = f"are {'sets of ' if are_sets else ''}{say.count(len(spellings), 'label')}"
    rule = {"kind": "label", "labels": list(spellings)}
    return _found("labels", what, len(given) - rest, len(given), rule, *_case_notes(spellings), recurs=True)


def _set_of(text: str) -> Sequence[str] | None:
    """The parts of a text that may be a label or a set of them; None if it cannot be."""
    if text.startswith("{"):
        return None
    parts = parts_of(text)
    most = (
        _LABEL_WORDS if re.search(_SENTENCE_END, text) else _PATH_WORDS
    )  # `Garden > Tools > Hand tools` is no sentence
    short = all(len(part) <= _LABEL_CHARACTERS and len(re.findall(r"\w+", part)) <= most for part in parts)
    return parts if parts and short else None


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()


def _spellings(texts: Mapping[str, int], *, rows: int) -> dict[str, dict[str, int]]:
    """The labels among texts, as most outputs write them, each with the counts of its spellings; empty if they are many."""
    forms: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for text, count in sorted(texts.items(), key=lambda each: (-each[1], each[0])):
        forms[_folded(text)][text] = count
    least = _RECURS if rows >= 10 * _FEWEST else _RECURS - 1
    found = {next(iter(one)): one for one in forms.values() if sum(one.values()) >= least}
    total = sum(sum(one.values()) for one in found.values())
    return dict(sorted(found.items())) if 2 <= len(found) <= total / _PER_LABEL else {}


def _case_notes(spellings: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    """The labels that are written in several ways."""
    for label in [label for label, one in spellings.items() if len(one) > 1][:3]:
        each = ", ".join(f"{quoted(text)} {n:,}" for text, n in spellings[label].items())
        yield f"Spellings that differ by case count as one label: {each}."


def _are_quantities(labels: Sequence[str] | Mapping[str, Any]) -> bool:
    """Whether all labels are numbers, but not of classes: those are whole, and all that there are from 0 or 1 on."""
    if not pl.Series(list(labels)).str.contains(rf"\A{_NUMBER}\z").all() or not any(map(str.isdecimal, labels)):
        return False
    classes = sorted(int(label) for label in labels if label.isdecimal())
    return len(classes) < len(labels) or classes[0] > 1 or classes[-1] - classes[0] >= len(classes)


def _records(read: pl.DataFrame) -> RecognisedTask | None:
    texts, inputs = read["output"], read["input"]
    json = _share(texts.str.contains(r"\A[\[{]")) >= _MOST_JSON
    least = _MOST_JSON if json else _MOST
    for some in (texts.head(_READ_CLOSELY // 10), texts):  # most texts are no records
        records = [record_of(text) if not json or text[0] in "[{" else None for text in some]
        if (follows := sum(record is not None for record in records)) < least * len(some):
            return None
    prose, seen = Counter[str](), Counter[str]()
    for record, request in zip(records, inputs, strict=True):
        for name, value in (record or {}).items():
            seen[name] += 1
            text = field_text(value) if isinstance(value, str) else ""
            prose[name] += len(text.split()) > _PROSE_WORDS and text.casefold() not in request.casefold()
    free = [name for name in seen if prose[name] > seen[name] / 2]
    plain = [name for name in seen if name not in free]
    if not plain or (free and any("[" in name for name in seen)):
        return None
    notes = [f"Free text is not compared: {listed(list(map(quoted, free)))}."] if free else []
    rule = {"kind": "same_fields", **({"fields": {name: {} for name in plain}} if free else {})}
    what = f"are {'JSON' if json else 'named values'} with {say.count(len(seen), 'field')}"
    return _found("fields", what, follows, len(texts), rule, *notes, recurs=json)


def _answers(read: pl.DataFrame) -> RecognisedTask | None:
    """Outputs that are, or end with, a number or a choice, or have their answer in a box or after the same words."""
    texts = read["output"]
    options = _share(read["input"].str.contains(_OPTIONS)) >= _ASKED

    def answers(
        what: str, follows: int, rows: int, kind: str, *, recurs: bool = False, **parameters: Any
    ) -> RecognisedTask:
        return _found("answer", what, follows, rows, {"kind": kind, **parameters}, recurs=recurs)

    n = len(texts)
    boxed, numbers, codes = (texts.str.contains(form) for form in (r"\\boxed\{", rf"\A{_NUMBER}\z", _CODE))
    if _share(boxed) >= _MOST:
        return answers(r"have their answer in \boxed{}", int(boxed.sum()), n, "final_answer", take="boxed")
    if _share(numbers) >= _MOST:
        return answers("are a number", int(numbers.sum()), n, "equals", tolerance=0, recurs=True)
    if not options and _share(codes) >= _MOST:
        return answers("are one code, date or other word with digits", int(codes.sum()), n, "equals", recurs=True)
    some = read.head(_READ_CLOSELY)
    ends, n = some["output"].to_list(), len(some)
    if options:
        named = sum(FinalAnswerParameters("letter").answer(text) is not None for text in ends)
        if named >= _MOST * n:
            return answers("name the letter of a choice", named, n, "final_answer", take="letter", recurs=True)
    # A text that only describes something also ends in `Weight: 3 kg`.
    reasoned = _share(some["output"].str.contains(_ARITHMETIC)) >= _ASKED
    marker = _common_marker(ends) if reasoned or _ask(some["input"]) else None
    if marker:
        after = FinalAnswerParameters("after_marker", marker)
        tails = some.with_columns(answer=pl.Series(map(after.answer, ends), dtype=pl.String)).drop_nulls()
        copied = contained(tails["input"].str.to_lowercase(), tails["answer"].str.to_lowercase())
        if tails["answer"].n_unique() > 1 and _share(copied) < _MOST:
            what = f"end with an answer after {quoted(marker)}"
            return answers(what, len(tails), n, "final_answer", take="after_marker", marker=marker)
    ending = int(some["output"].str.contains(_ENDS_IN_NUMBER).sum())
    if reasoned and ending >= _MOST * n:
        return answers("end with a number", ending, n, "final_answer", take="last_number")
    return None


def _ask(inputs: pl.Series) -> bool:
    """Whether most requests are questions: by their mark, or as they begin with few different words."""
    first = inputs.str.to_lowercase().str.extract(r"(\w+)").value_counts(sort=True)["count"] / len(inputs)
    few = first[0] <= _ONE_WORD and first.head(_FIRST_WORDS).sum() >= _FIRST_SHARE
    return few or _share(inputs.str.contains(r"[?？؟]")) >= _ASKED


def _common_marker(texts: Sequence[str]) -> str | None:
    """The longest words and marks in the last line of nearly all texts that a short answer follows."""
    counts = Counter(chain.from_iterable(set(_markers(text.rsplit("\n", 1)[-1])) for text in texts))
    often = [marker for marker, n in counts.items() if n >= _MOST * len(texts)]
    return max(
        often, key=lambda marker: (counts[marker] >= 0.95 * max(counts.values()), len(marker), marker), default=None
    )


def _markers(line: str) -> Iterator[str]:
    tokens = list(_TOKEN.finditer(line))[-2 * _ANSWER_WORDS :]
    for at, token in enumerate(tokens[1:], start=1):
        tail = line[token.start() :]
        if len(tail.split()) <= _ANSWER_WORDS and len(tail) <= _ANSWER_CHARACTERS and re.search(r"\w", tail):
            for first in tokens[max(at - _MARKER_TOKENS, 0) : at]:
                if _MARKER.search(marker := line[first.start() : tokens[at - 1].end()]):
                    yield marker


def _short_answers(read: pl.DataFrame) -> RecognisedTask | None:
    """Answers of a few words to questions, or that their requests hold as they are."""
    texts, requests = read["output"], read["input"].str.to_lowercase()
    short = (texts.str.count_matches(r"\S+") <= _ANSWER_WORDS) & (texts.str.len_chars() <= _ANSWER_CHARACTERS)
    if _share(short) < _MOST or _share(texts.str.contains(_SENTENCE_END)) > 1 - _MOST:
        return None
    if not _ask(read["input"]) and _share(contained(requests, texts.str.to_lowercase())) < _ASKED:
        return None
    rule = {"kind": "equals", "ignore": ["case", "punctuation", "articles"], "tolerance": 0}
    note = "Other right wordings count if a column `references` lists them."
    return _found("answer", "are answers of a few words", int(short.sum()), len(read), rule, note, recurs=True)
