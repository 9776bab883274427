"""Compared runs as files and for a terminal: the answer, compare.md, junit.xml, and writing them with the page."""

import json
from collections.abc import Sequence
from pathlib import Path

from ...core import Row, as_json, disk_refusals, filled, row_lines, say, write_whole
from ...core import unbroken as typed
from ...evaluate import ChangedRow, ComparedJudged, Comparisons, RunComparison
from ..junit import Case, Suite, gate_case, junit_text
from ..markdown import gate_lines, markdown_page
from ..words import capital, short, typeset
from . import compare_rows as tables
from . import compare_words as words
from .compare_page import compared_headline, compared_page

LABEL, COST = 44, 26
MOST = 8  # requests, rules and parts in the answer; all are in the files
EXPECTED = 80  # characters of what a rule expected, in a failure
MOST_LISTED = 20  # requests, rules and parts in the Markdown


def write_comparison(
    folder: Path, results: Comparisons, compared: Sequence[ComparedJudged], *, examples: bool = True
) -> list[Path]:
    """Write compare.html, compare.md, junit.xml and comparison.json; returns their paths.

    `compared` is the last run with the first and, for several, each with the one before it. Without `examples`, no file
    contains a request or an output.
    """
    texts = {
        "compare.html": compared_page(results, compared[0], texts=examples),
        "compare.md": _markdown(results),
        "junit.xml": compared_junit(results, compared, texts=examples),
        "comparison.json": json.dumps(as_json(results), ensure_ascii=False, indent=2).encode("utf-8", "replace"),
    }
    with disk_refusals(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            write_whole(folder / name, text)
    return [folder / name for name in texts]


# --- the answer in a terminal --------------------------------------------------------------------------------------


def compared_text(results: Comparisons) -> str:
    """The answer, the numbers behind it, what moved, the cost, the verdicts and the doubt; then each step of several."""
    blocks = [
        filled(words.answer(results, say)),
        row_lines(changed_rows(results), label=LABEL),
        _requests(results),
        _moved(results),
        _cost(results),
        _verdicts(results),
    ]
    notes = [line for text in words.shared_lines(results, say) for line in filled(text, indent=2)]
    blocks += [notes, filled(f"Strongest reason for doubt: {words.doubt(results, say)}"), _steps(results.steps)]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def changed_rows(step: RunComparison) -> list[Row]:
    """The acceptable shares of both runs, their difference, and how many requests changed."""
    names, decimals = words.names(step), words.gap_decimals(step)
    rows = [
        Row(
            "acceptable",
            f"{capital(step.good)} outputs, {short(name, 22)}",
            unit="share",
            value=found.share,
            low=found.low,
            high=found.high,
            decimals=decimals,
        )
        for name, found in zip(names, (step.acceptable.before, step.acceptable.after), strict=True)
    ]
    gap = step.difference
    rows.append(
        Row(
            "difference", "Difference on the same requests", gap.value, "points", gap.low, gap.high,
            decimals=decimals,
        )
    )  # fmt: skip
    rows.append(Row("lost", "Requests that no longer work", step.only_before))
    rows.append(Row("gained", "Requests that work now", step.only_after))
    return rows


def _requests(step: RunComparison) -> list[str]:
    """The first requests that no longer work, with the rules that they break."""
    lost = [row for row in step.rows if row.change == "no longer works"]
    if not lost:
        return []
    lines = [
        line
        for row in lost[:MOST]
        for line in filled(f"  {short(row.id, 40)}: {', '.join(row.broken_after) or f'not {step.good}'}", indent=4)
    ]
    more = [f"  and {say.count(len(lost) - MOST)} more"] if len(lost) > MOST else []
    return ["Requests that no longer work, and what they break", *lines, *more]


def _moved(step: RunComparison) -> list[str]:
    rules = [row for row in tables.rule_rows(step, say) if row.change and row.before != row.after][:MOST]
    slices = [row for row in tables.slice_rows(step, say) if row.sure == "significant"][:MOST]
    lines = _table("Rules, outputs that break them", rules) + _table(
        f"Parts of the requests, {step.good} outputs", slices
    )
    return lines + filled(tables.slices_lead(step, say))


def _table(title: str, rows: Sequence[tables.Moved]) -> list[str]:
    lines = [
        Row(
            "",
            f"  {short(row.name if not row.key else row.key, LABEL - 4)}",
            f"{say.percent(row.before, row.decimals)} to {say.percent(row.after, row.decimals)} ({row.change}; {row.sure})",
        )
        for row in rows
    ]
    return [title, *row_lines(lines, label=LABEL)] if lines else []


def _cost(step: RunComparison) -> list[str]:
    lines = tables.cost_lines(step, say)
    if not lines:
        return filled(tables.cost_lead(step, say))
    heads = tables.cost_heads(step)
    widths = [max(len(head), 16) for head in heads]
    rows = [("", *heads), *((f"  {short(line.what, COST - 4)}", line.request, line.usable) for line in lines)]
    table = [f"{what:<{COST}}{one:>{widths[0]}}  {other:>{widths[1]}}" for what, one, other in rows]
    return [*filled(tables.cost_lead(step, say)), *table]


def _verdicts(step: RunComparison) -> list[str]:
    changed = [*words.basis_rows(step, say), *words.setting_rows(step, say)]
    rows = [Row("", f"  {what}", f"{before} to {after}") for what, before, after in changed]
    return [*filled(words.verdict_lead(step, say)), *row_lines(rows, label=LABEL + 4)]


def _steps(steps: Sequence[RunComparison]) -> list[str]:
    """Each run compared with the one before it; empty for two runs."""
    lines = [
        line
        for step in steps
        for line in filled(f"  {words.answer(step, say)} {words.changed_sentence(step, say)}", indent=4)
    ]
    return ["Step by step", *lines] if lines else []


# --- compare.md ----------------------------------------------------------------------------------------------------


def _markdown(results: Comparisons) -> str:
    found = results.rows
    return markdown_page(
        "compare.md.j2", project=results.after, good=results.good,
        headline=compared_headline(results), names=words.names(results),
        steps=[f"{typeset(words.answer(step, typed))} {typeset(words.changed_sentence(step, typed))}" for step in results.steps],
        lost=[(row.id, ", ".join(row.broken_after)) for row in found if row.change == "no longer works"],
        gained=[(row.id, ", ".join(row.broken_before)) for row in found if row.change == "works now"],
        most=MOST_LISTED, rules=[row for row in tables.rule_rows(results, typed) if row.before != row.after][:MOST_LISTED],
        slices=[row for row in tables.slice_rows(results, typed) if row.sure == "significant"][:MOST_LISTED],
        slices_lead=typeset(tables.slices_lead(results, typed)), say=typed,
        cost=tables.cost_lines(results, typed), cost_heads=tables.cost_heads(results),
        cost_lead=typeset(tables.cost_lead(results, typed)),
        verdict=typeset(words.verdict_lead(results, typed)),
        basis=[*words.basis_rows(results, typed), *words.setting_rows(results, typed)],
        shared=[typeset(line) for line in words.shared_lines(results, typed)], gates=gate_lines(results.gates or ()),
    )  # fmt: skip


# --- junit.xml -----------------------------------------------------------------------------------------------------


def compared_junit(results: Comparisons, compared: Sequence[ComparedJudged], *, texts: bool) -> str:
    """A suite for each comparison, and one for the gates; without `texts`, no request or output is in it.

    A request that no longer works is a failure; one that works now passes, and so does one case for all that did not
    change. Whether a build fails is for its gates: with many requests, some always change.
    """
    suites = [_suite(one, texts=texts) for one in compared]
    if results.gates:
        suites.append(Suite("gates", [gate_case(gate) for gate in results.gates]))
    return junit_text(suites, created=results.created)


def _suite(compared: ComparedJudged, *, texts: bool) -> Suite:
    step = compared.results
    cases = [_case(row, texts=texts) for row in compared.rows]
    same = step.both + step.neither
    cases.append(Case(f"{say.count(same, 'other request')} did not change", words.changed_sentence(step, say)))
    about = {"answer": words.answer(step, say), "requests": say.count(step.n), "doubt": words.doubt(step, say)}
    return Suite(f"{step.before} to {step.after}", cases, about)


def _case(row: ChangedRow, *, texts: bool) -> Case:
    entry, output = row.entry, row.after.get("output")
    if entry.change == "works now":
        return Case(entry.id, "works now")
    several = entry.before not in (0, 1) or entry.after not in (0, 1)
    what = (
        f"works on {say.percent(entry.after)} of its outputs, before on {say.percent(entry.before)}"
        if several
        else "no longer works"
    )
    wanted = {one["check"]: one["expected"] for one in row.after.get("violations") or ()} if texts else {}
    rules = [
        f"{rule} (expected {short(wanted[rule], EXPECTED)})" if wanted.get(rule) else rule
        for rule in entry.broken_after
    ]
    failure = f"{what}: breaks {', '.join(rules)}" if rules else what
    return Case(entry.id, short(str(output or "(empty)")) if texts else "", failure=failure)
