"""The first screen and the sections of a run that was only curated."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from ....core import Row
from ....core import unbroken as say
from ....curate import answers_in_train
from ...charts.axes import Axis
from ...charts.rows import Bar, mini_rows
from ...page import Section
from ...stored import StoredCuration
from ...words import capital, sentence, short, typeset
from ..first_screen import Headline
from ..three_numbers import Number, Side
from .accepts import accepted_rows, accepts_sentence
from .brief import dropped_line
from .certificate import certificate, certificate_facts, certificate_values, held_out, near_values, similarity_text
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
from .edited import edited_values

__all__ = [
    "apart_lead",
    "content_lead",
    "curated_headline",
    "curated_sections",
    "rows_lead",
    "style_lead",
    "warnings_lead",
]

MOST_RULES = 6  # of the style; the others are folded
DOUBT = 260  # characters that fit the first screen of a phone
# Warnings by importance; the first one present is the strongest reason for doubt.
_WEIGHT = (
    "answers_in_train",
    "near_in_meaning",
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
        return "Nothing to train on", "fix"
    if _look_first(data) is not None:
        return "Look first", "open"
    if _waiting(data):
        return "Review first", "open"
    return ("Ready", "go") if held_out(data) else ("Nothing to test with", "open")


def _sentence(data: Mapping[str, Any]) -> str:
    kept, read, held, train = _kept_rows(data), data.get("rows_read") or 0, held_out(data), _split(data, "train")
    rows = say.count(read, "row")
    if not read:
        return "No rows were read."
    if not kept:
        return (
            f"Not one of {rows} can be used{_because(data)}."
            if read > 1
            else f"The only row cannot be used{_because(data)}."
        )
    clean = f"{say.count(kept)} of {rows} {'is' if kept == 1 else 'are'} clean"
    text = f"{clean}: {say.count(train)} for training and {say.count(held)} held out"
    if not held:
        text = f"{clean}, all for training and none for testing"
    new = held and not _leaks(data) and _leaks(data) is not None
    repeats = "which repeats no training example" if held == 1 else "none of which repeats a training example"
    answers = answers_in_train(data) if new else ""
    text += f", but {answers}." if answers else f", {repeats}." if new else "."
    if waiting := _waiting(data):
        text += f" {say.count(waiting)} {'row waits' if waiting == 1 else 'rows wait'} for a manual decision."
    return text


def _because(data: Mapping[str, Any]) -> str:
    """The reason that dropped most rows, if none was kept."""
    rules = {name: n for name, n in (data.get("rules") or {}).items() if n}
    if not rules:
        return ""
    most = max(sorted(rules), key=lambda name: rules[name])
    words = short(rule_words(most, sentences_of(data), brief=True), 80).rstrip(".")
    return f". The most frequent reason: {words[:1].lower()}{words[1:]}"


def _kept_rows(data: Mapping[str, Any]) -> int:
    return (data.get("outcomes") or {}).get("kept") or 0


def _split(data: Mapping[str, Any], name: str) -> int:
    return (data.get("splits") or {}).get(name) or 0


def _waiting(data: Mapping[str, Any]) -> int:
    return sum((data.get("outcomes") or {}).get(name) or 0 for name in ("conflict", "quarantined"))


def _leaks(data: Mapping[str, Any]) -> int | None:
    """Similar pairs across the split; None if not searched."""
    return (data.get("certificate") or {}).get("pairs_at_or_above")


def _look_first(data: Mapping[str, Any]) -> str | None:
    """What to set where more answers of test are in train than may be overlooked; None otherwise."""
    return (data.get("certificate") or {}).get("answers_remedy")


def _kept(data: Mapping[str, Any]) -> Number:
    read, kept = data.get("rows_read") or 0, _kept_rows(data)
    change = f"{say.count(_split(data, 'train'))} for training, {say.count(held_out(data))} held out" if kept else ""
    picture = mini_rows([Bar(0, read, "both"), Bar(0, kept, "candidate")], Axis(0, max(read, 1), ()))
    side = Side(Row("kept", "", kept, note=f"of {say.count(read)} read"), origin="#rows")
    return Number("Rows kept", (side,), change, picture)


def _apart(data: Mapping[str, Any]) -> Number:
    """Whether the held-out rows repeat training rows."""
    leaks, held = _leaks(data), held_out(data)
    title = "Held-out rows that repeat training rows"
    if leaks is None or not held:
        return Number(title, (Side(Row("repeats", "", "not searched", note="no rows are held out")),), "", Markup(""))
    nearest = (data.get("certificate") or {}).get("nearest") or []
    closest = (
        f"nearest: similarity {similarity_text(nearest[0].get('similarity'))}{_other_facts(data)}"
        if nearest
        else "none is similar"
    )
    pairs = f"pair{'' if leaks == 1 else 's'} of rows, {closest}" if leaks else f"of {say.count(held)} held out"
    change = "a test would prove nothing" if leaks else answers_in_train(data) or closest
    train = _split(data, "train")
    axis = Axis(0, max(train + held, 1), ())
    picture = mini_rows([Bar(0, train, "both"), Bar(train, train + held, "split")], axis)
    return Number(title, (Side(Row("repeats", "", leaks, note=pairs), origin="#certificate"),), change, picture)


def _other_facts(data: Mapping[str, Any]) -> str:
    """A note that the nearest pair differs in its facts, if it is above the similarity threshold but no repeat."""
    return ", different facts" if (data.get("certificate") or {}).get("siblings_at_or_above") else ""


def _different(data: Mapping[str, Any]) -> Number:
    """How many outputs are distinct, and how often the most broken style rule is broken."""
    read, found = data.get("rows_read") or 0, data.get("distinct_outputs")
    checks = (data.get("checks") or {}).values()
    worst = max((check.get("share") or 0.0 for check in checks), default=None)
    change = "" if worst is None else "no style rule is broken"
    if worst:
        change = f"{say.percent(worst)} break the most broken rule"
    known = isinstance(found, int)
    picture = (
        mini_rows([Bar(0, read, "both"), Bar(0, found, "candidate")], Axis(0, max(read, 1), ()))
        if known
        else Markup("")
    )
    side = Side(Row("distinct", "", found if known else None, note=f"of {say.count(read)} read"), origin="#content")
    return Number("Distinct outputs", (side,), change, picture, "#style" if worst is not None else "")


def _doubt(data: Mapping[str, Any]) -> str:
    texts = {str(warning.get("code")): str(warning.get("text")) for warning in data.get("warnings") or []}
    for code in (*_WEIGHT, *texts):
        if code in texts:
            return short(texts[code], DOUBT)
    style = data.get("style") or {}
    if not style.get("checks"):
        return "There is no style schema, so outputs were only checked for being complete."
    if style.get("reviewed") is False:
        return "The style rules were inferred from examples and have not been reviewed."
    return "This run found none. It only finds what its rules check for."


def _next_step(data: Mapping[str, Any]) -> str:
    if not _kept_rows(data):
        return "Look at the dropped rows under Rows below and fix what they have in common."
    if _leaks(data):
        return "Do not test on these splits. The certificate below lists the pairs that are on both sides."
    if remedy := _look_first(data):
        return typeset(remedy)
    if _waiting(data):
        return "Decide on the waiting rows: `tuneworth why RUN` lists them, `tuneworth why RUN ROW` shows one with its conflict."
    if not _split(data, "train") or not held_out(data):
        return "Collect more rows, so that both sides of the split have some."
    if not (data.get("style") or {}).get("checks"):
        return "Define what a good output looks like: `tuneworth style infer FILE` proposes rules."
    return (
        "Train on them with `tuneworth run`, or export them for a provider with `tuneworth export RUN --format openai`."
    )


def curated_sections(run: StoredCuration, *, texts: bool) -> list[Section]:
    """The sections about the pairs; without `texts`, they contain no text of the data."""
    data = run.summary
    rows = {
        "funnel": funnel_figure(data), "decisions": override_line(data), "dropped": rows_values(run, texts=texts),
        "edited": (edited := edited_values(data, texts=texts)),
        "details": " ".join(filter(None, (dropped_line(data), edited["sentence"]))),
    }  # fmt: skip
    apart = {
        "certificate": certificate_values(data),
        "details": _search_words(data),
        "notes": data.get("split_notes") or [],
        "near": near_values(run.path, data, texts=texts),
    }
    style = {
        "unreviewed": (data.get("style") or {}).get("reviewed") is False,
        "rows": style_rows(data),
        "rest": style_rest(data),
        "most_rows": MOST_RULES,
        "accepts_sentence": accepts_sentence(data),
        "accepted": accepted_rows(data),
    }
    content = {
        "facts": content_facts(data),
        "personal": personal_line(data),
        "found": (found_rows := quality_rows(data)),
        "quality": "; ".join(f"{what}: {rows}" for what, _, rows, _ in found_rows[:2]),
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


def _search_words(data: Mapping[str, Any]) -> str:
    """What was searched, and how near the nearest pair is."""
    facts = {row.key: str(row.value) for row in certificate_facts(data)}
    return sentence("; ".join([facts["searched"], f"nearest pair: {facts['nearest']}"])) if facts else ""


Data = Mapping[str, Any]


def rows_lead(data: Data) -> str:
    """What was kept, and the rule that dropped most of the rest."""
    rules = {name: n for name, n in (data.get("rules") or {}).items() if n}
    kept = kept_of_read(data)
    if not rules:
        return f"{kept}."
    most = max(sorted(rules), key=lambda name: rules[name])
    dropped, n = sum(n for name, n in (data.get("outcomes") or {}).items() if name != "kept"), rules[most]
    rows = f"{say.count(n)} of the {say.count(dropped)} dropped rows"
    if n == dropped:
        rows = "the dropped row" if n == 1 else f"all {say.count(n)} dropped rows"
    if most.startswith("style:"):
        name = most.removeprefix("style:")
        words = short(str((sentences_of(data).get(name) or {}).get("sentence") or name), 90)
        return f"{kept}; {rows} {'breaks' if n == 1 else 'break'} one rule: {sentence(words)}"
    return f"{kept}; {rows} {'has' if n == 1 else 'have'} one reason: {sentence(rule_words(most, {}))}"


def apart_lead(data: Data) -> str:
    """Whether the held-out rows are new to a model that trains on the others."""
    if not held_out(data):
        return "No rows were held out, so these rows cannot serve as a test."
    return certificate(data) or "The held-out rows were not compared with the training rows."


def style_lead(data: Data) -> str:
    """How many rules are broken, and which one most often."""
    checks, sentences = data.get("checks") or {}, sentences_of(data)
    broken = {name: found["fail"] for name, found in checks.items() if found.get("fail")}
    if not broken:
        one = len(checks) == 1
        return f"No output breaks {'the rule' if one else f'any of the {say.count(len(checks))} rules'} of the style."
    most = max(sorted(broken), key=lambda name: broken[name])
    words = short(str((sentences.get(most) or {}).get("sentence") or most), 90)
    rules = f"Outputs break {say.count(len(broken))} of {say.count(len(checks))} rules"
    return f"{rules}; {say.percent(checks[most].get('share'))} of the outputs break this one: {sentence(words)}"


def content_lead(data: Data) -> str:
    """How many outputs are distinct, and whether the rows contain personal data."""
    distinct, read = data.get("distinct_outputs"), data.get("rows_read")
    personal = data.get("personal_data") or {}
    found = personal.get("rows") or 0
    masked = ", masked" if personal.get("masked") else ""
    people = f"{say.count(found, 'row')} contain{'s' * (found == 1)} personal data{masked}" if found else (
        "no personal data was found" if personal else ""
    )  # fmt: skip
    if distinct is None or not read:
        return f"{capital(people)}." if people else "The content of the pairs was not counted."
    outputs = f"The {say.count(read)} rows have {say.count(distinct)} distinct output{'s' * (distinct != 1)}"
    outputs = "The only row has one output" if read == distinct == 1 else outputs
    return f"{outputs}; {people}." if people else f"{outputs}."


def warnings_lead(data: Data) -> str:
    """The number of warnings."""
    n = len(data.get("warnings") or [])
    return f"Read {'this warning' if n == 1 else f'these {say.count(n)} warnings'} before using the pairs." if n else ""
