"""Whether the held-out rows are new to the model: what was searched, what was found, the nearest pairs."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from ...core import UNKNOWN
from ...core import unbroken as say
from ..stored import read_texts
from ..words import is_number, short
from .dropped import ID

__all__ = [
    "Near",
    "certificate",
    "certificate_facts",
    "certificate_values",
    "differing",
    "held_out",
    "likeness",
    "near_rows",
    "new_to_it",
]


@dataclass(frozen=True)
class Near:
    """A held-out row and the training row nearest to it; the texts are empty if omitted."""

    id: str
    train_id: str
    similarity: str
    input: Markup
    train_input: Markup


def held_out(data: Mapping[str, Any]) -> int:
    """The rows that are not trained on."""
    splits = data.get("splits") or {}
    return sum(splits.get(name) or 0 for name in ("validation", "test"))


def new_to_it(data: Mapping[str, Any]) -> str:
    """The finding as the second half of a sentence; empty if nothing was searched or held out."""
    found, held = (data.get("certificate") or {}).get("pairs_at_or_above"), held_out(data)
    if found is None or not held:
        return ""
    if found:
        pairs = say.count(found, "pair")
        return f"{pairs} across the split {'is' if found == 1 else 'are'} alike with the same facts: the test leaks"
    return f"none of the {say.count(held)} held out has a training example alike with the same facts"


def certificate(data: Mapping[str, Any]) -> str:
    """What an exact search of the held-out rows against the training rows found, as one sentence."""
    found = data.get("certificate")
    if not found or found.get("pairs_at_or_above") is None:
        return ""
    alike, limit = found["pairs_at_or_above"], _limit(found)
    if alike:
        pairs = "pair of a held-out request and a training example is" if alike == 1 else (
            "pairs of a held-out request and a training example are"
        )  # fmt: skip
        return f"{say.count(alike)} {pairs} alike with the same facts (similarity {limit} or more): the test leaks."
    sentence = f"No held-out request has a training example with the same facts at a similarity of {limit} or more."
    siblings = found.get("siblings_at_or_above")
    if siblings:
        pairs = "pair across the split is" if siblings == 1 else "pairs across the split are"
        differ = "its facts differ" if siblings == 1 else "their facts differ"
        return f"{sentence} {say.count(siblings)} {pairs} alike, but {differ}."
    return sentence


def certificate_values(data: Mapping[str, Any]) -> dict[str, Any]:
    """What the block about the certificate shows; its sentence is empty if nothing was searched."""
    leaks = (data.get("certificate") or {}).get("pairs_at_or_above")
    return {"sentence": certificate(data), "facts": certificate_facts(data), "leaks": leaks}


def certificate_facts(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Label and value of what was searched and found; [] without a certificate."""
    found = data.get("certificate") or {}
    if found.get("pairs_at_or_above") is None:
        return []
    train = (data.get("splits") or {}).get("train")
    left_out = ", ".join(short(str(name), 40) for name in data.get("identifiers") or [])
    nearest, tied = found.get("nearest") or [], found.get("siblings_tied_from")
    facts = [
        ("Searched", f"each of {say.count(held_out(data))} held-out requests against all {say.count(train)} training "
         "examples, none left to an estimate"),
        ("What counts as alike", f"requests that share {_limit(found)} or more of their letters' sequences; 1 is the same "
         f"text{f'. Not compared: {left_out}' if left_out else ''}"),
        ("Alike, with the same facts", _pairs(found["pairs_at_or_above"])),
        ("Alike, with other facts", _siblings(found.get("siblings_at_or_above"), tied)),
        ("The nearest that is left", f"{likeness(nearest[0].get('similarity'))} alike" if nearest else _none_near(found)),
        ("Outputs much like a training output", _outputs(found.get("outputs_alike"))),
    ]  # fmt: skip
    return [(label, value) for label, value in facts if value]


def _none_near(found: Mapping[str, Any]) -> str:
    """How low the search went without finding anything; large runs are not searched below the similarity threshold."""
    searched = found.get("searched_to")
    return f"nothing {searched:g} alike or more" if is_number(searched) else "nothing near"


def _pairs(count: int) -> str:
    return "none" if not count else f"{say.count(count, 'pair')} of rows"


def _siblings(count: int | None, tied: float | None) -> str:
    """Siblings that remain across the split, and the similarity from which they were kept together."""
    if count is None:
        return ""
    together = f"; those alike from {tied:g} on stay together as far as the data allow" if is_number(tied) else ""
    return f"{_pairs(count)}{together}"


def _outputs(count: int | None) -> str:
    return "" if count is None else f"{say.count(count)} held-out rows, for other requests; for information"


def near_rows(path: Path, data: Mapping[str, Any], *, texts: bool) -> list[Near]:
    """The nearest pairs across the split, nearest first, with the differences in their inputs marked."""
    nearest: Sequence[Mapping[str, Any]] = (data.get("certificate") or {}).get("nearest") or []
    said = read_texts(path, {pair[key] for pair in nearest for key in ("id", "train_id")}) if texts else {}
    rows = []
    for pair in nearest:
        inputs = differing(*(said.get(pair[key], ("", ""))[0] for key in ("id", "train_id")))
        rows.append(Near(short(pair["id"], ID), short(pair["train_id"], ID), likeness(pair["similarity"]), *inputs))
    return rows


def likeness(value: Any) -> str:
    """Three decimals, truncated, not rounded: a value below the threshold never reads as the threshold itself."""
    if not isinstance(value, int | float):
        return UNKNOWN
    return "1" if value >= 1 else f"{int(value * 1000) / 1000:.3f}"


def _limit(found: Mapping[str, Any]) -> str:
    threshold = found.get("threshold")
    return f"{threshold:g}" if isinstance(threshold, int | float) else "the stated one"


MOST_WORDS = 200  # words compared per text; time grows with the product
LONG = 12  # a run of at least this many equal words is shortened to its ends
ENDS = 4
WORD = 80  # characters shown of a word


def differing(left: str, right: str) -> tuple[Markup, Markup]:
    """Both texts on one line each, words that only one of them has marked, long equal stretches shortened.

    >>> differing("10 V, SOT-23", "12 V, SOT-23")[0]
    Markup('<mark>10</mark> V, SOT-23')
    """
    first, second = _words(left), _words(right)
    matcher = difflib.SequenceMatcher(None, first, second, autojunk=False)
    sides: tuple[list[Markup], list[Markup]] = ([], [])
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind == "equal":
            for side in sides:
                side.append(Markup("{}").format(_shortened(first[a:b])))
            continue
        for side, words in zip(sides, (first[a:b], second[c:d]), strict=True):
            if words:
                side.append(Markup("<mark>{}</mark>").format(" ".join(_shown(words))))
    return Markup(" ").join(sides[0]), Markup(" ").join(sides[1])


def _words(text: str) -> list[str]:
    # Do not split a text of a million characters to get two hundred words.
    words = text[: 40 * MOST_WORDS].split()
    return words[:MOST_WORDS] + (["…"] if len(words) > MOST_WORDS or len(text) > 40 * MOST_WORDS else [])


def _shortened(words: Sequence[str]) -> str:
    if len(words) < LONG:
        return " ".join(_shown(words))
    return " ".join([*_shown(words[:ENDS]), "…", *_shown(words[-ENDS:])])


def _shown(words: Sequence[str]) -> list[str]:
    return [word if len(word) <= WORD else word[: WORD - 1] + "…" for word in words]
