"""The certificate that held-out rows are new to the model: the search, its result, the nearest pairs."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from ....core import Row, as_json
from ....core import unbroken as say
from ....curate import Certificate, Curation, NearestPair, ParaphrasePair, answers_in_train, meaning_sentence
from ...stored import read_texts
from ...words import short
from .dropped import ID


@dataclass(frozen=True)
class Near:
    """A held-out row and its nearest training row; the texts are empty if omitted."""

    id: str
    train_id: str
    similarity: str
    input: Markup
    train_input: Markup


def held_out(data: Curation) -> int:
    """The number of rows that are not trained on."""
    return data.splits.validation + data.splits.test if data.splits else 0


def leak_clause(data: Curation) -> str:
    """The result of the search as a clause; empty if nothing was searched or held out."""
    held = held_out(data)
    if data.certificate is None or not held:
        return ""
    if found := data.certificate.pairs_at_or_above:
        pairs = say.count(found, "pair")
        return f"{pairs} across the split {'is' if found == 1 else 'are'} similar with the same facts: the test leaks"
    clause = f"none of the {say.count(held)} held-out rows has a similar training example with the same facts"
    return f"{clause}, but {answers}" if (answers := answers_in_train(as_json(data))) else clause


def certificate(data: Curation) -> str:
    """The result of the exact search of held-out rows against training rows, in one or two sentences."""
    found = data.certificate
    if found is None:
        return ""
    leaks, limit = found.pairs_at_or_above, f"{found.threshold:g}"
    if leaks:
        pairs = "pair of a held-out request and a training example is" if leaks == 1 else (
            "pairs of a held-out request and a training example are"
        )  # fmt: skip
        return f"{say.count(leaks)} {pairs} similar with the same facts (similarity {limit} or more): the test leaks."
    sentence = f"No held-out request has a training example with the same facts at a similarity of {limit} or more"
    answers = answers_in_train(as_json(data))
    sentence += f", but {answers}." if answers else "."
    if siblings := found.siblings_at_or_above:
        pairs = "pair across the split is" if siblings == 1 else "pairs across the split are"
        return f"{sentence} {say.count(siblings)} {pairs} similar but with different facts."
    return sentence


def certificate_values(data: Curation) -> dict[str, Any]:
    """The values of the certificate block; its sentence is empty if nothing was searched."""
    leaks = data.certificate.pairs_at_or_above if data.certificate else None
    return {"sentence": certificate(data), "facts": certificate_facts(data), "leaks": leaks}


def near_values(path: Path, data: Curation | None, *, texts: bool) -> dict[str, Any]:
    """The nearest pairs across the split by characters, and those by meaning with what was found of them."""
    nearest = data.certificate.nearest if data and data.certificate else ()
    meaning = data.meaning if data else None
    return {
        "letters": near_rows(path, nearest, texts=texts),
        "meaning": near_rows(path, (meaning.rows if meaning else None) or (), texts=texts),
        "sentence": meaning_sentence(meaning) if meaning else "",
    }


def certificate_facts(data: Curation) -> list[Row]:
    """What was searched and found; [] without a certificate."""
    found = data.certificate
    if found is None:
        return []
    ignored = ", ".join(short(name, 40) for name in data.identifiers)
    tied, siblings = found.siblings_tied_from, _pairs(found.siblings_at_or_above)
    if tied is not None:
        siblings += f"; from {tied:g} they are kept on one side where the data allow it"
    # Large runs are not searched below the similarity threshold.
    nearest = "none is similar" if found.searched_to is None else f"none at {found.searched_to:g} or more"
    if found.nearest:
        nearest = f"similarity {similarity_text(found.nearest[0].similarity)}"
    facts = [
        Row("searched", "Search", f"each of {say.count(held_out(data))} held-out requests against all "
            f"{say.count(data.splits.train if data.splits else None)} training examples, exactly"),
        Row("threshold", "Similar means", f"similarity of {found.threshold:g} or more by character sequences; identical "
            f"texts have 1{f'. Not compared: {ignored}' if ignored else ''}"),
        Row("pairs_at_or_above", "Similar, same facts", _pairs(found.pairs_at_or_above)),
        Row("siblings_at_or_above", "Similar, different facts", siblings),
        Row("nearest", "Nearest pair", nearest),
        Row("answers", "Held-out outputs in train", _answers(found)),
        Row("outputs_tied", "Outputs kept on one side", _tied_outputs(found)),
    ]  # fmt: skip
    return [row for row in facts if row.value]


def _pairs(count: int) -> str:
    return "none" if not count else f"{say.count(count, 'pair')} of rows"


def _answers(found: Certificate) -> str:
    """Outputs of more than five words that are in train; empty in a run of an earlier version."""
    verbatim, similar = found.answers_verbatim, found.answers_similar
    if verbatim is None or similar is None:
        return ""
    if not verbatim and not similar:
        answers = "none of more than five words"
    else:
        answers = f"{say.count(verbatim)} word for word, {say.count(similar)} similar with the same facts"
    labels = found.labels_in_train
    return f"{answers}; {say.count(labels)} of at most five words, as is expected of labels" if labels else answers


def _tied_outputs(found: Certificate) -> str:
    untied = found.outputs_untied
    if found.outputs_tied is None or untied is None or not untied.outputs:
        return found.outputs_tied or ""
    outputs = say.count(untied.outputs, "output")
    return (
        f"{found.outputs_tied}, except {outputs} in {say.count(untied.rows)} rows, which would join more than a fifth of "
        "the rows"
    )


def near_rows(path: Path, nearest: Sequence[NearestPair | ParaphrasePair], *, texts: bool) -> list[Near]:
    """Pairs across the split, with the differences in their inputs marked."""
    known = [(str(pair.id), str(pair.train_id), pair.similarity) for pair in nearest]
    pairs = read_texts(path, {id_ for *ids, _ in known for id_ in ids}) if texts and known else {}
    rows = []
    for id_, train_id, similarity in known:
        inputs = differing(*(pairs.get(name, ("", ""))[0] for name in (id_, train_id)))
        rows.append(Near(short(id_, ID), short(train_id, ID), similarity_text(similarity or 0.0), *inputs))
    return rows


def similarity_text(value: float) -> str:
    """Three decimals, truncated so that a value below the threshold never reads as the threshold."""
    return "1" if value >= 1 else f"{int(value * 1000) / 1000:.3f}"


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
