"""The certificate that held-out rows are new to the model: the search, its result, the nearest pairs."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from ....core import UNKNOWN, Row
from ....core import unbroken as say
from ....curate import answers_in_train, meaning_sentence
from ...stored import read_texts
from ...words import is_number, short
from .dropped import ID

__all__ = [
    "Near",
    "certificate",
    "certificate_facts",
    "certificate_values",
    "differing",
    "held_out",
    "leak_clause",
    "near_rows",
    "near_values",
    "similarity_text",
]


@dataclass(frozen=True)
class Near:
    """A held-out row and its nearest training row; the texts are empty if omitted."""

    id: str
    train_id: str
    similarity: str
    input: Markup
    train_input: Markup


def held_out(data: Mapping[str, Any]) -> int:
    """The number of rows that are not trained on."""
    splits = data.get("splits") or {}
    return sum(splits.get(name) or 0 for name in ("validation", "test"))


def leak_clause(data: Mapping[str, Any]) -> str:
    """The result of the search as a clause; empty if nothing was searched or held out."""
    found, held = (data.get("certificate") or {}).get("pairs_at_or_above"), held_out(data)
    if found is None or not held:
        return ""
    if found:
        pairs = say.count(found, "pair")
        return f"{pairs} across the split {'is' if found == 1 else 'are'} similar with the same facts: the test leaks"
    clause = f"none of the {say.count(held)} held-out rows has a similar training example with the same facts"
    return f"{clause}, but {answers}" if (answers := answers_in_train(data)) else clause


def certificate(data: Mapping[str, Any]) -> str:
    """The result of the exact search of held-out rows against training rows, in one or two sentences."""
    found = data.get("certificate")
    if not found or found.get("pairs_at_or_above") is None:
        return ""
    leaks, limit = found["pairs_at_or_above"], _limit(found)
    if leaks:
        pairs = "pair of a held-out request and a training example is" if leaks == 1 else (
            "pairs of a held-out request and a training example are"
        )  # fmt: skip
        return f"{say.count(leaks)} {pairs} similar with the same facts (similarity {limit} or more): the test leaks."
    sentence = f"No held-out request has a training example with the same facts at a similarity of {limit} or more"
    answers = answers_in_train(data)
    sentence += f", but {answers}." if answers else "."
    siblings = found.get("siblings_at_or_above")
    if siblings:
        pairs = "pair across the split is" if siblings == 1 else "pairs across the split are"
        return f"{sentence} {say.count(siblings)} {pairs} similar but with different facts."
    return sentence


def certificate_values(data: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the certificate block; its sentence is empty if nothing was searched."""
    leaks = (data.get("certificate") or {}).get("pairs_at_or_above")
    return {"sentence": certificate(data), "facts": certificate_facts(data), "leaks": leaks}


def near_values(path: Path, data: Mapping[str, Any], *, texts: bool) -> dict[str, Any]:
    """The nearest pairs across the split by characters, and those by meaning with what was found of them."""
    meaning = data.get("meaning") or {}
    return {
        "letters": near_rows(path, (data.get("certificate") or {}).get("nearest") or [], texts=texts),
        "meaning": near_rows(path, meaning.get("rows") or [], texts=texts),
        "sentence": meaning_sentence(meaning) if meaning else "",
    }


def certificate_facts(data: Mapping[str, Any]) -> list[Row]:
    """What was searched and found; [] without a certificate."""
    found = data.get("certificate") or {}
    if found.get("pairs_at_or_above") is None:
        return []
    train = (data.get("splits") or {}).get("train")
    ignored = ", ".join(short(str(name), 40) for name in data.get("identifiers") or [])
    nearest, tied = found.get("nearest") or [], found.get("siblings_tied_from")
    facts = [
        Row("searched", "Search", f"each of {say.count(held_out(data))} held-out requests against all {say.count(train)} "
            "training examples, exactly"),
        Row("threshold", "Similar means", f"similarity of {_limit(found)} or more by character sequences; identical texts "
            f"have 1{f'. Not compared: {ignored}' if ignored else ''}"),
        Row("pairs_at_or_above", "Similar, same facts", _pairs(found["pairs_at_or_above"])),
        Row("siblings_at_or_above", "Similar, different facts", _siblings(found.get("siblings_at_or_above"), tied)),
        Row("nearest", "Nearest pair", f"similarity {similarity_text(nearest[0].get('similarity'))}" if nearest else (
            _none_near(found))),
        Row("answers", "Held-out outputs in train", _answers(found)),
        Row("outputs_tied", "Outputs kept on one side", _tied_outputs(found)),
    ]  # fmt: skip
    return [row for row in facts if row.value]


def _none_near(found: Mapping[str, Any]) -> str:
    """How far the search went without finding a pair; large runs are not searched below the similarity threshold."""
    searched = found.get("searched_to")
    return f"none at {searched:g} or more" if is_number(searched) else "none is similar"


def _pairs(count: int) -> str:
    return "none" if not count else f"{say.count(count, 'pair')} of rows"


def _siblings(count: int | None, tied: float | None) -> str:
    """Siblings across the split, and the similarity from which siblings were kept on one side."""
    if count is None:
        return ""
    together = f"; from {tied:g} they are kept on one side where the data allow it" if is_number(tied) else ""
    return f"{_pairs(count)}{together}"


def _answers(found: Mapping[str, Any]) -> str:
    """Outputs of more than five words that are in train; empty in a run of an earlier version."""
    verbatim, similar = found.get("answers_verbatim"), found.get("answers_similar")
    if verbatim is None or similar is None:
        return ""
    if not verbatim and not similar:
        return "none of more than five words"
    return f"{say.count(verbatim)} word for word, {say.count(similar)} similar with the same facts"


def _tied_outputs(found: Mapping[str, Any]) -> str:
    tied, untied = found.get("outputs_tied"), found.get("outputs_untied") or {}
    if tied is None:
        return ""
    if not untied.get("outputs"):
        return str(tied)
    outputs = say.count(untied["outputs"], "output")
    return (
        f"{tied}, except {outputs} in {say.count(untied['rows'])} rows, which would join more than a fifth of the rows"
    )


def near_rows(path: Path, nearest: Sequence[Mapping[str, Any]], *, texts: bool) -> list[Near]:
    """Pairs across the split (`id, train_id, similarity`), with the differences in their inputs marked."""
    pairs = read_texts(path, {pair[key] for pair in nearest for key in ("id", "train_id")}) if texts and nearest else {}
    rows = []
    for pair in nearest:
        inputs = differing(*(pairs.get(pair[key], ("", ""))[0] for key in ("id", "train_id")))
        rows.append(
            Near(short(pair["id"], ID), short(pair["train_id"], ID), similarity_text(pair["similarity"]), *inputs)
        )
    return rows


def similarity_text(value: Any) -> str:
    """Three decimals, truncated so that a value below the threshold never reads as the threshold."""
    if not isinstance(value, int | float):
        return UNKNOWN
    return "1" if value >= 1 else f"{int(value * 1000) / 1000:.3f}"


def _limit(found: Mapping[str, Any]) -> str:
    threshold = found.get("threshold")
    return f"{threshold:g}" if isinstance(threshold, int | float) else "the stated threshold"


MOST_WORDS = 200  # words compared per text; the time grows with the product
LONG = 12  # a stretch of at least this many equal words is shortened to its ends
ENDS = 4
WORD = 80  # characters shown of a word


def differing(left: str, right: str) -> tuple[Markup, Markup]:
    """Both texts on one line each, with words that only one has marked and long equal stretches shortened.

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
