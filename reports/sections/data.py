"""The data of a run in rows and sentences: style, quality, personal data, content, samples."""

from collections.abc import Mapping
from typing import Any

from ...core import unbroken as say
from ..page import Section
from ..stored import StoredCuration, StoredRun, ledger_place
from ..words import short
from .certificate import certificate_values, near_rows, new_to_it
from .dropped import funnel_figure, left_rest, left_rows, rule_words, sentences_of

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

BORDER = 120  # characters of a text in the table of thresholds
MOST_CHECKS = 40  # rows of the table of rules; a style may have thousands
MOST_WARNINGS = 12
SENTENCE, WARNING = 400, 500  # characters


def section(run: StoredRun, curated: StoredCuration | None, *, texts: bool) -> Section:
    """The section of an evaluated run; `curated` is its curation, where the folder holds it."""
    data = run.results.get("data")
    shown: dict[str, Any] = {"data": data}
    if data:
        shown |= {
            "funnel": funnel_figure(data),
            "certificate": certificate_values(data),
            "lines": [text for text in (*sample_lines(run), personal_line(data), override_line(data)) if text],
            "facts": content_facts(data),
            "near": near_rows(run.path, data, texts=texts) if curated else [],
            "dropped": rows_values(curated, texts=texts) if curated else None,
            "warnings": warning_texts(data),
        }
    return Section("data", "Data", _lead(run), "data", shown)


def rows_values(curated: StoredCuration, *, texts: bool) -> dict[str, Any]:
    """The dropped rows: the rule of each, and what another threshold would drop."""
    return {
        "rows": left_rows(curated, texts=texts),
        "rest": left_rest(curated),
        "ledger": ledger_place(curated.path),
        "thresholds": threshold_rows(curated.summary, texts=texts),
    }


def _lead(run: StoredRun) -> str:
    """The sentence that opens the section: what was kept and whether the test is new to the model."""
    data = run.results.get("data")
    if not data:
        n = len(run.pairs) or (run.results.get("quality") or {}).get(run.candidate or "", {}).get("n")
        pairs = f"The {say.count(n)} test pairs were" if n else "The test pairs were"
        return f"{pairs} given as they are: whether a model was trained on some of them is not known here."
    apart = new_to_it(data)
    return f"{kept_of_read(data)}; {apart}." if apart else f"{kept_of_read(data)}."


def kept_of_read(data: Mapping[str, Any]) -> str:
    """`Of 2,966 rows read 1,511 stay`."""
    read, kept = data.get("rows_read"), (data.get("outcomes") or {}).get("kept")
    if not read:
        return "No row could be read" if read == 0 else "How many rows were read is not known"
    if kept == read:
        return f"All {say.count(read)} rows read stay" if read > 1 else "The one row read stays"
    stay = "stays" if kept == 1 else "stay"
    if not kept:
        return f"Of {say.count(read, 'row')} read none {'stays' if read == 1 else 'stay'}"
    return f"Of {say.count(read)} rows read {say.count(kept)} {stay}"


