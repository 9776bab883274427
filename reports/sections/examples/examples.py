"""The examples section: its finding, the few requests of the short report, and the words of the gallery's filters."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ....core import unbroken as say
from ....evaluate import discordant_clause
from ...page import Section
from ...stored import StoredRun
from ...words import capital, named, quoted, sentence, short
from ..quality import samples_of
from .gallery import KINDS, Examples, by_hash, example_anchor, kinds_of, request_parts, shown_names
from .marks import clip, mark_text

MOST_TELLING = 5
PER_CAUSE = 2  # requests that show the same cause
# Characters shown, so that five examples fit a page of paper; a longer text says how much is missing.
OUTPUT, REFERENCE, FIELD, REQUEST = 360, 240, 160, 420
SHORTEST = 0.6  # a text is cut at the end of a sentence, or else of a word, in the last two fifths of the room
_SENTENCE_END = re.compile(r"[.!?…。！？](?=\s)|\n")
_WORD_END = re.compile(r"(?=\s)")
RULE = 110  # characters of a rule


def section(run: StoredRun, examples: Examples | None) -> Section | None:
    """The section with these rows, if there are any."""
    if examples is None or not examples.rows:
        return None
    words = {kind: kind_words(run, kind) for kind in KINDS}
    telling = choose_telling(run, [row.id for row in examples.rows])
    shown = {
        "examples": examples,
        "baseline": run.baseline,
        "candidate": run.candidate,
        "created": run.results.created,
        "chosen_by": chosen_by(run, examples),
        "telling": telling,
        "telling_lead": telling_lead(run, telling),
        "all_title": _all_title(examples),
        "all_finding": "Search, filter, sort and compare them" + (", or judge them blind." if run.baseline else "."),
        "kind_words": words,
        "labels": [run.label(name) for name in (run.baseline, run.candidate) if name is not None],
    }
    return Section("examples", "Examples", lead(run), "examples", shown)


def lead(run: StoredRun) -> str:
    """On how many requests the two sides differ, and which side is acceptable there."""
    comparison = run.results.comparison
    if run.baseline is None or comparison is None or not comparison.total:
        return _one_side(run)
    both, won, lost, neither = (
        comparison.both, comparison.only_candidate, comparison.only_baseline, comparison.neither,
    )  # fmt: skip
    total = comparison.total
    requests, ours, theirs = say.count(total, "request"), named(run.candidate), named(run.baseline)
    if both == total:
        return capital(f"{ours} and {theirs} are both {run.good} on all {requests}.")
    if neither == total:
        return f"Neither {ours} nor {theirs} is {run.good} on any of {requests}."
    if not won + lost:
        return (
            f"The two do equally well on each of {requests}: both are {run.good} on {say.count(both)}, "
            f"neither on {say.count(neither)}."
        )
    return f"The two differ on {say.count(won + lost)} of {requests}: {quoted(discordant_clause(run.results))}."


def _one_side(run: StoredRun) -> str:
    scored = run.quality(run.candidate)
    if scored is None or scored.acceptable.share is None or not scored.n:
        return "The requests with their outputs, none of which could be scored."
    good, n = say.count(round(scored.acceptable.share * scored.n)), say.count(scored.n, "request")
    return capital(f"{named(run.candidate, run.results)} is {run.good} on {good} of {n}.")


def chosen_by(run: StoredRun, examples: Examples) -> str:
    """Which rows are shown, how they were selected, and where the others are."""
    shown, total, differing = len(examples.rows), examples.total, examples.differing
    if shown == total:
        rows = f"All {say.count(total, 'request')} are shown"
        rows += f", the {say.count(differing)} on which the two differ first." if run.baseline else "."
    elif run.baseline is None:
        rows = f"{say.count(shown)} of {say.count(total, 'request')} are shown, selected by a fixed shuffle."
    elif differing > shown:
        rows = (
            f"{say.count(shown)} of {say.count(total, 'request')} are shown, all of them from the {say.count(differing)} "
            "on which the two differ, selected by a fixed shuffle."
        )
    else:
        rows = (
            f"{say.count(shown)} of {say.count(total, 'request')} are shown: all {say.count(differing)} on which the two "
            "differ, then others selected by a fixed shuffle."
        )
    if samples_of(run) > 1:
        rows += f" Of the {say.count(samples_of(run))} outputs of a request, the first is shown."
    if examples.others_shown is not None:
        rows += f" To save space, only the first {say.count(examples.others_shown)} show the other variants."
    return f"{rows} All outputs are in evaluate/outputs.jsonl."


def _all_title(examples: Examples) -> str:
    """`All 80 requests`, or how many of them the page has."""
    shown, total = len(examples.rows), examples.total
    if shown < total:
        return f"{say.count(shown)} of the {say.count(total, 'request')}"
    return f"All {say.count(total, 'request')}" if total > 1 else "The one request"


def kind_words(run: StoredRun, kind: str) -> str:
    """The outcome of a request on the two sides."""
    ours, theirs = run.label(str(run.candidate)), run.label(str(run.baseline))
    return {
        "lost": f"only {theirs} {run.good}",
        "won": f"only {ours} {run.good}",
        "both": f"both {run.good}",
        "neither": f"neither {run.good}",
        "unscored": "not scored on both sides",
    }[kind]


# --- the few requests of the short report -------------------------------------------------------------------------


@dataclass(frozen=True)
class TellingSide:
    """One side's output in brief, its violations marked; `left_off` is the number of characters that are not shown."""

    name: str
    acceptable: bool | None
    text: Markup
    left_off: int


