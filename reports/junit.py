"""Writes junit.xml: a run's findings as test results for CI systems.

A case fails only if somebody should act: a rule that the candidate breaks significantly more often than the baseline,
a gate that does not hold, a risk over its limit, an invalid comparison, or test rows in the training data. What was not
measured is skipped, with the reason. Everything else passes and reports its numbers.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..core import unbroken as say
from ..curate import Curation
from ..evaluate.results import CheckScore, Gate, Results, Risk, Rival, Share
from .sections.curation.certificate import certificate
from .sections.gates import gate_value
from .stored import StoredCuration, StoredRun
from .words import share_text

CHANCE = 0.05  # significance level; the p values are adjusted for the number of rules
MOST_LETTERS = 120  # characters of a case's name, which CI systems show on one line
# Characters that XML 1.0 does not allow (section 2.2), and carriage returns, which XML parsers change.
_NOT_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Case:
    """One test case, which passes if neither `failure` nor `skipped` is set; `output` holds its numbers in words."""

    name: str
    output: str = ""
    failure: str | None = None
    skipped: str | None = None


@dataclass(frozen=True)
class Suite:
    """One test suite; `seconds` is the time that its outputs took, if known."""

    name: str
    cases: Sequence[Case]
    properties: Mapping[str, str] = field(default_factory=dict)
    seconds: float | None = None


def junit_of_run(run: StoredRun) -> str:
    """junit.xml for an evaluated run: suites for variants and ways without training, then verdict, gates and curation.

    A variant that is made from others has a suite only if it is compared: its outputs are theirs.
    """
    results = run.results
    suites = [_variant(run, name) for name in run.variants if name in run.compared or not run.origins(name)]
    if results.rivals:
        suites.append(Suite("ways without training", [_way(run, row) for row in results.rivals]))
    suites.append(Suite("verdict", [_comparison(results), *map(_risk, results.risks)], _decision(results)))
    if results.gates:
        suites.append(Suite("gates", [gate_case(gate) for gate in results.gates]))
    if results.data:
        suites.append(Suite("curation", list(_curation(results.data))))
    return junit_text(suites, created=results.created)


def junit_of_curation(run: StoredCuration) -> str:
    """junit.xml for a run that was only curated: a suite for the style rules and one for the curation."""
    data, rules = run.summary, run.summary.style.checks if run.summary.style else {}
    cases = []
    for name, check in data.checks.items():
        found, rows = Share(share=check.share, low=None, high=None), "row" if check.fail == 1 else "rows"
        text = f"Broken by {say.count(check.fail)} {rows} ({share_text(found)})."
        cases.append(Case(_full(name, rules[name].sentence if name in rules else ""), text))
    suites = [Suite("style", cases)] if cases else []
    return junit_text([*suites, Suite("curation", list(_curation(data)))], created=run.facts.get("created"))


# --- variants -----------------------------------------------------------------------------------------------------


def _variant(run: StoredRun, name: str) -> Suite:
    results, scored, speed = run.results, run.results.quality[name], run.results.seconds.get(name)
    role = "candidate" if name == run.candidate else "baseline" if name == run.baseline else "other"
    model = results.variants[name].model if name in results.variants else None
    about = {
        "role": role,
        "model": model or "unknown",
        "cases": say.count(scored.n),
        "acceptable": share_text(scored.acceptable),
    } | ({} if scored.correct is None else {"correct": share_text(scored.correct)})
    rules = results.style.checks if results.style else {}
    cases = []
    for check, found in scored.checks.items():
        case = _rule(_full(check, rules[check].sentence if check in rules else ""), found)
        if role == "candidate" and case.skipped is None:
            case = _against_baseline(run, check, case)
        cases.append(case)
    return Suite(name, cases, about, scored.n / speed.per_second if speed and speed.per_second else None)


def _full(name: str, sentence: str) -> str:
    return f"{name}: {sentence}" if sentence else name


def _rule(name: str, found: CheckScore) -> Case:
    """A rule of the style: how many outputs break it."""
    if found.share is None:
        unscored = f"could not be scored on {say.count(found.unscored)} outputs"
        return Case(name, skipped=unscored if found.unscored else "applies to none of the outputs")
    counted = f"{say.count(found.fail)} of {say.count(found.n)}" if found.n else say.count(found.fail)
    noun = "output" if (found.n or found.fail) == 1 else "outputs"
    text = f"Broken by {counted} {noun} ({share_text(found)})."
    if found.level == "should":
        text += " The rule is a `should` rule, so breaking it is not a failure."
    return Case(name, text)


def _against_baseline(run: StoredRun, check: str, case: Case) -> Case:
    """The candidate's case: a failure if it breaks a must rule significantly more often than the baseline."""
    compared = run.results.comparison.checks.get(check) if run.results.comparison else None
    if compared is None or (value := compared.value) is None:
        return case
    # A positive difference means that the candidate keeps the rule on a larger share of the requests.
    moved = f"{say.points(value)} {'less' if value > 0 else 'more'} often than {run.baseline}"
    text = f"{case.output} That is {moved}." if value else f"{case.output} That is as often as {run.baseline}."
    chance = compared.p_holm
    worse = value < 0 and chance is not None and chance < CHANCE and compared.level == "must"
    return Case(case.name, text, failure=f"breaks this rule {moved}, statistically significant" if worse else None)


