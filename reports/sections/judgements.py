"""The results of blind judging by people, for the page and the Markdown file."""

from dataclasses import dataclass

from ...core import Row, row_text
from ...core import unbroken as say
from ...evaluate.results import Agreement, Choices, Coefficient, Judge, Judgements, JudgesTogether, Raters
from ..page import Section
from ..stored import StoredRun
from ..words import named, share_text
from .examples.gallery import MOST_ROWS


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
    found = run.results.judgements
    if found is None:
        return None
    lines = [text for text in (caution(run), agreement(run), *against_rules(run), *against_checks(run)) if text]
    shown = {
        "candidate": run.label(found.candidate),
        "baseline": run.label(found.baseline),
        "rows": judge_rows(found, names=texts),
        "lines": lines,
    }
    return Section("judgements", "Human preference", lead(run), "judgements", shown)


def lead(run: StoredRun) -> str:
    """Which variant was preferred, how often, and with which range."""
    found = run.results.judgements
    if found is None:
        return ""
    together, people = found.together, len(found.judges)
    candidate, baseline = named(found.candidate), named(found.baseline)
    who = "one person" if people == 1 else f"{say.count(people)} people"
    preferred = together.preferred
    if preferred.share is None:
        equal = f"rated {candidate} and {baseline} equal on {say.count(together.rows, 'request')}"
        return f"In a blind comparison, {who} {equal}."
    text = (
        f"In a blind comparison, {who} preferred {candidate} {_times(together.candidate)} and {baseline} "
        f"{_times(together.baseline)}, and rated them equal {_times(together.equal)}."
    )
    return (
        f"{text} Of the requests with a preference, {say.percent(preferred.share)} "
        f"({say.percent_range(preferred.low, preferred.high)}) went to {candidate}."
    )


def judge_rows(found: Judgements, *, names: bool) -> list[JudgeRow]:
    """A row for each person, and a total if there are several; without `names`, people are numbered."""
    rows = [_row(one, (one.judge if names else "") or f"person {number}") for number, one in enumerate(found.judges, 1)]
    return rows if len(rows) < 2 else [*rows, _row(found.together, "together")]


def _row(part: Judge | JudgesTogether, name: str) -> JudgeRow:
    return JudgeRow(
        name=name,
        rows=say.count(part.rows),
        candidate=say.count(part.candidate),
        baseline=say.count(part.baseline),
        equal=say.count(part.equal),
        share="no preference" if part.preferred.share is None else share_text(part.preferred),
    )


def caution(run: StoredRun) -> str:
    """A note on how many requests could be judged; empty if all could."""
    found, tested = run.results.judgements, len(run.pairs)
    if found is None or tested <= MOST_ROWS:
        return ""
    if (found.live or 0) == len(found.judges):  # they judged in `tuneworth review`, where all requests are shown
        return ""
    return (
        f"The page shows {say.count(MOST_ROWS)} of {say.count(tested)} requests, first those on which the two differ. "
        "The shares apply to the requests shown."
    )


def agreement(run: StoredRun) -> str:
    """How often two people agreed on a request; empty if none was judged twice."""
    found = run.results.judgements.agreement if run.results.judgements else None
    if found is None:
        return ""
    return (
        f"On {say.count(found.rows, 'request')} judged by several people, two of them agreed in "
        f"{say.percent(found.share)} of cases ({say.percent_range(found.low, found.high)})."
    )


def against_checks(run: StoredRun) -> list[str]:
    """For each side: how often people preferred its output where only that output keeps the rules."""
    found = run.results.judgements
    if found is None:
        return []
    sides = ((found.candidate, found.checks.candidate), (found.baseline, found.checks.baseline))
    return [_where_only(name, part) for name, part in sides if part.choices]


def _where_only(name: str, part: Choices) -> str:
    return (
        f"Where only {name} keeps the rules, people preferred it in {say.count(part.same)} of "
        f"{say.count(part.choices, 'choice')}, the other in {say.count(part.other)}, and rated both equal in "
        f"{say.count(part.equal)}."
    )


def against_rules(run: StoredRun) -> list[str]:
    """How far the rules agree with people, beside one person with the others; empty if that was not measured."""
    rules = run.results.judgements.rules if run.results.judgements else None
    if rules is None:
        return []
    lines = []
    for found, said in ((rules.acceptable, _on_outputs), (rules.preferences, _on_preferences)):
        if found:
            lines += [said(found), _with_one(found.raters)]
    if lines and not rules.acceptable:
        lines.append(
            "How many of the outputs that people reject the rules reject cannot be measured from preferences; mark outputs "
            "as acceptable or not while judging."
        )
    return [line for line in lines if line]


def _agreed(found: Agreement) -> str:
    return f"the rules agree with most people in {share_text(found.agreement)}{_kappa(found.kappa)}."


def _on_preferences(found: Agreement) -> str:
    return f"On {say.count(found.n, 'request')} where only one output keeps the rules and people prefer one, {_agreed(found)}"


def _on_outputs(found: Agreement) -> str:
    right = [
        f"{say.percent(part.share)} of the outputs that {who}"
        for part, who in ((found.precision, "the rules reject"), (found.recall, "people reject"))
        if part
    ]
    both = f" Rejected by both are {' and '.join(right)}." if right else ""
    return f"On {say.count(found.n, 'output')} that people judged acceptable or not, {_agreed(found)}{both}"


def _with_one(raters: Raters | None) -> str:
    if raters is None:
        return ""
    rules, person = (
        say.percent(one.agreement) + _kappa(Coefficient(value=one.kappa.value, low=None, high=None))
        for one in (raters.rules, raters.one_person)
    )
    text = (
        f"Several people judged {say.count(raters.n)} of these: one person agrees with most of the others in {person}; "
        f"the rules agree with the same people in {rules}."
    )
    if raters.difference.value is None:
        return text
    return f"{text} The difference in kappa is {_coefficient(raters.difference)}."


def _kappa(found: Coefficient) -> str:
    """Kappa as an addition to a share; empty if it is undefined."""
    return "" if found.value is None else f", a kappa of {_coefficient(found)}"


def _coefficient(found: Coefficient) -> str:
    return row_text(Row("", "", found.value, "coefficient", found.low, found.high), say)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{say.count(count)} times"