@dataclass(frozen=True)
class Telling:
    """One request of the short report; `anchor` is that of its full card, `cause` what decides it, in words."""

    id: str
    anchor: str
    kind: str
    cause: str
    request: tuple[tuple[str, str], ...]  # (field, value)
    request_left_off: int
    sides: tuple[TellingSide, ...]
    reference: str
    reference_left_off: int


def choose_telling(run: StoredRun, ids: Iterable[str]) -> tuple[Telling, ...]:
    """At most five of these requests, those on which the two sides differ first.

    Both directions have a share of the places that follows their numbers, at least one each. Within a direction the most
    frequent causes come first, each once before any comes twice; a cause is the first must rule that the failing output
    breaks. Of the requests with the same cause, the one whose outputs break the fewest rules and are the shortest is
    shown. Remaining places go to requests on which both sides fail, then to those on which both are acceptable.
    """
    names = shown_names(run)
    kinds = kinds_of(run, ids)
    places = _places(Counter(kinds.values()))
    chosen: list[str] = []
    for kind, most in places.items():
        found = [id_ for id_ in kinds if kinds[id_] == kind]
        chosen += _one_of_each(run, found, names, most)
    return tuple(_telling(run, id_, kinds[id_], names) for id_ in chosen[:MOST_TELLING])


def telling_of(run: StoredRun, ids: Sequence[str]) -> Telling:
    """The clearest of these requests."""
    names = shown_names(run)
    chosen = min(by_hash(ids), key=lambda id_: _clearest(run, id_, names))
    return _telling(run, chosen, kinds_of(run, [chosen])[chosen], names)


def telling_lead(run: StoredRun, chosen: Sequence[Telling]) -> str:
    """How the requests were chosen, in one sentence."""
    differing = sum(row.kind in ("lost", "won") for row in chosen)
    if run.baseline is None:
        return "One or two for each broken rule, the shortest of each."
    if not differing:
        return "The two differ on none of the requests; these are the shortest of each outcome."
    if differing == len(chosen):
        return "One or two for each cause of a difference, the shortest of each."
    first = "the first" if differing == 1 else f"the first {say.count(differing)}"
    return (
        f"On {first}, only one side is {run.good}; on the others, the two do equally well. One or two for each cause, the "
        "shortest of each."
    )


def _places(counts: Mapping[str, int]) -> dict[str, int]:
    """How many requests of each kind are shown at most; the later kinds fill the places that the earlier ones leave."""
    lost, won = counts.get("lost", 0), counts.get("won", 0)
    differing = min(lost + won, MOST_TELLING)
    first = round(differing * lost / (lost + won)) if lost + won else 0
    first = min(max(first, int(lost > 0)), differing - int(won > 0))
    return {"lost": first, "won": differing - first, "neither": MOST_TELLING, "both": MOST_TELLING}


