"""junit.xml of compared runs: a case for each request that worked before, which fails if it no longer does."""

from collections.abc import Mapping, Sequence
from typing import Any

from ...core import from_json, say
from ...evaluate import ChangedRow, ComparedJudged
from ...evaluate.results import Gate
from ..junit import Case, Suite, gate_case, junit_text
from ..words import short
from . import compare_words as words

__all__ = ["compared_junit"]


def compared_junit(results: Mapping[str, Any], compared: Sequence[ComparedJudged], *, texts: bool) -> str:
    """A suite for each comparison, and one for the gates; without `texts`, no request or output is in it.

    A request that no longer works is a failure; one that works now passes, and so does one case for all that did not
    change. Whether a build fails is for its gates: with many requests, some always change.
    """
    suites = [_suite(one, texts=texts) for one in compared]
    if results.get("gates"):
        suites.append(Suite("gates", [gate_case(gate) for gate in from_json(results["gates"], list[Gate])]))
    return junit_text(suites, created=results["created"])


def _suite(compared: ComparedJudged, *, texts: bool) -> Suite:
    step = compared.results
    cases = [_case(row, texts=texts) for row in compared.rows]
    same = step["both"] + step["neither"]
    cases.append(Case(f"{say.count(same, 'other request')} did not change", words.changed_sentence(step, say)))
    about = {"answer": words.answer(step, say), "requests": say.count(step["n"]), "doubt": words.doubt(step, say)}
    return Suite(f"{step['before']} to {step['after']}", cases, about)


def _case(row: ChangedRow, *, texts: bool) -> Case:
    entry, output = row.entry, row.after.get("output")
    if entry["change"] == "works now":
        return Case(str(entry["id"]), "works now")
    several = entry["before"] not in (0, 1) or entry["after"] not in (0, 1)
    what = (
        f"acceptable on {say.percent(entry['after'])} of its outputs, before on {say.percent(entry['before'])}"
        if several
        else "no longer works"
    )
    failure = f"{what}{_broken(entry['broken_after'])}"
    return Case(str(entry["id"]), short(str(output or "(empty)")) if texts else "", failure=failure)


def _broken(rules: Sequence[str]) -> str:
    return f": breaks {', '.join(rules)}" if rules else ""
