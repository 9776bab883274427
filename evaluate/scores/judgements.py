"""Blind judgements of two variants' outputs: read, checked and counted."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import structs

from ...core import DataError, read_regular
from ..results import (
    Agreement,
    ApartOutput,
    Choices,
    ChoicesByCheck,
    Judge,
    JudgesAgreement,
    JudgesTogether,
    RulesAndPeople,
    Share,
)
from ..results import Judgements as JudgementResults
from ..statistics.agreement import people_agreement
from ..statistics.intervals import grouped, share_interval
from ..statistics.paired import sign_flip

SCHEMA = "tuneworth/judgements/1"
MOST_BYTES = 5_000_000
MOST_APART = 20  # enough to see what is wrong with the rules
CHOICES = ("left", "right", "equal")
# Characters that no page can show, which a saved file therefore replaces with a sign; all line ends count the same.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


@dataclass(frozen=True)
class JudgedRun:
    """The facts of a run that judgements refer to.

    `outputs` is the SHA-256 of its outputs.jsonl, `groups` the group of each tested pair by id (None = no group),
    `acceptable` whether (baseline, candidate) are acceptable, None if one was not scored.
    """

    outputs: str
    baseline: str
    candidate: str
    groups: Mapping[str, Any]
    acceptable: Mapping[str, tuple[bool, bool] | None]


@dataclass(frozen=True)
class Judgements:
    """One person's choices by pair: `candidate`, `baseline` or `equal`; `seed` is the seed of the shuffled sides.

    `acceptable` says of each output that was also judged by itself, by (pair, side), whether it is acceptable.
    """

    judge: str
    seed: int
    choices: Mapping[str, str]
    acceptable: Mapping[tuple[str, str], bool] = field(default_factory=dict)


def judgements_content(
    run: JudgedRun, rows: Sequence[Mapping[str, Any]], *, created: str, seed: int, judge: str
) -> dict[str, Any]:
    """The content of a person's file, as the report's page saves it too; `created` is when the run was evaluated.

    Each row has id, left, right (the variants), choice, seconds and, if judged by themselves, left_acceptable and
    right_acceptable.
    """
    about = {"created": created, "outputs": run.outputs}
    sides = {"baseline": run.baseline, "candidate": run.candidate}
    return {"schema": SCHEMA, "run": about, **sides, "seed": seed, "judge": judge, "judgements": list(rows)}


def read_judgements(paths: Iterable[Path], run: JudgedRun) -> list[Judgements]:
    """The judgements of each file, in the given order; a session that is given twice counts once.

    Raises: DataError with the file, the problem and its first location; also if two files are different states of the
    same session.
    """
    sessions: dict[int, tuple[Path, Judgements]] = {}
    for path in paths:
        session = _judgements(_content(path), run, where=path)
        earlier = sessions.get(session.seed)
        if earlier is not None and (earlier[1].choices, earlier[1].acceptable) != (session.choices, session.acceptable):
            raise DataError(
                f"{path}: another state of the session in {earlier[0]} (seed {session.seed})\n"
                "Pass only the latest file of each session."
            )
        sessions.setdefault(session.seed, (path, session))
    return [judgements for _, judgements in sessions.values()]


def _content(path: Path) -> Any:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise DataError(f"{path}: larger than {MOST_BYTES:,} bytes, the limit for a judgements file")
        return json.loads(read_regular(path))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{path}: not readable as JSON ({error})\nSave it again with “Judge blind” in the report."
        ) from None


def _judgements(content: Any, run: JudgedRun, *, where: Path) -> Judgements:
    """The judgements in the content, checked against the run."""
    schema = content.get("schema") if isinstance(content, dict) else None
    if schema != SCHEMA:
        raise DataError(f"{where}: expected the schema {SCHEMA!r}, found {_brief(schema)}")
    about = content.get("run")
    outputs = about.get("outputs") if isinstance(about, dict) else None
    if outputs != run.outputs:
        raise DataError(
            f"{where}: these judgements are about another run (outputs {_short(outputs)}, this run has {_short(run.outputs)})\n"
            "Use judgements from this run's report, or pass the run that was judged."
        )
    rows, seed, judge = content.get("judgements"), content.get("seed"), content.get("judge") or ""
    problems = [] if isinstance(rows, list) else ["judgements: expected a list"]
    if isinstance(seed, bool) or not isinstance(seed, int):
        problems.append(f"seed: expected a whole number, found {_brief(seed)}")
    if not isinstance(judge, str):
        problems.append(f"judge: expected a text, found {_brief(judge)}")
    shown = {_shown(id_): id_ for id_ in run.groups}
    choices: dict[str, str] = {}
    acceptable: dict[tuple[str, str], bool] = {}
    for number, row in enumerate(rows if isinstance(rows, list) else [], start=1):
        parsed = _choice(row, run, shown)
        if isinstance(parsed, str):
            problems.append(f"judgement {number}: {parsed}")
        elif parsed[0] in choices:
            problems.append(f"judgement {number}: the id {parsed[0]!r} is listed twice")
        else:
            choices[parsed[0]] = parsed[1]
            acceptable |= {(parsed[0], side): good for side, good in parsed[2].items()}
    if problems:
        more = f"; {len(problems) - 1} more" if len(problems) > 1 else ""
        raise DataError(f"{where}: {problems[0]}{more}")
    return Judgements(judge=judge.strip()[:80], seed=int(seed or 0), choices=choices, acceptable=acceptable)


def _choice(row: Any, run: JudgedRun, shown: Mapping[str, str]) -> tuple[str, str, dict[str, bool]] | str:
    """(id, preferred side, whether each side is acceptable) of one judgement, or its problem."""
    if not isinstance(row, dict):
        return f"expected an object, found {row!r}"[:120]
    id_, choice = shown.get(_shown(str(row.get("id")))), row.get("choice")
    if id_ is None:
        return f"the id {row.get('id')!r} is not among the tested pairs"[:200]
    if choice not in CHOICES:
        return f"choice: expected left, right or equal, found {choice!r}"[:200]
    sides = {_shown(run.baseline): "baseline", _shown(run.candidate): "candidate"}
    names = [_shown(str(row.get(side))) for side in ("left", "right")]
    if set(names) != set(sides):
        compared = f"{row.get('left')!r} and {row.get('right')!r}"
        return f"compares {compared}, but this run compares {run.baseline!r} and {run.candidate!r}"[:300]
    marks = {side: row.get(f"{side}_acceptable") for side in CHOICES[:2]}
    for side, mark in marks.items():
        if not (mark is None or isinstance(mark, bool)):
            return f"{side}_acceptable: expected true or false, found {mark!r}"[:200]
    acceptable = {sides[name]: mark for name, mark in zip(names, marks.values(), strict=True) if mark is not None}
    return id_, "equal" if choice == "equal" else sides[names[CHOICES.index(choice)]], acceptable


def _shown(text: str) -> str:
    """The text as a page shows it."""
    return _UNPRINTABLE.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))


def _brief(value: Any) -> str:
    """The value, shortened for an error: a file can hold anything."""
    return f"{value!r}"[:120]


def _short(fingerprint: Any) -> str:
    return fingerprint[:12] if isinstance(fingerprint, str) and fingerprint else "none"


def judgement_results(judged: Sequence[Judgements], run: JudgedRun) -> JudgementResults | None:
    """What people's judgements say together; None without any choice.

    `preferred` is the candidate's share of the choices that preferred one side, over the rows with such a choice; a row
    with several judges counts with their mean. `p_value` is from the exact sign test against one half, or with groups
    from the exact sign-flip test. `agreement` is the share of equal choices among pairs of judges on the same row;
    `checks` counts how often people preferred the only acceptable side; `rules` compares people with the rules.
    """
    judged = [session for session in judged if session.choices]
    if not judged:
        return None
    return JudgementResults(
        baseline=run.baseline,
        candidate=run.candidate,
        outputs=run.outputs,
        judges=[
            Judge(judge=session.judge, seed=session.seed, **structs.asdict(_preference([session], run)))
            for session in judged
        ],
        together=_preference(judged, run),
        agreement=_agreement(judged, run),
        checks=ChoicesByCheck(
            candidate=_checks(judged, run, side="candidate", alone=(False, True)),
            baseline=_checks(judged, run, side="baseline", alone=(True, False)),
        ),
        rules=_against_rules(judged, run),
    )


def _preference(judged: Sequence[Judgements], run: JudgedRun) -> JudgesTogether:
    counts = Counter(choice for session in judged for choice in session.choices.values())
    preferring: dict[str, list[float]] = {}
    for session in judged:
        for id_, choice in session.choices.items():
            if choice != "equal":
                preferring.setdefault(id_, []).append(float(choice == "candidate"))
    means = np.array([float(np.mean(values)) for values in preferring.values()])
    groups = _groups(preferring, run)
    share = share_interval(means, groups)
    return JudgesTogether(
        rows=len({id_ for session in judged for id_ in session.choices}),
        candidate=counts["candidate"],
        baseline=counts["baseline"],
        equal=counts["equal"],
        preferred=Share(share=share.share, low=share.low, high=share.high),
        n=share.n,
        n_effective=share.n_effective,
        groups=share.groups,
        method=share.method,
        p_value=sign_flip(grouped(groups, len(means)).sums(2 * means - 1)).exact if len(means) else None,
    )


def _agreement(judged: Sequence[Judgements], run: JudgedRun) -> JudgesAgreement | None:
    """Rows with at least two judges: their number, and the share of equal choices among pairs of judges."""
    same: dict[str, list[float]] = {}
    for first, second in combinations(judged, 2):
        for id_ in first.choices.keys() & second.choices.keys():
            same.setdefault(id_, []).append(float(first.choices[id_] == second.choices[id_]))
    ids = sorted(same)  # a set of ids has no order
    found = share_interval(np.array([float(np.mean(same[id_])) for id_ in ids]), _groups(ids, run)) if ids else None
    if found is None or found.share is None or found.low is None or found.high is None:
        return None
    return JudgesAgreement(rows=len(ids), share=found.share, low=found.low, high=found.high)


def _checks(judged: Sequence[Judgements], run: JudgedRun, *, side: str, alone: tuple[bool, bool]) -> Choices:
    """Choices on rows where only this side is acceptable: all, and those for it, for the other side, for neither."""
    counts = Counter(
        choice for session in judged for id_, choice in session.choices.items() if run.acceptable.get(id_) == alone
    )
    other = "baseline" if side == "candidate" else "candidate"
    return Choices(choices=counts.total(), same=counts[side], other=counts[other], equal=counts["equal"])


def _against_rules(judged: Sequence[Judgements], run: JudgedRun) -> RulesAndPeople:
    """The rules against people: `acceptable` on outputs that were judged by themselves, `preferences` between two.

    A preference says something about the rules only where they accept one side alone.
    """
    single, sided = Counter[tuple[str, str, bool]](), Counter[tuple[str, str, bool]]()
    for session in judged:
        single.update((id_, side, good) for (id_, side), good in session.acceptable.items())
        sided.update((id_, "", side == "candidate") for id_, side in session.choices.items() if side != "equal")
    return RulesAndPeople(acceptable=_against_votes(single, run), preferences=_against_votes(sided, run, mirrored=True))


def _against_votes(
    votes: Mapping[tuple[str, str, bool], int], run: JudgedRun, *, mirrored: bool = False
) -> Agreement | None:
    """The agreement on each (id, side) with a vote and a decision of the rules, and where most people say otherwise."""
    decided = {(id_, side): _rule(run.acceptable.get(id_), side) for id_, side, _ in sorted(votes)}
    rules = {item: rule for item, rule in decided.items() if rule is not None}
    yes, no = (np.array([votes.get((*item, good), 0) for item in rules], dtype=np.int64) for good in (True, False))
    groups = [("pair", id_) if (group := run.groups.get(id_)) is None else ("group", group) for id_, _ in rules]
    decisions = np.array(list(rules.values()), dtype=bool)
    apart = [item for item, rule, more in zip(rules, decisions, yes - no, strict=True) if more and (more > 0) != rule]
    names = {"candidate": run.candidate, "baseline": run.baseline}
    named = [ApartOutput(id=id_, variant=names.get(side)) for id_, side in apart[:MOST_APART]]
    return people_agreement(decisions, yes, yes + no, groups, apart=named, mirrored=mirrored)


def _rule(acceptable: tuple[bool, bool] | None, side: str) -> bool | None:
    """Whether the rules accept this side or, without a side, whether they accept the candidate alone; None if unknown."""
    if acceptable is None:
        return None
    if side:
        return acceptable[side == "candidate"]
    return None if acceptable[0] == acceptable[1] else acceptable[1]


def _groups(ids: Iterable[str], run: JudgedRun) -> list[Any] | None:
    """The groups of the rows; None if no row has one."""
    groups = [run.groups.get(id_) for id_ in ids]
    return None if all(group is None for group in groups) else groups