def _way(run: StoredRun, row: Rival) -> Case:
    """A way without training: its share and the candidate's difference; skipped with the reason if not measured.

    It never fails: that a way without training is better is an answer, which the verdict gives.
    """
    label, gap = run.label(row.name), row.difference
    if not row.measured:
        return Case(label, skipped=f"not measured: {row.why or 'no reason was recorded'}")
    decimals = run.gap_decimals(row.acceptable.share if row.acceptable else None)
    text = f"{share_text(row.acceptable, decimals=decimals)} {run.good}."
    if gap and gap.value is not None:
        span = say.points_range(gap.low, gap.high)
        text += f" The candidate: {say.signed_points(gap.value, decimals)} ({span})."
    return Case(f"{label} (the strongest)" if row.strongest else label, text)


# --- verdict, gates, curation -------------------------------------------------------------------------------------


def _decision(results: Results) -> dict[str, str]:
    verdict = results.verdict
    if verdict is None:
        return {}
    found = {"decision": verdict.decision, "what": verdict.what, "sentence": verdict.sentence, "doubt": verdict.doubt}
    return {key: text for key, text in found.items() if text}


def _comparison(results: Results) -> Case:
    verdict, name = results.verdict, "the comparison is valid"
    if verdict is None:
        return Case(name, skipped="no two variants were compared")
    over = any(risk.status == "over" for risk in results.risks)
    own_case = verdict.what == "training" and over  # the risk fails as a case of its own
    if verdict.decision == "fix first" and not own_case:
        return Case(name, failure=verdict.sentence or "fix first")
    return Case(name, verdict.sentence)


def _risk(risk: Risk) -> Case:
    name, text = f"risk: {risk.id.replace('_', ' ')}", risk.evidence or ""
    match risk.status:
        case "over":
            return Case(name, text, failure=text or "over its limit")
        case "not checked":
            return Case(name, skipped=text or "not checked")
        case status:
            return Case(name, f"Near its limit: {text}" if status == "warn" else text)


def gate_case(gate: Gate) -> Case:
    """A gate: a failure if it does not hold."""
    text = "this run has no such value" if gate.value is None else f"the value is {gate_value(gate.value)}"
    return Case(gate.gate, text, failure=None if gate.holds else text)


def _curation(data: Curation) -> Iterator[Case]:
    """Whether the test rows are separate from training, whether any rows remain, and the curation warnings."""
    found, name = data.certificate, "test rows are separate from training rows"
    if found is None:
        yield Case(name, skipped="no rows were held out, so there was nothing to compare")
    elif found.pairs_at_or_above:
        yield Case(name, failure=certificate(data))
    else:
        recited = found.answers_remedy is not None
        yield Case(name, certificate(data), failure=certificate(data) if recited else None)
    kept = data.outcomes.kept
    rows = f"{say.count(kept)} of {say.count(data.rows_read)} rows kept"
    yield Case("some rows were kept", rows, failure=None if kept else rows)
    for warning in data.warnings:
        yield Case(f"warning: {warning.code.replace('_', ' ')}", skipped=warning.text)


# --- the file -----------------------------------------------------------------------------------------------------


def junit_text(suites: Sequence[Suite], *, created: Any) -> str:
    """The file with these suites."""
    root = ET.Element("testsuites", {"name": "tuneworth", **_counts([case for s in suites for case in s.cases])})
    for suite in suites:
        element = ET.SubElement(root, "testsuite", {"name": _clean(suite.name), **_counts(suite.cases)})
        element.set("time", f"{suite.seconds or 0:.3f}")
        if created:
            element.set("timestamp", _clean(str(created))[:19])  # without the time zone, which the format does not have
        if suite.properties:
            holder = ET.SubElement(element, "properties")
            for name, value in suite.properties.items():
                ET.SubElement(holder, "property", {"name": name, "value": _clean(value)})
        for case, name in zip(suite.cases, _names(suite.cases), strict=True):
            _add(element, suite.name, name, case)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _names(cases: Sequence[Case]) -> list[str]:
    """A unique one-line name for each case: CI systems identify cases by name."""
    names: dict[str, None] = {}
    last: dict[str, int] = {}  # the last number used: thousands of cases may start with the same words
    for case in cases:
        whole = " ".join(_clean(case.name).split())
        name = short = whole if len(whole) <= MOST_LETTERS else whole[: MOST_LETTERS - 1] + "…"
        while name in names:
            last[short] = last.get(short, 1) + 1
            name = f"{short} ({last[short]})"
        names[name] = None
    return list(names)


def _add(suite: ET.Element, classname: str, name: str, case: Case) -> None:
    element = ET.SubElement(suite, "testcase", {"classname": _clean(classname), "name": name, "time": "0"})
    if case.failure is not None:
        ET.SubElement(element, "failure", {"message": _clean(case.failure), "type": "tuneworth"})
    elif case.skipped is not None:
        ET.SubElement(element, "skipped", {"message": _clean(case.skipped)})
    if case.output:
        ET.SubElement(element, "system-out").text = _clean(case.output)


def _counts(cases: Sequence[Case]) -> dict[str, str]:
    return {
        "tests": str(len(cases)),
        "failures": str(sum(case.failure is not None for case in cases)),
        "errors": "0",
        "skipped": str(sum(case.failure is None and case.skipped is not None for case in cases)),
    }


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))
