"""Causes behind a variant's score in words, and those that make a comparison invalid."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ...core import quote, say
from .sentences import HABITS, TELLING, compared, listed, variant_name

__all__ = ["cause_lines", "cause_words", "found_causes", "tells"]

MOST_AFFECTED = 0.02  # of a variant's outputs may be unscored, missing or cut
WHOLE = 1 - MOST_AFFECTED
Results = Mapping[str, Any]
Problem = dict[str, str]


def cause_words(entry: Results, whose: str = "") -> str:
    """An entry of `quality[NAME].causes` as a clause; `whose` follows "outputs", such as " of the tuned model"."""
    count, other = entry["count"], variant_name(entry["variant"] or "")
    counted = f"{say.count(count)} of {say.count(entry['of'])} outputs{whose}"
    was, is_ = ("was", "is") if count == 1 else ("were", "are")
    return {
        "missing": f"{counted} {is_} missing",
        "failed": f"{counted} never arrived, as the call failed",
        "cut": f"{counted} {was} cut at the token limit{_of_tokens(entry)} before {'it was' if count == 1 else 'they were'} "
        "as long as an answer can be",
        "empty": f"{counted} {is_} empty",
        "refused": f"{counted} {'is a refusal' if count == 1 else 'are refusals'}",
        "endless": f"{counted} {'does' if count == 1 else 'do'} not end before the token limit{_of_tokens(entry)}, which "
        "leaves room for every reference",
        "same text": f"{counted} are the same text",
        "identical": f"the outputs{whose} are those of {other}, all {say.count(entry['of'])} word for word",
        "references": f"the outputs{whose} are the reference answers, all {say.count(entry['of'])} word for word",
        "shown": f"the prompt{whose} contains {say.count(count)} of the {say.count(entry['of'])} test requests",
    }[entry["cause"]]


def _of_tokens(entry: Results) -> str:
    return f" of {say.count(entry['limit'])} tokens" if entry["limit"] else ""


def cause_lines(results: Results) -> list[str]:
    """What the two compared variants did instead of answering, as clauses: where it is a tenth of their outputs or more."""
    return [
        cause_words(entry, f" of {variant_name(name)}")
        for name in compared(results)
        for entry in _entries(results, name)
        if entry["cause"] in HABITS and tells(entry)
    ]


def tells(entry: Results) -> bool:
    """Whether a cause is worth a line of its own: any that is no habit of the model, and a habit in a tenth of the outputs."""
    return entry["cause"] not in HABITS or entry["count"] >= TELLING * entry["of"]


def found_causes(results: Results) -> list[Problem]:
    """One `{what, text, remedy}` per cause that makes the comparison invalid, the largest first."""
    candidate = compared(results)[1]
    problems = [problem for name in compared(results)[::-1] for problem in _incomplete(results, name)]
    problems = [problem for _, problem in sorted(problems, key=lambda found: -found[0])]
    for name in dict.fromkeys((*_roots(results, candidate), *_roots(results, compared(results)[0]))):
        tuned = name in _roots(results, candidate)
        for entry in _entries(results, name):
            problem = _foreign(results, name, entry, tuned=tuned)
            problems += [problem] if problem else []
    return problems


def _roots(results: Results, name: str) -> Sequence[str]:
    """The variants that a variant's outputs come from: itself, or those that it is derived from."""
    return ((results.get("variants") or {}).get(name) or {}).get("of") or (name,)


def _entries(results: Results, name: str) -> list[Results]:
    return (results["quality"].get(name) or {}).get("causes") or []


