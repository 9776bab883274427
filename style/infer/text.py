"""`style.yaml` with the evidence for each check in comments."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from ...core import say
from ..columns import Columns, common_fields, given_fields
from ..discrimination import Discrimination
from ..near_misses import NearMisses
from ..schema import Task
from ..yaml_text import dumped, entries_text, wordings_text
from .evidence import Evidence, Instance

_SHOWN = 60  # characters of a text from the data in a comment
_TERM_VARIANTS = 4
_MOST_LETTERS = 32  # of an id
_SAME = 0.02  # a smaller difference between own outputs and those of other requests says nothing
_HEADINGS = {"correctness": "Answer", "form": "Form", "wording": "Wording", "facts": "Facts"}


def style_text(
    name: str,
    evidence: Sequence[Evidence],
    habits: Sequence[Evidence],
    discrimination: Discrimination | None,
    near_misses: NearMisses | None,
    *,
    rows: int,
    different: int,
    counted: int,
    notes: Sequence[str],
    source: str,
    wordings: Mapping[str, Mapping[str, Sequence[str]]],
    task: Task | None,
) -> str:
    """The whole file: `evidence` as checks, `habits` as checks that are commented out.

    `notes` are sentences about what was counted; `discrimination` and `near_misses` are those of the checks.
    """
    of = f" of {_shown(source, 200)}" if source else ""
    lines = [
        f"# Inferred from {_of_how_many(rows, different, counted)}{of}; not reviewed yet.",
        "# must: at least 95% of the examples follow the rule; should: at least 80% (lower end of Wilson's 95% interval).",
        "# Review each rule and correct it, then set `reviewed: true`; reports state whether the style was reviewed.",
    ]
    lines += [f"# {note}" for note in notes]
    lines += [f"# {found.sentence}" for found in (discrimination, near_misses) if found]
    if near_misses and near_misses.unseen:
        lines.append(f"# {near_misses.unseen}")
    top = {"name": name, "reviewed": False, **({"task": task} if task else {})}
    lines += dumped(top).rstrip("\n").split("\n")
    if wordings:
        lines.append(
            "# Phrases that outputs use for a value of a field in place of its name. Remove those that do not say it."
        )
        lines += wordings_text(wordings).rstrip("\n").split("\n")
    lines.append("checks:")
    about = None
    for one in evidence:
        if one.check.about != about:
            about = one.check.about
            lines.append(f"  # {_HEADINGS[about]}")
        lines += [f"  # {line}" for line in _evidence_lines(one)]
        lines += _form_only(one, discrimination)
        lines += entries_text([_leveled(one)]).rstrip("\n").split("\n")
    if habits:
        lines += ["", "  # Habits of most outputs, not rules yet. To make one a rule, remove its leading `# `."]
    for one in habits:
        lines += [f"  # # {line}" for line in _evidence_lines(one)]
        lines += [f"  # {line[2:]}" for line in entries_text([_leveled(one)]).rstrip("\n").split("\n")]
    return "\n".join(lines) + "\n"


def left_out_sentence(count: int) -> str:
    """How many outputs only stand in for one and were not counted; empty if there are none."""
    if not count:
        return ""
    are = "is a placeholder or a refusal and was" if count == 1 else "are placeholders or refusals and were"
    return f"{say.count(count, 'different output')} {are} left out."


def fields_sentence(columns: Columns) -> str:
    """How many of the fields were looked at; empty if all of them were."""
    every, common = len(given_fields(columns)), len(common_fields(columns))
    return f"Only the {common} most common of {every:,} fields were looked at." if common < every else ""


def _form_only(one: Evidence, discrimination: Discrimination | None) -> list[str]:
    """A comment on a rule that answers to other requests follow as often as the right ones."""
    shares = (discrimination.by_check if discrimination else {}).get(str(one.entry.get("id", one.check.kind)))
    if shares is None or shares.difference >= _SAME:
        return []
    return [f"  # form only: {say.percent(shares.shuffled)} of answers to other requests follow it too"]


def _of_how_many(rows: int, different: int, counted: int) -> str:
    if rows == different == counted:
        return f"{rows:,} examples"
    of = "" if rows == different else f" of {rows:,} examples"
    if counted == different:
        return f"{different:,} different outputs{of}"
    return f"a sample of {counted:,} of {different:,} {'different outputs' if of else 'examples'}{of}"


def _leveled(one: Evidence) -> dict[str, Any]:
    """The entry with its level; `must` is the default and omitted."""
    entry = dict(one.entry)
    first = {key: entry.pop(key) for key in ("kind", "id") if key in entry}
    return {**first, **({} if one.level == "must" else {"level": "should"}), **entry}


def _evidence_lines(one: Evidence) -> list[str]:
    """The evidence as lines of a comment."""
    # A note that is only a count repeats the evidence.
    lines = [] if re.fullmatch(r"[\d,]* of [\d,]*|", one.note) else [_shown(one.note, 200)]
    if one.check.about == "correctness":
        return lines
    if one.terms:
        of, each = ("of those that contain the term", _term) if "preferred" in one.entry else ("one by one", _field)
        return [*lines, f"{_holds(one)}; {of}:", *(f"  {each(term)}" for term in one.terms)]
    if one.variants:
        return [*lines, _term(one)]
    text = _holds(one)
    if one.exceptions:
        text += f"; exceptions: {', '.join(map(_exception, one.exceptions))}"
    if one.applicable - one.holds > len(one.exceptions) > 0:
        text += ", ..."
    return [*lines, text]


def _holds(one: Evidence) -> str:
    if one.terms and "preferred" in one.entry:
        return f"{one.holds:,} of {one.applicable:,} examples use only these spellings"
    return f"holds in {one.holds:,} of {one.applicable:,}{_percent(one)}"


def _percent(one: Evidence) -> str:
    """` (55%)`; empty if all follow it."""
    return "" if one.holds == one.applicable else f" ({say.percent(one.share)})"


def _field(one: Evidence) -> str:
    """`colour: 198 of 200 (99%)`."""
    return f"{', '.join(one.entry.get('fields') or one.entry['facts'])}: {one.holds:,} of {one.applicable:,}{_percent(one)}"


def _term(one: Evidence) -> str:
    """`"Low Dropout" in 61 of 97 (also "LDO" 12, "low dropout" 9)`."""
    term = next(iter(one.entry["preferred"]))
    others = [f"{_quoted(text)} {n:,}" for text, n in one.variants[:_TERM_VARIANTS]]
    others += ["..."] * (len(one.variants) > _TERM_VARIANTS)
    also = f" (also {', '.join(others)})" if others else ""
    return f"{_quoted(term)} in {one.holds:,} of {one.applicable:,}{also}"


def _exception(one: Instance) -> str:
    return f"{_shown(one.id, _SHOWN)} ({'nothing found' if one.found is None else _quoted(one.found)})"


def _quoted(text: str) -> str:
    return f'"{_shown(text, _SHOWN)}"'


def _shown(text: str, most: int) -> str:
    """A text from the data on one line of a comment: unprintable characters escaped, long texts cut."""
    cut = text if len(text) <= most else f"{text[: most - 1]}…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)


def with_ids(evidence: Sequence[Evidence]) -> list[Evidence]:
    """The evidence with an id in each entry whose kind occurs more than once; other checks are known by their kind."""
    kinds = [rule.check.kind for rule in evidence]
    taken: set[str] = set(kinds)
    named = []
    for rule in evidence:
        if kinds.count(rule.check.kind) > 1:
            stem = _stem(rule.entry)
            id = next(name for name in _numbered(stem) if name not in taken)
            taken.add(id)
            rule = replace(rule, entry={"kind": rule.entry["kind"], "id": id, **rule.entry})
        named.append(rule)
    return named


def _numbered(stem: str) -> Iterator[str]:
    yield stem
    for number in count(2):
        yield f"{stem}-{number}"


def _stem(entry: Mapping[str, Any]) -> str:
    """`length-words`, `ends-with-package`, `pattern`: the kind and the first thing that the entry names."""
    values = [v for key, v in entry.items() if key not in ("kind", "level", "when", "ignore_case", "say")]
    texts = [text for value in values for text in _texts(value)]
    if "preferred" in entry:
        return "one-spelling"
    keys = [key for key in entry if key in ("end", "quotes", "dashes", "exclamation_marks", "required")]
    first = keys[0] if keys else next((slug for text in texts if (slug := _slug(text))), "")
    return f"{_slug(entry['kind'])}-{_slug(first)}"[:_MOST_LETTERS].strip("-")


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [text for item in value for text in _texts(item)] if isinstance(value, list | tuple) else []


def _slug(text: str) -> str:
    """Lower-case ASCII letters and digits with hyphens between."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
