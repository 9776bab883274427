"""The results of blind judging by people, for the page and the Markdown file."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...core import unbroken as say
from ..page import Section
from ..stored import StoredRun
from ..words import named, share_text
from .examples import MOST_ROWS

__all__ = ["JudgeRow", "against_checks", "agreement", "caution", "judge_rows", "lead", "section"]


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
    lines = [text for text in (caution(run), agreement(run), *against_checks(run)) if text]
    shown = {key: found.get(key) for key in ("candidate", "baseline")}
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
    if not found or tested <= MOST_ROWS:
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


def _times(count: int) -> str:
    return "once" if count == 1 else f"{say.count(count)} times"
