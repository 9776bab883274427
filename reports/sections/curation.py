"""What curating did, as charts and rows: the funnel, why rows left, the splits, what the data hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from markupsafe import Markup

from .. import numbers as say
from ..charts.axes import linear_axis
from ..charts.figure import Figure, render_figure
from ..charts.rows import Bar, Row, rows_chart
from ..curated import StoredCuration, read_texts
from ..stored import StoredRun

__all__ = [
    "Left",
    "Near",
    "canned_rows",
    "certificate",
    "content_facts",
    "funnel_figure",
    "lead",
    "left_rows",
    "near_rows",
    "override_line",
    "personal_line",
    "quality_rows",
    "rule_words",
    "sample_lines",
    "style_rows",
    "threshold_rows",
]

OUTCOMES = {
    "duplicate": "repeats another row",
    "conflict": "contradicts another row",
    "invalid": "unreadable, or breaks a rule that must hold",
    "leaked": "would stand on both sides of the split",
    "quarantined": "a person must look",
}
SPLITS = {"train": "to learn from", "validation": "to stop in time", "test": "to measure with"}
RULES = {
    "exact_duplicate": "Input and output of another row again",
    "near_duplicate": "Nearly the input and output of another row, with the same facts",
    "conflict": "The same input as another row, with another answer",
    "unreadable": "Could not be read as a pair",
    "empty_input": "The input is empty",
    "empty_output": "The output is empty",
    "tool_call": "Calls tools",
    "leaked": "Would stand on both sides of the split",
    "override": "A person decided so",
    "quality:refusal": "Refuses the task",
    "quality:remains": "Holds what an assistant or a prompt left behind",
    "quality:mojibake": "Holds damaged characters",
    "quality:placeholder": "Holds a placeholder that was never filled",
    "quality:echo": "Repeats a line of the request",
    "quality:phrase": "Holds a phrase of an assistant",
    "quality:fence": "Holds a code fence",
    "quality:truncated": "Seems to be cut off",
    "quality:length": "Far longer or shorter than the others",
    "quality:canned": "Answers many inputs with the same words",
}
EXAMPLES = 3  # of each rule
TEXT = 280  # characters of a text that a row of a table shows
BORDER = 120  # of a text in the table of thresholds


@dataclass(frozen=True)
class Example:
    """A row that left: its place, its evidence, its output, and the kept row beside it, if any."""

    row: int
    id: str
    evidence: str
    output: str
    other_id: str
    other_output: str


@dataclass(frozen=True)
class Left:
    """The rows that left by one rule."""

    rule: str
    words: str
    outcome: str
    rows: str
    share: str
    examples: tuple[Example, ...]


@dataclass(frozen=True)
class Near:
    """A held-out row and the training row nearest to it."""

    id: str
    train_id: str
    similarity: str
    input: str
    train_input: str


def lead(data: Mapping[str, Any]) -> str:
    """The sentence that opens the section."""
    return "What became of every row that was read: each has exactly one outcome, and the counts add up."


def funnel_figure(data: Mapping[str, Any]) -> Markup:
    """From the rows read to the splits, each loss with its reason; nothing where the data is unknown."""
    read, outcomes = data.get("rows_read"), data.get("outcomes") or {}
    if not read:
        return Markup("")
    left = read
    rows = [Row("Rows read", (Bar(0, read, "both"),), say.count(read))]
    table = [("Rows read", say.count(read), "100\u00a0%")]
    for key, why in OUTCOMES.items():
        lost = outcomes.get(key) or 0
        if lost:
            rows.append(
                Row(key.capitalize(), (Bar(left - lost, left, "lost"),), f"{say.MINUS}{say.count(lost)}", note=why)
            )
        table.append((f"{key}: {why}", say.count(lost), say.percent(lost / read)))
        left -= lost
    kept = outcomes.get("kept") or 0
    rows.append(Row("Kept", (Bar(0, kept, "candidate"),), say.count(kept)))
    table.append(("Kept", say.count(kept), say.percent(kept / read)))
    start = 0
    for key, why in SPLITS.items():
        part = (data.get("splits") or {}).get(key)
        if part is not None:
            rows.append(Row(key.capitalize(), (Bar(start, start + part, "split"),), say.count(part), note=why))
            table.append((f"{key}: {why}", say.count(part), say.percent(part / read)))
            start += part
    text = "; ".join(f"{name}: {value}" for name, value, _ in table)
    figure = Figure("From the rows read to the splits", text, ("Step", "Rows", "Of those read"), tuple(table))
    return render_figure(figure, rows_chart(rows, linear_axis([0, read], say.count)))


def certificate(data: Mapping[str, Any]) -> str:
    """What an exact search of the test set against the training set found, as one sentence."""
    found = data.get("certificate")
    if not found:
        return ""
    alike, threshold = found.get("pairs_at_or_above"), found.get("threshold")
    limit = f"{threshold:g}" if isinstance(threshold, int | float) else "the stated one"
    if alike is None:
        return ""
    if alike:
        found_text = f"{say.count(alike)} held-out requests have a training example alike"
        return f"{found_text} (similarity {limit} or more): the test leaks."
    sentence = f"No held-out request has a training example with the same facts at a similarity of {limit} or more."
    siblings = found.get("siblings_at_or_above")
    if siblings:
        return f"{sentence} {say.count(siblings)} pairs across the split are alike but differ in their facts."
    return sentence


def rule_words(rule: str | None, sentences: Mapping[str, Mapping[str, Any]]) -> str:
    """A rule of the ledger as a person would say it; `sentences` are the checks of the style by id."""
    if rule is None:
        return "No rule named"
    if rule.startswith("style:"):
        name = rule.removeprefix("style:")
        sentence = (sentences.get(name) or {}).get("sentence")
        return f"Breaks a rule of the style: {sentence}" if sentence else f"Breaks the rule “{name}” of the style"
    plain = RULES.get(rule) or rule.removeprefix("quality:").replace("_", " ").replace("-", " ")
    return plain[:1].upper() + plain[1:]


def left_rows(run: StoredCuration, *, texts: bool) -> list[Left]:
    """The rules by which rows left, the most frequent first, each with the first rows that it took.

    Without `texts`, nothing that the data say is shown, only the numbers of the rows.
    """
    gone = run.ledger.filter(pl.col("outcome") != "kept")
    counts = gone.group_by("outcome", "rule").agg(pl.len().alias("n")).sort("n", "rule", descending=[True, False])
    shown = {
        (outcome, rule): _first(gone, outcome, rule) for outcome, rule in counts.select("outcome", "rule").iter_rows()
    }
    ids = {row[name] for rows in shown.values() for row in rows for name in ("id", "other_id") if row[name]}
    said = read_texts(run.path, ids) if texts else {}
    read = max(1, int(run.summary.get("rows_read") or len(run.ledger)))
    return [
        Left(
            rule=rule or "",
            words=rule_words(rule, _sentences(run.summary)),
            outcome=outcome,
            rows=say.count(n),
            share=_small_percent(n / read),
            examples=tuple(_example(row, said, texts=texts) for row in shown[outcome, rule]),
        )
        for outcome, rule, n in counts.iter_rows()
    ]


def _first(gone: pl.DataFrame, outcome: str, rule: str | None) -> list[dict[str, Any]]:
    same = pl.col("rule").is_null() if rule is None else pl.col("rule") == rule
    return gone.filter((pl.col("outcome") == outcome) & same).sort("row").head(EXAMPLES).to_dicts()


def _example(row: Mapping[str, Any], said: Mapping[str, tuple[str, str]], *, texts: bool) -> Example:
    own, other = said.get(row["id"] or "", ("", "")), said.get(row["other_id"] or "", ("", ""))
    evidence = str(row["evidence"] or "") if texts else ""
    return Example(row["row"], row["id"] or "", short(evidence), short(own[1]), row["other_id"] or "", short(other[1]))


def near_rows(run: StoredCuration, *, texts: bool) -> list[Near]:
    """The nearest pairs left across the split, nearest first."""
    nearest: Sequence[Mapping[str, Any]] = (run.summary.get("certificate") or {}).get("nearest") or []
    said = read_texts(run.path, {pair[key] for pair in nearest for key in ("id", "train_id")}) if texts else {}
    return [
        Near(
            pair["id"],
            pair["train_id"],
            f"{pair['similarity']:.2f}",
            short(said.get(pair["id"], ("", ""))[0]),
            short(said.get(pair["train_id"], ("", ""))[0]),
        )
        for pair in nearest
    ]


def style_rows(data: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """(sentence, small words, broken, share) of each rule of the style, the most broken first."""
    sentences = _sentences(data)
    rows = sorted((data.get("checks") or {}).items(), key=lambda item: (-(item[1].get("fail") or 0), item[0]))
    return [
        (
            str((sentences.get(name) or {}).get("sentence") or name),
            " · ".join(filter(None, (name, *((sentences.get(name) or {}).get(key) for key in ("level", "about"))))),
            say.count(counts.get("fail")),
            _small_percent(counts.get("share")),
        )
        for name, counts in rows
    ]


def quality_rows(data: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """(what, level in words, rows, share) of each quality check that found something, the most frequent first."""
    levels = {"must": "leaves training", "should": "reported"}
    found = sorted((data.get("quality") or {}).items(), key=lambda item: (-(item[1].get("rows") or 0), item[0]))
    return [
        (
            rule_words(name, {}),
            levels.get(str(counts.get("level")), ""),
            say.count(counts.get("rows")),
            _small_percent(counts.get("share")),
        )
        for name, counts in found
        if counts.get("rows")
    ]


def personal_line(data: Mapping[str, Any]) -> str:
    """Personal data in one sentence; the values themselves are nowhere in a run's own files."""
    personal = data.get("personal_data") or {}
    found = {name: n for name, n in (personal.get("found") or {}).items() if n}
    if not personal:
        return ""
    if not found:
        return "No e-mail address, phone, card or bank account number was found."
    kinds = ", ".join(f"{name} {say.count(n)}" for name, n in sorted(found.items()))
    rows = f"Personal data in {say.count(personal.get('rows'))} rows ({kinds})"
    if personal.get("masked"):
        return f"{rows}; masked before anything else saw it."
    return f"{rows}; it stands in the pairs as it was read. mask = true under [curate] replaces it."


