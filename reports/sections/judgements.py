"""The results of blind judging by people, for the page and the Markdown file."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...core import Row, row_text
from ...core import unbroken as say
from ..page import Section
from ..stored import StoredRun
from ..words import named, share_text
from .examples.gallery import MOST_ROWS

__all__ = ["JudgeRow", "against_checks", "against_rules", "agreement", "caution", "judge_rows", "lead", "section"]


@dataclass(frozen=True)
class JudgeRow:
    """The choices of one person, or of all together, as a row of the table."""

    name: str
    rows: str
    candidate: str
    baseline: str
    equal: str
    share: str


def section(run: StoredRun, *, texts: bool) -> Section | None:
    """The section of a run whose outputs people judged; without `texts`, no person is named."""
    found = run.results.get("judgements")
    if not found:
        return None
    lines = [text for text in (caution(run), agreement(run), *against_rules(run), *against_checks(run)) if text]
    shown = {key: run.label(str(found.get(key))) for key in ("candidate", "baseline")}
    shown |= {"rows": judge_rows(run, names=texts), "lines": lines}
    return Section("judgements", "Human preference", lead(run), "judgements", shown)


def lead(run: StoredRun) -> str:
    """Which variant was preferred, how often, and with which range."""
    found = run.results.get("judgements") or {}
    together = found.get("together") or {}
    if not together:
        return ""
    people, candidate, baseline = len(found["judges"]), named(found["candidate"]), named(found["baseline"])
    who = "one person" if people == 1 else f"{say.count(people)} people"
    preferred, share = together["preferred"], together["preferred"].get("share")
    if share is None:
        equal = f"rated {candidate} and {baseline} equal on {say.count(together['rows'], 'request')}"
        return f"In a blind comparison, {who} {equal}."
    text = (
        f"In a blind comparison, {who} preferred {candidate} {_times(together['candidate'])} and {baseline} "
        f"{_times(together['baseline'])}, and rated them equal {_times(together['equal'])}."
    )
    return (
        f"{text} Of the requests with a preference, {say.percent(share)} "
        f"({say.percent_range(preferred['low'], preferred['high'])}) went to {candidate}."
    )


def judge_rows(run: StoredRun, *, names: bool) -> list[JudgeRow]:
    """A row for each person, and a total if there are several; without `names`, people are numbered."""
    found = run.results.get("judgements") or {}
    judges = found.get("judges") or []
    rows = [
        _row(one, str(one.get("judge") or "") if names else "", number, found) for number, one in enumerate(judges, 1)
    ]
    return rows if len(judges) < 2 else [*rows, _row(found["together"], "together", 0, found)]


def _row(part: Mapping[str, Any], name: str, number: int, found: Mapping[str, Any]) -> JudgeRow:
    preferred = part["preferred"]
    share = "no preference"
    if preferred.get("share") is not None:
        share = share_text(preferred)
    return JudgeRow(
        name=name or f"person {number}",
        rows=say.count(part["rows"]),
        candidate=say.count(part["candidate"]),
        baseline=say.count(part["baseline"]),
        equal=say.count(part["equal"]),
        share=share,
    )


def caution(run: StoredRun) -> str:
    """A note on how many requests could be judged; empty if all could."""
    found = run.results.get("judgements") or {}
    tested = len(run.pairs)
    live = found.get("live") or 0  # people who judged in `tuneworth review`, where all requests are shown
    if not found or tested <= MOST_ROWS or live == len(found["judges"]):
        return ""
    return (
        f"The page shows {say.count(MOST_ROWS)} of {say.count(tested)} requests, first those on which the two differ. "
        "The shares apply to the requests shown."
    )


def agreement(run: StoredRun) -> str:
    """How often two people agreed on a request; empty if none was judged twice."""
    found = (run.results.get("judgements") or {}).get("agreement")
    if not found:
        return ""
    return (
        f"On {say.count(found['rows'], 'request')} judged by several people, two of them agreed in "
        f"{say.percent(found['share'])} of cases ({say.percent_range(found['low'], found['high'])})."
    )


def against_checks(run: StoredRun) -> list[str]:
    """For each side: how often people preferred its output where only that output keeps the rules."""
    found = run.results.get("judgements") or {}
    sentences = []
    for side in ("candidate", "baseline"):
        part = (found.get("checks") or {}).get(side) or {}
        if not part.get("choices"):
            continue
        sentences.append(
            f"Where only {found[side]} keeps the rules, people preferred it in {say.count(part['same'])} of "
            f"{say.count(part['choices'], 'choice')}, the other in {say.count(part['other'])}, and rated both equal in "
            f"{say.count(part['equal'])}."
        )
    return sentences


def against_rules(run: StoredRun) -> list[str]:
    """How far the rules agree with people, beside one person with the others; empty if that was not measured."""
    rules = (run.results.get("judgements") or {}).get("rules") or {}
    lines = []
    for basis in ("acceptable", "preferences"):
        found = rules.get(basis)
        if found:
            lines += [_with_most(found, basis), _with_one(found["raters"])]
    if lines and not rules["acceptable"]:
        lines.append(
            "How many of the outputs that people reject the rules reject cannot be measured from preferences; mark outputs "
            "as acceptable or not while judging."
        )
    return [line for line in lines if line]


def _with_most(found: Mapping[str, Any], basis: str) -> str:
    agreed = f"the rules agree with most people in {share_text(found['agreement'])}{_kappa(found['kappa'])}."
    if basis == "preferences":
        return f"On {say.count(found['n'], 'request')} where only one output keeps the rules and people prefer one, {agreed}"
    right = [
        f"{say.percent(found[key]['share'])} of the outputs that {who}"
        for key, who in (("precision", "the rules reject"), ("recall", "people reject"))
        if found[key]
    ]
    both = f" Rejected by both are {' and '.join(right)}." if right else ""
    return f"On {say.count(found['n'], 'output')} that people judged acceptable or not, {agreed}{both}"


def _with_one(raters: Mapping[str, Any] | None) -> str:
    if raters is None:
        return ""
    rules, person = (
        say.percent(raters[who]["agreement"]) + _kappa({"value": raters[who]["kappa"]["value"]})
        for who in ("rules", "one_person")
    )
    text = (
        f"Several people judged {say.count(raters['n'])} of these: one person agrees with most of the others in {person}; "
        f"the rules agree with the same people in {rules}."
    )
    if raters["difference"]["value"] is None:
        return text
    return f"{text} The difference in kappa is {_coefficient(raters['difference'])}."


def _kappa(found: Mapping[str, Any]) -> str:
    """Kappa as an addition to a share; empty if it is undefined."""
    return "" if found["value"] is None else f", a kappa of {_coefficient(found)}"


def _coefficient(found: Mapping[str, Any]) -> str:
    return row_text(Row("", "", found["value"], "coefficient", found.get("low"), found.get("high")), say)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{say.count(count)} times"