def style_rows(data: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """(sentence, small words, broken, share) of each rule of the style, the most broken first; forty at the most."""
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
    """The rules beyond those shown in one sentence; empty if all are shown."""
    rest = _by_failures(data)[MOST_CHECKS:]
    if not rest:
        return ""
    return (
        f"{say.count(len(rest))} more rules, each broken by {say.count(rest[0][1].get('fail'))} outputs at the most, "
        "stand in curate/summary.json."
    )


def _by_failures(data: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    checks = (data.get("checks") or {}).items()
    return sorted(checks, key=lambda item: (-(item[1].get("fail") or 0), item[0]))


def warning_texts(data: Mapping[str, Any]) -> list[str]:
    """What to know before building on the pairs, the first dozen; a style may bring a warning for each of its rules."""
    texts = [short(str(warning.get("text")), WARNING) for warning in data.get("warnings") or []]
    rest = len(texts) - MOST_WARNINGS
    if rest > 1:
        return [*texts[:MOST_WARNINGS], f"{say.count(rest)} more warnings stand in curate/summary.json."]
    return texts


def quality_rows(data: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """(what, level in words, rows, share) of each quality check that found something, the most frequent first."""
    levels = {"must": "leaves training", "should": "reported"}
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
    """Personal data in one sentence; a run's own files never hold the values themselves."""
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
        return f"{rows}; masked before anything else saw it."
    return f"{rows}; it stands in the pairs as it was read. mask = true under [curate] replaces it."


def canned_rows(data: Mapping[str, Any], *, texts: bool) -> list[tuple[str, str, str]]:
    """(output, rows, inputs) of the outputs that answer many inputs; none without `texts`."""
    found = (data.get("canned_outputs") or []) if texts else []
    return [(short(str(row["output"])), say.count(row["rows"]), say.count(row["inputs"])) for row in found]


def threshold_rows(data: Mapping[str, Any], *, texts: bool) -> list[tuple[str, str, str]]:
    """(threshold, rows dropped, a borderline pair in words) of the threshold table, if requested."""
    return [
        (f"{row['threshold']:.2f}", say.count(row["dropped"]), _borderline(row.get("example"), texts=texts))
        for row in data.get("threshold_table") or []
    ]


def _borderline(example: Mapping[str, Any] | None, *, texts: bool) -> str:
    if not example:
        return "–"
    alike = example.get("similarity")
    said = f", {alike:.2f} alike" if isinstance(alike, int | float) else ""
    if not texts:
        return f"{example.get('id')} for {example.get('other_id')}{said}"
    own, other = (short(str(example.get(key) or ""), BORDER) for key in ("output", "other_output"))
    return f"“{own}” ({example.get('id')}) would leave for “{other}” ({example.get('other_id')}){said}"


def override_line(data: Mapping[str, Any]) -> str:
    """The decisions of people that were replayed, in one sentence; empty if there are none."""
    decisions = data.get("overrides") or {}
    applied, unmatched = decisions.get("applied") or 0, decisions.get("unmatched") or []
    if not applied and not unmatched:
        return ""
    were = "decision of a person was" if applied == 1 else "decisions of people were"
    line = f"{say.count(applied)} {were} applied; each stands in the ledger with who and why."
    name = "names" if len(unmatched) == 1 else "name"
    return line + (f" {say.count(len(unmatched))} {name} a row that is not there." if unmatched else "")


def content_facts(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Label and value of the facts about the pairs; only known ones."""
    largest = data.get("largest_component")
    facts = [
        ("Distinct outputs", _distinct(data)),
        ("Groups", _count(data.get("groups"))),
        ("Largest set that must stay together", say.count(largest, "row") if largest else None),
        ("Test rows weigh at least like", _weight((data.get("effective_splits") or {}).get("test"))),
        ("All kept rows weigh at least like", _weight(data.get("effective_pairs"))),
    ]
    return [(label, value) for label, value in facts if value]


def _distinct(data: Mapping[str, Any]) -> str | None:
    found, read = data.get("distinct_outputs"), data.get("rows_read")
    if not isinstance(found, int | float):
        return None
    return f"{say.count(found)} of {say.count(read)} read" if read else say.count(found)


def _weight(value: Any) -> str | None:
    """Dependent rows carry less information than as many independent ones."""
    if not isinstance(value, int | float) or not value:
        return None
    return f"{say.count(round(value))} independent row{'' if round(value) == 1 else 's'}"


def _count(value: Any) -> str | None:
    return say.count(round(value)) if isinstance(value, int | float) else None


def sample_lines(run: StoredRun) -> list[str]:
    """How much of its splits the run used, if not all of them."""
    data, training = run.results.get("data") or {}, run.results.get("training") or {}
    trained, of = _sampled(training), (data.get("splits") or {}).get("train")
    tested = data.get("tested") or {}
    lines = []
    if trained and of and trained < of:
        lines.append(f"Training used a seeded sample of {say.count(trained)} of the {say.count(of)} training pairs.")
    if None not in (tested.get("pairs"), tested.get("of")) and tested["pairs"] < tested["of"]:
        lines.append(
            f"The test used a seeded sample of {say.count(tested['pairs'])} of the {say.count(tested['of'])} test pairs."
        )
    return lines


def _sampled(training: Mapping[str, Any]) -> int | None:
    """How many train pairs were sampled; pairs dropped as too long do not count as sampling."""
    settings = training.get("settings")
    return settings.get("max_pairs") if isinstance(settings, Mapping) else training.get("train_pairs")
