"""The first screen and the sections of a run that was only curated."""

from markupsafe import Markup

from ....core import Row, as_json
from ....core import unbroken as say
from ....curate import Curation, answers_in_train, obstacles
from ...charts.axes import Axis
from ...charts.rows import Bar, mini_rows
from ...page import Section
from ...stored import StoredCuration
from ...words import capital, sentence, short, typeset
from ..first_screen import Headline
from ..three_numbers import Number, Side
from .certificate import certificate, certificate_facts, certificate_values, held_out, near_values, similarity_text
from .changed import edited_values
from .data import (
    canned_rows,
    content_facts,
    dropped_line,
    kept_of_read,
    most_frequent,
    override_line,
    personal_line,
    quality_rows,
    rows_values,
    warning_texts,
)
from .dropped import funnel_figure
from .style import accepted_rows, accepts_sentence, rule_words, rules_of, style_rest, style_rows

MOST_RULES = 6  # of the style; the others are folded
DOUBT = 260  # characters that fit the first screen of a phone
# Warnings by importance; the first one present is the strongest reason for doubt.
_WEIGHT = (
    "answers_in_train",
    "near_in_meaning",
    "few_pairs",
    "huge_component",
    "many_conflicts",
    "mispaired",
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


def _label(data: Curation) -> tuple[str, str]:
    if not data.outcomes.kept:
        return "Nothing to use", "fix"
    if _leaks(data):
        return "The splits leak", "fix"
    if not _trained(data):
        return "Nothing to train on", "fix"
    if _look_first(data) is not None:
        return "Look first", "open"
    found = obstacles(data)
    if found and found[0].what == "rules":
        return "Fix the rules first", "fix"
    if _waiting(data):
        return "Review first", "open"
    if not held_out(data):
        return "Nothing to test with", "open"
    return ("Too few to decide", "open") if found else ("Ready", "go")


def _sentence(data: Curation) -> str:
    kept, read, held, leaks = data.outcomes.kept, data.rows_read, held_out(data), _leaks(data)
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
    text = f"{clean}: {say.count(_trained(data))} for training and {say.count(held)} held out"
    if not held:
        text = f"{clean}, all for training and none for testing"
    new = held and leaks == 0
    repeats = "which repeats no training example" if held == 1 else "none of which repeats a training example"
    answers = answers_in_train(as_json(data)) if new else ""
    text += f", but {answers}." if answers else f", {repeats}." if new else "."
    if waiting := _waiting(data):
        text += f" {say.count(waiting)} {'row waits' if waiting == 1 else 'rows wait'} for a manual decision."
    return text


def _because(data: Curation) -> str:
    """The reason that dropped most rows, if none was kept."""
    if (most := most_frequent(data)) is None:
        return ""
    words = short(rule_words(most[0], rules_of(data), brief=True), 80).rstrip(".")
    return f". The most frequent reason: {words[:1].lower()}{words[1:]}"


def _trained(data: Curation) -> int:
    return data.splits.train if data.splits else 0


def _waiting(data: Curation) -> int:
    return data.outcomes.conflict + data.outcomes.quarantined


def _leaks(data: Curation) -> int | None:
    """Similar pairs across the split; None if not searched."""
    return data.certificate.pairs_at_or_above if data.certificate else None


def _look_first(data: Curation) -> str | None:
    """What to set where more answers of test are in train than may be overlooked; None otherwise."""
    return data.certificate.answers_remedy if data.certificate else None


def _kept(data: Curation) -> Number:
    read, kept = data.rows_read, data.outcomes.kept
    change = f"{say.count(_trained(data))} for training, {say.count(held_out(data))} held out" if kept else ""
    picture = mini_rows([Bar(0, read, "both"), Bar(0, kept, "candidate")], Axis(0, max(read, 1), ()))
    side = Side(Row("kept", "", kept, note=f"of {say.count(read)} read"), origin="#rows")
    return Number("Rows kept", (side,), change, picture)


def _apart(data: Curation) -> Number:
    """Whether the held-out rows repeat training rows."""
    found, held, train = data.certificate, held_out(data), _trained(data)
    title = "Held-out rows that repeat training rows"
    if found is None or not held:
        return Number(title, (Side(Row("repeats", "", "not searched", note="no rows are held out")),), "", Markup(""))
    leaks, closest = found.pairs_at_or_above, "none is similar"
    if found.nearest:
        # The nearest pair may be above the similarity threshold, but no repeat.
        other = ", different facts" if found.siblings_at_or_above else ""
        closest = f"nearest: similarity {similarity_text(found.nearest[0].similarity)}{other}"
    pairs = f"pair{'' if leaks == 1 else 's'} of rows, {closest}" if leaks else f"of {say.count(held)} held out"
    change = "a test would prove nothing" if leaks else answers_in_train(as_json(data)) or closest
    axis = Axis(0, max(train + held, 1), ())
    picture = mini_rows([Bar(0, train, "both"), Bar(train, train + held, "split")], axis)
    return Number(title, (Side(Row("repeats", "", leaks, note=pairs), origin="#certificate"),), change, picture)


def _different(data: Curation) -> Number:
    """How many outputs are distinct, and how often the most broken style rule is broken."""
    read, found = data.rows_read, data.distinct_outputs
    worst = max((check.share for check in data.checks.values()), default=None)
    change = "" if worst is None else "no style rule is broken"
    if worst:
        change = f"{say.percent(worst)} break the most broken rule"
    picture = Markup("")
    if found is not None:
        picture = mini_rows([Bar(0, read, "both"), Bar(0, found, "candidate")], Axis(0, max(read, 1), ()))
    side = Side(Row("distinct", "", found, note=f"of {say.count(read)} read"), origin="#content")
    return Number("Distinct outputs", (side,), change, picture, "#style" if worst is not None else "")


def _doubt(data: Curation) -> str:
    if found := obstacles(data):
        return short(found[0].verdict, DOUBT)
    texts = {warning.code: warning.text for warning in data.warnings}
    for code in (*_WEIGHT, *texts):
        if code in texts:
            return short(texts[code], DOUBT)
    if data.style is None or not data.style.checks:
        return "There is no style schema, so outputs were only checked for being complete."
    if not data.style.reviewed:
        return "The style rules were inferred from examples and have not been reviewed."
    return "This run found none. It only finds what its rules check for."


def _next_step(data: Curation) -> str:
    if not data.outcomes.kept:
        return "Look at the dropped rows under Rows below and fix what they have in common."
    if _leaks(data):
        return "Do not test on these splits. The certificate below lists the pairs that are on both sides."
    if remedy := _look_first(data):
        return typeset(remedy)
    found = obstacles(data)
    if found and found[0].what == "rules":
        return typeset(capital(found[0].remedy) + ".")
    if _waiting(data):
        return "Decide on the waiting rows: `tuneworth why RUN` lists them, `tuneworth why RUN ROW` shows one with its conflict."
    if not _trained(data) or not held_out(data):
        return "Collect more rows, so that both sides of the split have some."
    if data.style is None or not data.style.checks:
        return "Define what a good output looks like: `tuneworth style infer FILE` proposes rules."
    if found:
        return capital(found[0].remedy) + "."
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
        "notes": data.split_notes,
        "near": near_values(run.path, data, texts=texts),
    }
    style = {
        "unreviewed": data.style is not None and not data.style.reviewed,
        "rows": style_rows(data),
        "rest": style_rest(data),
        "most_rows": MOST_RULES,
        "accepts_sentence": accepts_sentence(data.style),
        "accepted": accepted_rows(data.style),
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
    if data.checks:
        found.append(Section("style", "Style", style_lead(data), "curated_style", style))
    found.append(Section("content", "Content", content_lead(data), "curated_content", content))
    if data.warnings:
        found.append(Section("warnings", "Warnings", warnings_lead(data), "curated_warnings", warnings))
    return found


def _search_words(data: Curation) -> str:
    """What was searched, and how near the nearest pair is."""
    facts = {row.key: str(row.value) for row in certificate_facts(data)}
    return sentence("; ".join([facts["searched"], f"nearest pair: {facts['nearest']}"])) if facts else ""


def rows_lead(data: Curation) -> str:
    """What was kept, and the rule that dropped most of the rest."""
    kept, most = kept_of_read(data), most_frequent(data)
    if most is None:
        return f"{kept}."
    rule, n = most
    rows = f"{say.count(n)} of the {say.count(data.outcomes.dropped)} dropped rows"
    if n == data.outcomes.dropped:
        rows = "the dropped row" if n == 1 else f"all {say.count(n)} dropped rows"
    if rule.startswith("style:"):
        words = _rule(data, rule.removeprefix("style:"))
        return f"{kept}; {rows} {'breaks' if n == 1 else 'break'} one rule: {sentence(words)}"
    return f"{kept}; {rows} {'has' if n == 1 else 'have'} one reason: {sentence(rule_words(rule))}"


def _rule(data: Curation, name: str) -> str:
    """A check of the style as a sentence."""
    rules = rules_of(data)
    return short(rules[name].sentence if name in rules else name, 90)


def apart_lead(data: Curation) -> str:
    """Whether the held-out rows are new to a model that trains on the others."""
    if not held_out(data):
        return "No rows were held out, so these rows cannot serve as a test."
    return certificate(data) or "The held-out rows were not compared with the training rows."


def style_lead(data: Curation) -> str:
    """How many rules are broken, and which one most often."""
    checks = data.checks
    broken = {name: found.fail for name, found in checks.items() if found.fail}
    if not broken:
        one = len(checks) == 1
        return f"No output breaks {'the rule' if one else f'any of the {say.count(len(checks))} rules'} of the style."
    most = max(sorted(broken), key=lambda name: broken[name])
    rules = f"Outputs break {say.count(len(broken))} of {say.count(len(checks))} rules"
    share = say.percent(checks[most].share)
    return f"{rules}; {share} of the outputs break this one: {sentence(_rule(data, most))}"


def content_lead(data: Curation) -> str:
    """How many outputs are distinct, and whether the rows contain personal data."""
    distinct, read, personal = data.distinct_outputs, data.rows_read, data.personal_data
    people = "no personal data was found" if personal else ""
    if personal and personal.rows:
        masked = ", masked" if personal.masked else ""
        people = f"{say.count(personal.rows, 'row')} contain{'s' * (personal.rows == 1)} personal data{masked}"
    if distinct is None or not read:
        return f"{capital(people)}." if people else "The content of the pairs was not counted."
    outputs = f"The {say.count(read)} rows have {say.count(distinct)} distinct output{'s' * (distinct != 1)}"
    outputs = "The only row has one output" if read == distinct == 1 else outputs
    return f"{outputs}; {people}." if people else f"{outputs}."


def warnings_lead(data: Curation) -> str:
    """The number of warnings."""
    n = len(data.warnings)
    return f"Read {'this warning' if n == 1 else f'these {say.count(n)} warnings'} before using the pairs." if n else ""