def _incomplete(results: Results, name: str) -> list[tuple[float, Problem]]:
    """The problems of a variant with too many outputs that are unscored, missing or cut, each with its share.

    A pair that is unscored for one variant is dropped from all, so the pairs that were wanted are those of the variant
    with the most of them, and the rest.
    """
    quality = results["quality"].get(name) or {}
    most = max((scored.get("unscored") or 0) for scored in results["quality"].values())
    total, whose = (quality.get("n") or 0) + most, f" of {variant_name(name)}"
    entries = {entry["cause"]: entry for entry in _entries(results, name)}
    unscored = {"count": quality.get("unscored") or 0, "of": total}
    parts = [unscored, *(entries[cause] for cause in ("missing", "cut") if cause in entries)]
    if sum(part["count"] / part["of"] for part in parts if part["of"]) <= MOST_AFFECTED + 1e-9:
        return []
    problems = []
    for part in filter(lambda part: part["count"], parts):
        cause = part.get("cause", "unscored")
        text = f"{say.count(part['count'])} of {say.count(total)} outputs{whose} could not be scored; the limit is 2%"
        text = text if cause == "unscored" else cause_words(part, whose)
        remedy = _REMEDIES[cause](results, name, entries.get("failed", {}) if cause == "unscored" else part)
        problem = _problem(text, remedy) | ({"cut": name} if cause == "cut" else {})
        problems.append((part["count"] / part["of"], problem))
    return problems


def _problem(text: str, remedy: str, *, what: str = "comparison") -> Problem:
    return {"what": what, "text": text, "remedy": remedy}


def _unscored(results: Results, name: str, entry: Results) -> str:
    named = f", starting with {listed(entry['ids'])}" if entry.get("ids") else ""
    return f"supply the outputs that are missing or could not be scored{named}, then run again"


def _missing(results: Results, name: str, entry: Results) -> str:
    others = f" and {say.count(entry['count'] - len(entry['ids']))} more" if entry["count"] > len(entry["ids"]) else ""
    select = f"select(.variant == {json.dumps(name, ensure_ascii=False)} and .output == null).id"
    return (
        f"collect the rest ({', '.join(entry['ids'])}{others}; `jq -r {quote(select)} evaluate/outputs.jsonl` in the "
        "run's folder lists them all), then run again"
    )


def _cut(results: Results, name: str, entry: Results) -> str:
    collected = _source(results, name) == "outputs"
    to = f" to {say.count(entry['enough'])} or more" if entry["enough"] else ""
    if collected:
        return f"collect the outputs that were cut again with the token limit of the calls raised{to}, then run again"
    return f"raise `max_new_tokens` under [evaluate]{to}, then run `tuneworth evaluate` again"


_REMEDIES = {"unscored": _unscored, "missing": _missing, "cut": _cut}


def _source(results: Results, name: str) -> str | None:
    return ((results.get("variants") or {}).get(name) or {}).get("source")


def _foreign(results: Results, name: str, entry: Results, *, tuned: bool) -> Problem | None:
    """The problem that outputs are not the variant's own answers; None if the entry is no such problem."""
    whose, share = f" of {variant_name(name)}", entry["count"] / entry["of"]
    words, collected = cause_words(entry, whose), _source(results, name) == "outputs"
    if entry["cause"] == "identical" and tuned:
        both = f"{variant_name(name)} and {variant_name(entry['variant'])}"
        remedy = "check that the calls name the tuned model and that each variant has its own file" if collected else (
            "check that its adapter is the trained one and fits the model"
        )  # fmt: skip
        return _problem(f"{words}, so the adapter was not applied", f"{remedy}; then run {both} again")
    if entry["cause"] == "references":
        return _problem(f"{words}, so no model wrote them", f"give the file with the outputs{whose}, then run again")
    if entry["cause"] == "same text" and share > WHOLE:
        if tuned:
            remedy = f"check how the outputs{whose} were collected; if it does write this, train again at a lower learning rate"
            return _problem(words, remedy, what="training")
        return _problem(
            words, f"check how {variant_name(name)} is prompted and how its outputs are read, then run again"
        )
    if entry["cause"] == "shown" and share > MOST_AFFECTED:
        remedy = "take the examples and the guide from training pairs only, or drop these requests from the test"
        return _problem(f"{words}: {listed(entry['ids'], most=5)}", f"{remedy}; then run again")
    return None
