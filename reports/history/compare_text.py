"""Compared runs for a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from ...core import Row, filled, row_lines, say
from ..words import short
from . import compare_basis as basis
from . import compare_cost as costs
from . import compare_moved as moved
from . import compare_words as words

__all__ = ["changed_rows", "compared_text"]

LABEL, COST = 44, 26
MOST = 8  # requests, rules and parts in the answer; all are in the files


def compared_text(results: Mapping[str, Any]) -> str:
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
    blocks += [notes, filled(f"Strongest reason for doubt: {words.doubt(results, say)}"), _steps(results["steps"])]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def changed_rows(step: Mapping[str, Any]) -> list[Row]:
    """The acceptable shares of both runs, their difference, and how many requests changed."""
    names, decimals = words.names(step), words.gap_decimals(step)
    rows = [
        Row(
            "acceptable",
            f"Acceptable outputs, {short(name, 22)}",
            unit="share",
            value=found["share"],
            low=found["low"],
            high=found["high"],
            decimals=decimals,
        )
        for name, found in zip(names, step["acceptable"].values(), strict=True)
    ]
    gap = step["difference"]
    rows.append(
        Row(
            "difference", "Difference on the same requests", gap["value"], "points", gap["low"], gap["high"],
            decimals=decimals,
        )
    )  # fmt: skip
    rows.append(Row("lost", "Requests that no longer work", step["only_before"]))
    rows.append(Row("gained", "Requests that work now", step["only_after"]))
    return rows


def _requests(step: Mapping[str, Any]) -> list[str]:
    """The first requests that no longer work, with the rules that they break."""
    lost = [row for row in step["rows"] if row["change"] == "no longer works"]
    if not lost:
        return []
    lines = [
        line
        for row in lost[:MOST]
        for line in filled(
            f"  {short(str(row['id']), 40)}: {', '.join(row['broken_after']) or 'not acceptable'}", indent=4
        )
    ]
    more = [f"  and {say.count(len(lost) - MOST)} more"] if len(lost) > MOST else []
    return ["Requests that no longer work, and what they break", *lines, *more]


def _moved(step: Mapping[str, Any]) -> list[str]:
    rules = [row for row in moved.rule_rows(step, say) if row.change and row.before != row.after][:MOST]
    slices = [row for row in moved.slice_rows(step, say) if row.sure == "significant"][:MOST]
    lines = _table("Rules, outputs that break them", rules) + _table(
        "Parts of the requests, acceptable outputs", slices
    )
    return lines + filled(moved.slices_lead(step, say))


def _table(title: str, rows: Sequence[moved.Moved]) -> list[str]:
    lines = [
        Row(
            "",
            f"  {short(row.name if not row.key else row.key, LABEL - 4)}",
            f"{say.percent(row.before, row.decimals)} to {say.percent(row.after, row.decimals)} ({row.change}; {row.sure})",
        )
        for row in rows
    ]
    return [title, *row_lines(lines, label=LABEL)] if lines else []


def _cost(step: Mapping[str, Any]) -> list[str]:
    lines = costs.cost_lines(step, say)
    if not lines:
        return filled(costs.cost_lead(step, say))
    heads = costs.cost_heads(step)
    widths = [max(len(head), 16) for head in heads]
    rows = [("", *heads), *((f"  {short(line.what, COST - 4)}", line.request, line.usable) for line in lines)]
    table = [f"{what:<{COST}}{one:>{widths[0]}}  {other:>{widths[1]}}" for what, one, other in rows]
    return [*filled(costs.cost_lead(step, say)), *table]


def _verdicts(step: Mapping[str, Any]) -> list[str]:
    changed = [*basis.basis_rows(step, say), *basis.setting_rows(step, say)]
    rows = [Row("", f"  {what}", f"{before} to {after}") for what, before, after in changed]
    return [*filled(basis.verdict_lead(step, say)), *row_lines(rows, label=LABEL + 4)]


def _steps(steps: Sequence[Mapping[str, Any]]) -> list[str]:
    """Each run compared with the one before it; empty for two runs."""
    lines = [
        line
        for step in steps
        for line in filled(f"  {words.answer(step, say)} {words.changed_sentence(step, say)}", indent=4)
    ]
    return ["Step by step", *lines] if lines else []
