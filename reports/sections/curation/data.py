"""The data section: what was kept, style, quality, personal data, content, samples."""

from collections.abc import Mapping
from typing import Any

from ....core import Row
from ....core import unbroken as say
from ....curate import Curation
from ....style import StyleInUse
from ...page import Section
from ...stored import StoredCuration, StoredRun, ledger_place
from ...words import is_number, short
from .certificate import certificate, certificate_values, leak_clause, near_values
from .changed import edited_sentence, edited_values, fix_sentence, fixed_rules
from .dropped import dropped_rest, dropped_rows, funnel_figure
from .style import rule_words, rules_of

BORDER = 120  # characters of a text in the threshold table
MOST_WARNINGS = 12
REASON, FIRST, WARNING = 110, 220, 500  # characters of a reason, of the only warning that is shown, of any warning


def section(run: StoredRun, curated: StoredCuration | None, *, texts: bool) -> Section:
    """The section of an evaluated run; `curated` is its curation, if the folder has one."""
    data, style = run.results.data, run.results.style
    shown: dict[str, Any] = {"data": data}
    if data:
        personal, samples, edited = personal_line(data), sample_lines(run, data), edited_values(data, texts=texts)
        shown |= {
            "brief": brief_rows(data, style, samples=samples),
            "funnel": funnel_figure(data),
            "certificate": certificate_values(data),
            "lines": [text for text in (*samples, personal, override_line(data)) if text],
            "facts": content_facts(data),
            "edited": edited,
            "details": "The rows from step to step, the certificate, content, nearest pairs"
            + (", edited references." if edited["rows"] else "."),
            "near": near_values(run.path, data if curated else None, texts=texts),
            "dropped": rows_values(curated, texts=texts) if curated else None,
            "warnings": warning_texts(data),
        }
    return Section("data", "Data", _lead(run), "data", shown)


def rows_values(curated: StoredCuration, *, texts: bool) -> dict[str, Any]:
    """The dropped rows by rule, and what other thresholds would drop."""
    return {
        "rows": dropped_rows(curated, texts=texts),
        "rest": dropped_rest(curated),
        "ledger": ledger_place(curated.path),
        "thresholds": threshold_rows(curated.summary, texts=texts),
        "fixed_sentence": fix_sentence(curated.summary),
        "fixed": fixed_rules(curated.summary, texts=texts),
    }


def _lead(run: StoredRun) -> str:
    """The opening sentence: what was kept, and whether the test is new to the model."""
    data = run.results.data
    if data is None:
        scored = run.quality(run.candidate)
        n = len(run.pairs) or (scored.n if scored else 0)
        pairs = f"The {say.count(n)} test pairs were" if n else "The test pairs were"
        return f"{pairs} supplied as a file, so this run cannot tell whether a model was trained on any of them."
    clause = leak_clause(data) if data.certificate and data.certificate.pairs_at_or_above else ""
    return f"{kept_of_read(data)}; {clause}." if clause else f"{kept_of_read(data)}."


# --- the data in one line each ------------------------------------------------------------------------------------


def brief_rows(data: Curation, style: StyleInUse | None, *, samples: list[str]) -> list[tuple[str, str]]:
    """(label, sentence) of the rows, what was dropped and mainly why, the leak check, the style, people, warnings.

    `samples` is how much of its splits the run used; lines without content are omitted.
    """
    kept, warnings = "", warning_texts(data)
    if splits := data.splits:
        kept = (
            f"{say.count(splits.train)} for training, {say.count(splits.validation)} for validation, "
            f"{say.count(splits.test)} for the test."
        )
    warned = "; the first: ".join([say.count(len(warnings)), short(warnings[0], FIRST)]) if len(warnings) > 1 else ""
    rows = [
        ("Kept", kept),
        ("Dropped", dropped_line(data)),
        ("Leak check", certificate(data)),
        ("Used", " ".join(samples)),
        ("Style", _style_line(style)),
        ("Personal data", personal_line(data)),
        ("Edited", edited_sentence(data)),
        ("Warnings", warned or "".join(warnings)),
    ]
    return [(label, text) for label, text in rows if text]


def most_frequent(data: Curation) -> tuple[str, int] | None:
    """The rule that dropped most rows, and how many; None if none dropped any."""
    rules = [(name, n) for name, n in sorted(data.rules.items()) if n]
    return max(rules, key=lambda rule: rule[1], default=None)


def dropped_line(data: Curation) -> str:
    """How many rows were dropped, and the most frequent reason; empty if none was."""
    dropped, most = data.outcomes.dropped, most_frequent(data)
    if not dropped:
        return ""
    if most is None:
        return f"{say.count(dropped, 'row')}."
    words = short(rule_words(most[0], rules_of(data), brief=True), REASON).rstrip(".")
    words = f"{words[:1].lower()}{words[1:]}"
    if sum(n > 0 for n in data.rules.values()) == 1:
        return f"{say.count(dropped, 'row')}, all for one reason: {words}."
    return f"{say.count(dropped, 'row')}; the most frequent reason, for {say.count(most[1])} of them: {words}."


def _style_line(style: StyleInUse | None) -> str:
    """How many rules the style has, and whether people reviewed them."""
    if style is None or not style.checks:
        return ""
    reviewed = "reviewed by people" if style.reviewed else "inferred from examples and not reviewed"
    return f"{say.count(len(style.checks), 'rule')}, {reviewed}."


# --- its parts ----------------------------------------------------------------------------------------------------