def _one_of_each(run: StoredRun, ids: Sequence[str], names: Sequence[str], most: int) -> list[str]:
    causes = {id_: _cause(run, id_, names)[0] for id_ in ids}
    frequent = Counter(causes.values())
    ranked = sorted(by_hash(ids), key=lambda id_: _clearest(run, id_, names))
    turns, rank = Counter[str](), {}
    for id_ in ranked:
        turns[causes[id_]] += 1
        rank[id_] = turns[causes[id_]]
    allowed = [id_ for id_ in ranked if rank[id_] <= PER_CAUSE or not causes[id_]]
    return sorted(allowed, key=lambda id_: (rank[id_], -frequent[causes[id_]], causes[id_]))[:most]


def _clearest(run: StoredRun, id_: str, names: Sequence[str]) -> tuple[bool, int, int]:
    """Requests whose texts are shown whole first, then those with the fewest broken rules, then the shortest."""
    lines = [run.outputs.get((id_, name)) or {} for name in names]
    texts = [str(line.get("output") or "") for line in lines]
    asked = sum(len(value) for _, value in request_parts(run.pairs[id_]))
    whole = asked <= REQUEST and all(0 < len(text) <= OUTPUT for text in texts)
    broken = sum(len({str(found.get("check")) for found in line.get("violations") or []}) for line in lines)
    return not whole, broken, asked + sum(map(len, texts))


def _cause(run: StoredRun, id_: str, names: Sequence[str]) -> tuple[str, str]:
    """The check that decides against the failing output, with the name of its variant; empty if none fails.

    Where both fail, the candidate's check counts.
    """
    rules = run.results.style.checks if run.results.style else {}
    for name in reversed(names):
        line = run.outputs.get((id_, name)) or {}
        if line.get("acceptable") is not False:
            continue
        checks = [str(found.get("check")) for found in line.get("violations") or []]
        must = [check for check in checks if check not in rules or rules[check].level == "must"]
        return next(iter([*must, *checks]), "no output"), name
    return "", ""


def _telling(run: StoredRun, id_: str, kind: str, names: Sequence[str]) -> Telling:
    pair = run.pairs[id_]
    request, left_off = _request(pair)
    reference, cut = _brief(str(pair.get("output") or ""), REFERENCE)
    return Telling(
        id=id_,
        anchor=example_anchor(id_),
        kind=kind,
        cause=_cause_words(run, *_cause(run, id_, names)),
        request=request,
        request_left_off=left_off,
        sides=tuple(_side(run, name, run.outputs.get((id_, name)) or {}) for name in names),
        reference=reference,
        reference_left_off=cut,
    )


def _request(pair: Mapping[str, Any]) -> tuple[tuple[tuple[str, str], ...], int]:
    """The fields of a request as far as there is room, and the number of characters of values that are not shown."""
    shown, left_off, room = [], 0, REQUEST
    for name, value in request_parts(pair):
        text, cut = _brief(value, min(FIELD if name else REQUEST, room)) if room > 0 else ("", len(value))
        left_off += cut
        room -= len(text)
        if text:
            shown.append((name, text))
    return tuple(shown), left_off


def _side(run: StoredRun, name: str, line: Mapping[str, Any]) -> TellingSide:
    text, left_off = _brief(str(line.get("output") or ""), OUTPUT)
    marked = mark_text(text, list(line.get("violations") or []))
    return TellingSide(run.label(name), line.get("acceptable"), marked, left_off)


def _brief(text: str, limit: int) -> tuple[str, int]:
    """The text up to the last sentence that fits, or the last word, and the number of characters cut."""
    shown, left_off = clip(text, limit)
    if not left_off:
        return text, 0
    ends = [
        max((found.end() for found in pattern.finditer(shown) if found.end() >= SHORTEST * limit), default=0)
        for pattern in (_SENTENCE_END, _WORD_END)
    ]
    kept = shown[: ends[0] or ends[1] or limit].rstrip()
    return kept, len(text) - len(kept)


def _cause_words(run: StoredRun, check: str, name: str) -> str:
    """The cause as a sentence: `tuned breaks “Say nothing twice.”`."""
    if not check:
        return ""
    rule = run.results.style.checks.get(check) if run.results.style else None
    if rule is None:  # a failure of the whole output
        return f"{run.label(name)}: {sentence(check)}"
    return f"{run.label(name)} breaks “{quoted(short(rule.sentence or check, RULE)).rstrip('.')}”."
