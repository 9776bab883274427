"""A run that was curated and not evaluated: its first screen, and the sentence that opens each of its sections."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from ...core import Row
from ...core import unbroken as say
from ..charts.axes import Axis
from ..charts.rows import Bar, mini_rows
from ..page import Section
from ..stored import StoredCuration
from ..words import capital, sentence, short, typeset
from .certificate import certificate, certificate_values, held_out, likeness, near_rows
from .data import (
    canned_rows,
    content_facts,
    kept_of_read,
    override_line,
    personal_line,
    quality_rows,
    rows_values,
    style_rest,
    style_rows,
    warning_texts,
)
from .dropped import funnel_figure, rule_words, sentences_of
from .first_screen import Headline, Number, Side

__all__ = [
    "apart_lead",
    "content_lead",
    "curated_headline",
    "curated_sections",
    "rows_lead",
    "style_lead",
    "warnings_lead",
]

DOUBT = 260  # characters: what fits the first screen of a phone
# Warnings by weight; the first one present is the strongest reason for doubt.
_WEIGHT = (
    "few_pairs",
    "huge_component",
    "many_conflicts",
    "rule_rejects_many",
    "personal_data",
    "few_outputs",
    "canned_outputs",
    "split_size",
    "few_effective",
    "few_groups",
    "unscored",
    "quality_habit",
    "many_truncated",
    "groups_across",
)


def curated_headline(run: StoredCuration) -> Headline:
    """The sentence, three numbers, the strongest doubt and the next step."""
    data = run.summary
    label, tone = _label(data)
    return Headline(
        label=label,
        tone=tone,
        sentence=_sentence(data),
        numbers=(_kept(data), _apart(data), _different(data)),
        doubt=typeset(_doubt(data)),
        next_step=_next_step(data),
    )


def _label(data: Mapping[str, Any]) -> tuple[str, str]:
    if not _kept_rows(data):
        return "Nothing to use", "fix"
    if _leaks(data):
        return "The splits leak", "fix"
    if not _split(data, "train"):
        return "Nothing to learn from", "fix"
    if _waiting(data):
        return "Look first", "open"
    return ("Ready", "go") if held_out(data) else ("Nothing to test with", "open")


def _sentence(data: Mapping[str, Any]) -> str:
    kept, read, held, train = _kept_rows(data), data.get("rows_read") or 0, held_out(data), _split(data, "train")
    rows = say.count(read, "row")
    if not read:
        return "No rows were read, so there is nothing to use."
    if not kept:
        return (
            f"Not one of {rows} can be used{_because(data)}."
            if read > 1
            else f"The one row cannot be used{_because(data)}."
        )
    clean = f"{say.count(kept)} of {rows} {'is' if kept == 1 else 'are'} clean"
    text = f"{clean}: {say.count(train)} to learn from and {say.count(held)} held out"
    if not held:
        text = f"{clean}, all to learn from and none to test with"
    new = held and not _leaks(data) and _leaks(data) is not None
    repeats = "which repeats no training example" if held == 1 else "none of which repeats a training example"
    text += f", {repeats}." if new else "."
    if waiting := _waiting(data):
        text += f" {say.count(waiting)} {'row waits' if waiting == 1 else 'rows wait'} for a person to decide."
    return text


def _because(data: Mapping[str, Any]) -> str:
    """The reason that dropped most rows, if none are left."""
    rules = {name: n for name, n in (data.get("rules") or {}).items() if n}
    if not rules:
        return ""
    most = max(sorted(rules), key=lambda name: rules[name])
    words = short(rule_words(most, sentences_of(data), brief=True), 80).rstrip(".")
    return f"; the reason of most: {words[:1].lower()}{words[1:]}"


def _kept_rows(data: Mapping[str, Any]) -> int:
    return (data.get("outcomes") or {}).get("kept") or 0


def _split(data: Mapping[str, Any], name: str) -> int:
    return (data.get("splits") or {}).get(name) or 0


def _waiting(data: Mapping[str, Any]) -> int:
    return sum((data.get("outcomes") or {}).get(name) or 0 for name in ("conflict", "quarantined"))


def _leaks(data: Mapping[str, Any]) -> int | None:
    """Similar pairs across the split; None if not searched."""
    return (data.get("certificate") or {}).get("pairs_at_or_above")


def _kept(data: Mapping[str, Any]) -> Number:
    read, kept = data.get("rows_read") or 0, _kept_rows(data)
    change = f"{say.count(_split(data, 'train'))} to learn from, {say.count(held_out(data))} held out" if kept else ""
    picture = mini_rows([Bar(0, read, "both"), Bar(0, kept, "candidate")], Axis(0, max(read, 1), ()))
    side = Side(Row("kept", "", kept, note=f"of {say.count(read)} read"), origin="#rows")
    return Number("Rows kept", (side,), change, picture)


def _apart(data: Mapping[str, Any]) -> Number:
    """Whether the held-out rows are new to a model that learns from the others."""
    leaks, held = _leaks(data), held_out(data)
    title = "Held-out rows that repeat training rows"
    if leaks is None or not held:
        return Number(title, (Side(Row("repeats", "", "not searched", note="nothing is held out")),), "", Markup(""))
    nearest = (data.get("certificate") or {}).get("nearest") or []
    closest = (
        f"nearest: {likeness(nearest[0].get('similarity'))} alike{_other_facts(data)}" if nearest else "none is near"
    )
    pairs = f"pair{'' if leaks == 1 else 's'} of rows, {closest}" if leaks else f"of {say.count(held)} held out"
    change = "the test would prove nothing" if leaks else closest
    train = _split(data, "train")
    axis = Axis(0, max(train + held, 1), ())
    picture = mini_rows([Bar(0, train, "both"), Bar(train, train + held, "split")], axis)
    return Number(title, (Side(Row("repeats", "", leaks, note=pairs), origin="#certificate"),), change, picture)


def _other_facts(data: Mapping[str, Any]) -> str:
    """Pairs above the similarity threshold that are not repeats differ in their facts."""
    return ", other facts" if (data.get("certificate") or {}).get("siblings_at_or_above") else ""


def _different(data: Mapping[str, Any]) -> Number:
    """How different the outputs are, and how much of the style they break."""
    read, found = data.get("rows_read") or 0, data.get("distinct_outputs")
    checks = (data.get("checks") or {}).values()
    worst = max((check.get("share") or 0.0 for check in checks), default=None)
    change = "" if worst is None else "no rule of the style is broken"
    if worst:
        change = f"{say.percent(worst)} break the rule most broken"
    known = isinstance(found, int)
    picture = (
        mini_rows([Bar(0, read, "both"), Bar(0, found, "candidate")], Axis(0, max(read, 1), ()))
        if known
        else Markup("")
    )
    side = Side(Row("distinct", "", found if known else None, note=f"of {say.count(read)} read"), origin="#content")
    return Number("Different outputs", (side,), change, picture, "#style" if worst is not None else "")


def _doubt(data: Mapping[str, Any]) -> str:
    texts = {str(warning.get("code")): str(warning.get("text")) for warning in data.get("warnings") or []}
    for code in (*_WEIGHT, *texts):
        if code in texts:
            return short(texts[code], DOUBT)
    style = data.get("style") or {}
    if not style.get("checks"):
        return "No style schema was given, so nothing was asked of the outputs but that they are whole."
    if style.get("reviewed") is False:
        return "The rules of the style were proposed from examples, and nobody has looked at them yet."
    return "None that this run could see: what a rule does not ask, it did not look for."


def _next_step(data: Mapping[str, Any]) -> str:
    if not _kept_rows(data):
        return (
            "Look at the first rows that left, under Rows below: what they have in common is what to mend in the file."
        )
    if _leaks(data):
        return "Do not test on these splits; the certificate below names the pairs that are on both sides."
    if _waiting(data):
        return (
            "Decide on the rows that wait: `tuneworth why RUN ROW` shows each beside the other and notes the decision."
        )
    if not _split(data, "train") or not held_out(data):
        return "Collect more rows: both sides of the split need some."
    if not (data.get("style") or {}).get("checks"):
        return "Say what a good output looks like: `tuneworth style infer FILE` proposes the rules."
    return (
        "Train on them with `tuneworth run`, or export them for a provider with `tuneworth export RUN --format openai`."
    )


def curated_sections(run: StoredCuration, *, texts: bool) -> list[Section]:
    """What the page shows of the pairs; without `texts`, no text of the data."""
    data = run.summary
    rows = {"funnel": funnel_figure(data), "decisions": override_line(data), "dropped": rows_values(run, texts=texts)}
    apart = {
        "certificate": certificate_values(data),
        "notes": data.get("split_notes") or [],
        "near": near_rows(run.path, data, texts=texts),
    }
    style = {
        "unreviewed": (data.get("style") or {}).get("reviewed") is False,
        "rows": style_rows(data),
        "rest": style_rest(data),
    }
    content = {
        "facts": content_facts(data),
        "personal": personal_line(data),
        "found": quality_rows(data),
        "canned": canned_rows(data, texts=texts),
    }
    warnings = {"warnings": warning_texts(data)}
    found = [Section("rows", "Rows", rows_lead(data), "curated_rows", rows)]
    found.append(Section("apart", "Kept apart", apart_lead(data), "curated_apart", apart))
    if data.get("checks"):
        found.append(Section("style", "Style", style_lead(data), "curated_style", style))
    found.append(Section("content", "Content", content_lead(data), "curated_content", content))
    if data.get("warnings"):
        found.append(Section("warnings", "Warnings", warnings_lead(data), "curated_warnings", warnings))
    return found


Data = Mapping[str, Any]


def rows_lead(data: Data) -> str:
    """What was kept, and the rule that dropped most of the rest."""
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
        return f"{stay}; {who} {'breaks' if n == 1 else 'break'} one rule: {sentence(words)}"
    return f"{stay}; {who} {'did so' if n == lost else 'left'} for one reason: {sentence(rule_words(most, {}))}"


def apart_lead(data: Data) -> str:
    """Whether the held-out rows are new to a model that trains on the others."""
    if not held_out(data):
        return "Nothing was held out, so nothing can be tested with these rows."
    return certificate(data) or "Whether held-out rows repeat training rows was not searched."


def style_lead(data: Data) -> str:
    """How many rules are broken, and which one most often."""
    checks, sentences = data.get("checks") or {}, sentences_of(data)
    broken = {name: found["fail"] for name, found in checks.items() if found.get("fail")}
    if not broken:
        one = len(checks) == 1
        return f"No output breaks {'the rule' if one else f'any of the {say.count(len(checks))} rules'} of the style."
    most = max(sorted(broken), key=lambda name: broken[name])
    words = short(str((sentences.get(most) or {}).get("sentence") or most), 90)
    rules = f"{say.count(len(broken))} of {say.count(len(checks))} rules {'is' if len(broken) == 1 else 'are'} broken"
    return (
        f"{rules} by some output, most often this one, by {say.percent(checks[most].get('share'))}: {sentence(words)}"
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
        return f"{capital(people)}." if people else "What the pairs hold was not counted."
    outputs = f"The {say.count(read)} rows read hold {say.count(distinct)} different output{'s' * (distinct != 1)}"
    outputs = "The one row read holds one output" if read == distinct == 1 else outputs
    return f"{outputs}; {people}." if people else f"{outputs}."


def warnings_lead(data: Data) -> str:
    """How many things to know before building on the pairs."""
    n = len(data.get("warnings") or [])
    things = "One thing" if n == 1 else f"{say.count(n)} things"
    return f"{things} to know before building on these pairs." if warning_texts(data) else ""
