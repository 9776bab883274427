"""The data section: what was kept, style, quality, personal data, content, samples."""

from collections.abc import Mapping
from typing import Any

from ....core import Row
from ....core import unbroken as say
from ...page import Section
from ...stored import StoredCuration, StoredRun, ledger_place
from ...words import finite, short
from .brief import brief_rows
from .certificate import certificate_values, leak_clause, near_values
from .dropped import dropped_rest, dropped_rows, funnel_figure, rule_words, sentences_of
from .edited import edited_values
from .fixes import fix_sentence, fixed_rules

__all__ = [
    "canned_rows",
    "content_facts",
    "kept_of_read",
    "override_line",
    "personal_line",
    "quality_rows",
    "rows_values",
    "section",
    "style_rest",
    "style_rows",
    "threshold_rows",
    "warning_texts",
]

BORDER = 120  # characters of a text in the threshold table
MOST_CHECKS = 40  # rows of the rule table; a style may have thousands of rules
MOST_WARNINGS = 12
SENTENCE, WARNING = 400, 500  # characters


def section(run: StoredRun, curated: StoredCuration | None, *, texts: bool) -> Section:
    """The section of an evaluated run; `curated` is its curation, if the folder has one."""
    data = run.results.get("data")
    shown: dict[str, Any] = {"data": data}
    if data:
        shown |= {
            "brief": brief_rows(
                data,
                run.results.get("style") or {},
                samples=sample_lines(run),
                personal=personal_line(data),
                warnings=warning_texts(data),
            ),
            "funnel": funnel_figure(data),
            "certificate": certificate_values(data),
            "lines": [text for text in (*sample_lines(run), personal_line(data), override_line(data)) if text],
            "facts": content_facts(data),
            "edited": (edited := edited_values(data, texts=texts)),
            "details": "The rows from step to step, the certificate, content, nearest pairs"
            + (", edited references." if edited["rows"] else "."),
            "near": near_values(run.path, data if curated else {}, texts=texts),
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
    data = run.results.get("data")
    if not data:
        n = len(run.pairs) or (run.results.get("quality") or {}).get(run.candidate or "", {}).get("n")
        pairs = f"The {say.count(n)} test pairs were" if n else "The test pairs were"
        return f"{pairs} supplied as a file, so this run cannot tell whether a model was trained on any of them."
    clause = leak_clause(data) if (data.get("certificate") or {}).get("pairs_at_or_above") else ""
    return f"{kept_of_read(data)}; {clause}." if clause else f"{kept_of_read(data)}."


def kept_of_read(data: Mapping[str, Any]) -> str:
    """`1,511 of 2,966 rows were kept`."""
    read, kept = data.get("rows_read"), (data.get("outcomes") or {}).get("kept")
    if not read:
        return "No row could be read" if read == 0 else "The number of rows is unknown"
    if kept == read:
        return f"All {say.count(read)} rows were kept" if read > 1 else "The only row was kept"
    if not kept:
        return f"Not one of {say.count(read)} rows was kept" if read > 1 else "The only row was dropped"
    return f"{say.count(kept)} of {say.count(read)} rows {'was' if kept == 1 else 'were'} kept"


def style_rows(data: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """(sentence, details, broken, share) of each style rule, the most broken first; at most forty."""
    sentences = sentences_of(data)
    rows = _by_failures(data)[:MOST_CHECKS]
    return [
        (
            short(str((sentences.get(name) or {}).get("sentence") or name), SENTENCE),
            " · ".join(filter(None, (name, *((sentences.get(name) or {}).get(key) for key in ("level", "about"))))),
            say.count(counts.get("fail")),
            say.percent(counts.get("share")),
        )
        for name, counts in rows
    ]


def style_rest(data: Mapping[str, Any]) -> str:
    """A sentence on the rules that are not shown; empty if all are shown."""
    rest = _by_failures(data)[MOST_CHECKS:]
    if not rest:
        return ""
    return (
        f"curate/summary.json lists {say.count(len(rest))} more rules, each broken by at most "
        f"{say.count(rest[0][1].get('fail'))} outputs."
    )


def _by_failures(data: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    checks = (data.get("checks") or {}).items()
    return sorted(checks, key=lambda item: (-(item[1].get("fail") or 0), item[0]))


def warning_texts(data: Mapping[str, Any]) -> list[str]:
    """The first dozen warnings; a style may cause one warning per rule."""
    texts = [short(str(warning.get("text")), WARNING) for warning in data.get("warnings") or []]
    rest = len(texts) - MOST_WARNINGS
    if rest > 1:
        return [*texts[:MOST_WARNINGS], f"curate/summary.json lists {say.count(rest)} more warnings."]
    return texts


def quality_rows(data: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """(finding, consequence, rows, share) of each quality check that found something, the most frequent first."""
    levels = {"must": "dropped from training", "should": "reported"}
    found = sorted((data.get("quality") or {}).items(), key=lambda item: (-(item[1].get("rows") or 0), item[0]))
    return [
        (
            rule_words(name, {}),
            levels.get(str(counts.get("level")), ""),
            say.count(counts.get("rows")),
            say.percent(counts.get("share")),
        )
        for name, counts in found
        if counts.get("rows")
    ]


def personal_line(data: Mapping[str, Any]) -> str:
    """A sentence on personal data, which never contains the values themselves."""
    personal = data.get("personal_data") or {}
    found = {name: n for name, n in (personal.get("found") or {}).items() if n}
    if not personal:
        return ""
    if not found:
        return "No e-mail address, phone, card or bank account number was found."
    kinds = ", ".join(f"{name} {say.count(n)}" for name, n in sorted(found.items()))
    n = personal.get("rows")
    rows = f"Personal data in {say.count(n, 'row')} ({kinds})"
    if personal.get("masked"):
        return f"{rows} was masked before any other step."
    return f"{rows} is still in the pairs. Set mask = true under [curate] to replace it."


def canned_rows(data: Mapping[str, Any], *, texts: bool) -> list[tuple[str, str, str]]:
    """(output, rows, inputs) of each output that answers many inputs; empty without `texts`."""
    found = (data.get("canned_outputs") or []) if texts else []
    return [(short(str(row["output"])), say.count(row["rows"]), say.count(row["inputs"])) for row in found]


def threshold_rows(data: Mapping[str, Any], *, texts: bool) -> list[tuple[str, str, str]]:
    """(threshold, rows dropped, a borderline pair in words) of the threshold table; empty if it was not requested."""
    return [
        (f"{row['threshold']:.2f}", say.count(row["dropped"]), _borderline(row.get("example"), texts=texts))
        for row in data.get("threshold_table") or []
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


def override_line(data: Mapping[str, Any]) -> str:
    """A sentence on the manual decisions that were applied; empty if there are none."""
    decisions = data.get("overrides") or {}
    applied = decisions.get("applied") or 0
    unmatched, changed = (len(decisions.get(key) or []) for key in ("unmatched", "changed"))
    if not applied and not unmatched and not changed:
        return ""
    were = "manual decision was" if applied == 1 else "manual decisions were"
    line = f"{say.count(applied)} {were} applied; the ledger records who decided and why."
    if unmatched:
        line += f" {say.count(unmatched)} {'names' if unmatched == 1 else 'name'} a row that does not exist."
    if changed:
        line += f" {say.count(changed)} {'is' if changed == 1 else 'are'} about a row that has changed since."
    return line


def content_facts(data: Mapping[str, Any]) -> list[Row]:
    """The known facts about the pairs. Rows that depend on each other are worth fewer independent ones."""
    read, tested = data.get("rows_read"), finite((data.get("effective_splits") or {}).get("test"))
    distinct, groups, kept = (finite(data.get(key)) for key in ("distinct_outputs", "groups", "effective_pairs"))
    facts = [
        Row("distinct_outputs", "Distinct outputs", distinct if distinct is None or not read else (
            f"{say.count(distinct)} of {say.count(read)} rows")),
        Row("groups", "Groups", None if groups is None else round(groups)),
        Row("largest_component", "Largest set of tied rows", data.get("largest_component") or None, "row"),
        Row("effective_test", "Test rows are worth at least", round(tested) if tested else None, "independent row"),
        Row("effective_pairs", "Kept rows are worth at least", round(kept) if kept else None, "independent row"),
    ]  # fmt: skip
    return [row for row in facts if row.value is not None]


def sample_lines(run: StoredRun) -> list[str]:
    """How much of its splits the run used, if not all."""
    data, training = run.results.get("data") or {}, run.results.get("training") or {}
    trained, of = _sampled(training), (data.get("splits") or {}).get("train")
    tested = data.get("tested") or {}
    lines = []
    if trained and of and trained < of:
        lines.append(f"Training used a random sample of {say.count(trained)} of the {say.count(of)} training pairs.")
    if None not in (tested.get("pairs"), tested.get("of")) and tested["pairs"] < tested["of"]:
        lines.append(
            f"The test used a random sample of {say.count(tested['pairs'])} of the {say.count(tested['of'])} test pairs."
        )
    return lines


def _sampled(training: Mapping[str, Any]) -> int | None:
    """How many training pairs were sampled; dropping pairs that are too long is not sampling."""
    settings = training.get("settings")
    return settings.get("max_pairs") if isinstance(settings, Mapping) else training.get("train_pairs")