def kept_of_read(data: Curation) -> str:
    """`1,511 of 2,966 rows were kept`."""
    read, kept = data.rows_read, data.outcomes.kept
    if not read:
        return "No row could be read"
    if kept == read:
        return f"All {say.count(read)} rows were kept" if read > 1 else "The only row was kept"
    if not kept:
        return f"Not one of {say.count(read)} rows was kept" if read > 1 else "The only row was dropped"
    return f"{say.count(kept)} of {say.count(read)} rows {'was' if kept == 1 else 'were'} kept"


def warning_texts(data: Curation) -> list[str]:
    """The first dozen warnings; a style may cause one warning per rule."""
    texts = [short(warning.text, WARNING) for warning in data.warnings]
    rest = len(texts) - MOST_WARNINGS
    if rest > 1:
        return [*texts[:MOST_WARNINGS], f"curate/summary.json lists {say.count(rest)} more warnings."]
    return texts


def quality_rows(data: Curation) -> list[tuple[str, str, str, str]]:
    """(finding, consequence, rows, share) of each quality check that found something, the most frequent first."""
    levels = {"must": "dropped from training", "should": "reported"}
    return [
        (rule_words(name), levels.get(found.level, ""), say.count(found.rows), say.percent(found.share))
        for name, found in sorted(data.quality.items(), key=lambda item: (-item[1].rows, item[0]))
        if found.rows
    ]


def personal_line(data: Curation) -> str:
    """A sentence on personal data, which never contains the values themselves."""
    personal = data.personal_data
    if personal is None:
        return ""
    kinds = ", ".join(f"{name} {say.count(n)}" for name, n in sorted(personal.found.items()) if n)
    if not kinds:
        return "No e-mail address, phone, card or bank account number was found."
    rows = f"Personal data in {say.count(personal.rows, 'row')} ({kinds})"
    if personal.masked:
        return f"{rows} was masked before any other step."
    return f"{rows} is still in the pairs. Set mask = true under [curate] to replace it."


def canned_rows(data: Curation, *, texts: bool) -> list[tuple[str, str, str]]:
    """(output, rows, inputs) of each output that answers many inputs; empty without `texts`."""
    found = data.canned_outputs if texts else ()
    return [(short(one.output), say.count(one.rows), say.count(one.inputs)) for one in found]


def threshold_rows(data: Curation, *, texts: bool) -> list[tuple[str, str, str]]:
    """(threshold, rows dropped, a borderline pair in words) of the threshold table; empty if it was not requested."""
    return [
        (f"{row.threshold:.2f}", say.count(row.dropped), _borderline(row.example, texts=texts))
        for row in data.threshold_table or ()
    ]


def _borderline(example: Mapping[str, Any] | None, *, texts: bool) -> str:
    if not example:
        return "–"
    value = example.get("similarity")
    similarity = f", similarity {value:.2f}" if isinstance(value, int | float) else ""
    if not texts:
        return f"{example.get('id')} in favour of {example.get('other_id')}{similarity}"
    output, other = (short(str(example.get(key) or ""), BORDER) for key in ("output", "other_output"))
    return f"“{output}” ({example.get('id')}) in favour of “{other}” ({example.get('other_id')}){similarity}"


def override_line(data: Curation) -> str:
    """A sentence on the manual decisions that were applied; empty if there are none."""
    found = data.overrides
    if found is None or not (found.applied or found.unmatched or found.changed):
        return ""
    were = "manual decision was" if found.applied == 1 else "manual decisions were"
    line = f"{say.count(found.applied)} {were} applied; the ledger records who decided and why."
    if unmatched := len(found.unmatched):
        line += f" {say.count(unmatched)} {'names' if unmatched == 1 else 'name'} a row that does not exist."
    if changed := len(found.changed):
        line += f" {say.count(changed)} {'is' if changed == 1 else 'are'} about a row that has changed since."
    return line


def content_facts(data: Curation) -> list[Row]:
    """The known facts about the pairs. Rows that depend on each other are worth fewer independent ones."""
    tested, kept = data.effective_splits.test if data.effective_splits else None, data.effective_pairs
    distinct: int | str | None = data.distinct_outputs
    if distinct is not None and data.rows_read:
        distinct = f"{say.count(data.distinct_outputs)} of {say.count(data.rows_read)} rows"
    facts = [
        Row("distinct_outputs", "Distinct outputs", distinct),
        Row("groups", "Groups", data.groups),
        Row("largest_component", "Largest set of tied rows", data.largest_component or None, "row"),
        Row("effective_test", "Test rows are worth at least", round(tested) if tested else None, "independent row"),
        Row("effective_pairs", "Kept rows are worth at least", round(kept) if kept else None, "independent row"),
    ]
    return [row for row in facts if row.value is not None]


def sample_lines(run: StoredRun, data: Curation) -> list[str]:
    """How much of its splits the run used, if not all."""
    training, tested, lines = run.results.training, data.tested, []
    if training and data.splits:
        # Dropping pairs that are too long is not sampling; earlier versions did not record the settings.
        trained = training.settings.get("max_pairs") if training.settings else training.train_pairs
        of = data.splits.train
        if is_number(trained) and trained < of:
            lines.append(
                f"Training used a random sample of {say.count(trained)} of the {say.count(of)} training pairs."
            )
    if tested and tested.pairs < tested.of:
        lines.append(
            f"The test used a random sample of {say.count(tested.pairs)} of the {say.count(tested.of)} test pairs."
        )
    return lines