def canned_rows(data: Mapping[str, Any], *, texts: bool) -> list[tuple[str, str, str]]:
    """(output, rows, inputs) of the outputs that answer many inputs; none without `texts`."""
    found = (data.get("canned_outputs") or []) if texts else []
    return [(short(str(row["output"])), say.count(row["rows"]), say.count(row["inputs"])) for row in found]


def threshold_rows(data: Mapping[str, Any], *, texts: bool) -> list[tuple[str, str, str]]:
    """(threshold, rows dropped, a borderline pair in words) of the threshold table, if it was asked for."""
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
    """The decisions of people that were replayed, in one sentence; empty where there are none."""
    decisions = data.get("overrides") or {}
    applied, unmatched = decisions.get("applied") or 0, decisions.get("unmatched") or []
    if not applied and not unmatched:
        return ""
    line = f"{say.count(applied)} decisions of people were applied; each stands in the ledger with who and why."
    return line + (f" {say.count(len(unmatched))} name a row that is not there." if unmatched else "")


def content_facts(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Label and value of what the pairs amount to; only what is known."""
    largest = data.get("largest_component")
    facts = [
        ("Distinct outputs", _count(data.get("distinct_outputs"))),
        ("Groups", _count(data.get("groups"))),
        ("Largest set that must stay together", f"{say.count(largest)} rows" if largest else None),
        ("Test rows weigh at least like", _weight((data.get("effective_splits") or {}).get("test"))),
        ("All kept rows weigh at least like", _weight(data.get("effective_pairs"))),
    ]
    return [(label, value) for label, value in facts if value]


def short(text: str, most: int = TEXT) -> str:
    """The text on one line, cut where it is long."""
    flat = " ".join(text.split())
    return flat if len(flat) <= most else flat[: most - 1] + "…"


def _small_percent(share: float | None) -> str:
    """A percentage; what is there but would round to nothing says so."""
    return f"under 0.1{say.NBSP}%" if share and share < 0.0005 else say.percent(share)


def _weight(value: Any) -> str | None:
    """Rows that are tied say less than as many that are not."""
    return f"{say.count(round(value))} independent rows" if isinstance(value, int | float) and value else None


def _count(value: Any) -> str | None:
    return say.count(round(value)) if isinstance(value, int | float) else None


def _sentences(data: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    return (data.get("style") or {}).get("checks") or {}


def sample_lines(run: StoredRun) -> list[str]:
    """Where the run used a part of its splits only: how much, so that nobody takes it for all."""
    data, training = run.results.get("data") or {}, run.results.get("training") or {}
    trained, of = _sampled(training), (data.get("splits") or {}).get("train")
    tested = data.get("tested") or {}
    lines = []
    if trained and of and trained < of:
        lines.append(f"Training used a seeded sample of {say.count(trained)} of the {say.count(of)} training pairs.")
    if tested and tested["pairs"] < tested["of"]:
        lines.append(
            f"The test used a seeded sample of {say.count(tested['pairs'])} of the {say.count(tested['of'])} test pairs."
        )
    return lines


def _sampled(training: Mapping[str, Any]) -> int | None:
    """How many train pairs were drawn: some of them may be left out as too long, which is no sample."""
    settings = training.get("settings")
    return settings.get("max_pairs") if isinstance(settings, Mapping) else training.get("train_pairs")
