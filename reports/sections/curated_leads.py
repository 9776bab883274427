"""The opening sentences of a page about curating alone: each says what its section found."""

from collections.abc import Mapping
from typing import Any

from ...core import unbroken as say
from .curation import kept_of_read, warning_texts
from .kept_apart import certificate, held_out
from .rows_left import rule_words, sentences_of, short

__all__ = ["apart_lead", "content_lead", "rows_lead", "style_lead", "warnings_lead"]

Data = Mapping[str, Any]


def rows_lead(data: Data) -> str:
    """What stayed, and the rule that took most of what did not."""
    rules = {name: n for name, n in (data.get("rules") or {}).items() if n}
    stay = kept_of_read(data)
    if not rules:
        return f"{stay}."
    most = max(sorted(rules), key=lambda name: rules[name])
    lost, n = sum(n for name, n in (data.get("outcomes") or {}).items() if name != "kept"), rules[most]
    who = f"of the {say.count(lost)} that left, {say.count(n)}"
    if n == lost:
        who = "the one that left" if n == 1 else f"all {say.count(n)} that left"
    if most.startswith("style:"):
        name = most.removeprefix("style:")
        words = short(str((sentences_of(data).get(name) or {}).get("sentence") or name), 90)
        return f"{stay}; {who} {'breaks' if n == 1 else 'break'} one rule: {_sentence(words)}"
    return f"{stay}; {who} {'did so' if n == lost else 'left'} for one reason: {_sentence(rule_words(most, {}))}"


def apart_lead(data: Data) -> str:
    """Whether the held-out rows are new to a model that trains on the others."""
    if not held_out(data):
        return "Nothing was held out, so nothing can be tested with these rows."
    return certificate(data) or "Whether held-out rows repeat training rows was not searched."


def style_lead(data: Data) -> str:
    """How many rules are broken at all, and the one broken most."""
    checks, sentences = data.get("checks") or {}, sentences_of(data)
    broken = {name: found["fail"] for name, found in checks.items() if found.get("fail")}
    if not broken:
        one = len(checks) == 1
        return f"No output breaks {'the rule' if one else f'any of the {say.count(len(checks))} rules'} of the style."
    most = max(sorted(broken), key=lambda name: broken[name])
    words = short(str((sentences.get(most) or {}).get("sentence") or most), 90)
    rules = f"{say.count(len(broken))} of {say.count(len(checks))} rules {'is' if len(broken) == 1 else 'are'} broken"
    return (
        f"{rules} by some output, most often this one, by {say.percent(checks[most].get('share'))}: {_sentence(words)}"
    )


def content_lead(data: Data) -> str:
    """How different the outputs are, and whether they name people."""
    distinct, read = data.get("distinct_outputs"), data.get("rows_read")
    personal = data.get("personal_data") or {}
    found = personal.get("rows") or 0
    masked = ", masked" if personal.get("masked") else ""
    people = f"{say.count(found, 'row')} hold{'s' * (found == 1)} personal data{masked}" if found else (
        "no personal data was found" if personal else ""
    )  # fmt: skip
    if distinct is None or not read:
        return f"{people[:1].upper()}{people[1:]}." if people else "What the pairs hold was not counted."
    outputs = f"The {say.count(read)} rows read hold {say.count(distinct)} different output{'s' * (distinct != 1)}"
    outputs = "The one row read holds one output" if read == distinct == 1 else outputs
    return f"{outputs}; {people}." if people else f"{outputs}."


def warnings_lead(data: Data) -> str:
    """How many things to know before building on the pairs."""
    n = len(data.get("warnings") or [])
    things = "One thing" if n == 1 else f"{say.count(n)} things"
    return f"{things} to know before building on these pairs." if warning_texts(data) else ""


def _sentence(words: str) -> str:
    return words if words.endswith((".", "…", "?", "!")) else f"{words}."
