"""Causes behind a variant's score other than its quality: outputs that are missing, cut, refused, or not its own."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from ...style import refused
from ..outputs.table import CUT, WITHHELD, Raw, finish_word
from ..results import NO_MODEL, Cause, CauseKind
from .score import Scores

MOST_IDS = 5  # ids that an entry names; outputs.jsonl has them all
SHORT = 5  # words; shorter outputs are identical by chance, as the curation's ties assume too
# Two models seldom agree to the letter where both differ from the reference: this many such long outputs, or short ones.
FEWEST_LONG, FEWEST_SHORT = 5, 20
NATURAL = 0.1  # share of references that another variant gives too, but for marks: then giving them all is no sign
HALF = 0.5
HEADROOM = 1.5  # of the longest reference, as the automatic limit takes it of the longest training output
LOOP = re.compile(r"(.{2,80}?)\1{3,}.{0,80}\Z", re.DOTALL)
LONGEST_LOOP, SHORTEST_LOOP = 800, 40


@dataclass(frozen=True)
class Given:
    """One variant as it was asked: its scored outputs, where they come from, and the texts of its prompt.

    `own` says that the outputs come from one prompt or file, not from those of other variants, `model` that a language
    model wrote them.
    """

    scores: Scores
    collected: bool
    own: bool = True
    model: bool = True
    guide: str | None = None
    examples: tuple[tuple[str, str], ...] = ()


def causes_of(raws: Mapping[str, Raw], scores: Mapping[str, Scores], pairs: pl.DataFrame) -> dict[str, list[Cause]]:
    """`find_causes` of variants by name; only the call of a model or a file has outputs of its own.

    A cascade's outputs are those of its two variants, which say it, and its tokens are sums over both.
    """
    given = {}
    for name, raw in raws.items():
        if raw.cascade is not None:
            continue
        v = raw.variant
        prompt = {"guide": v.guide, "examples": v.examples}
        given[name] = Given(
            scores[name], collected=v.source == "outputs", own=v.way == "model", model=v.way not in NO_MODEL, **prompt
        )
    return {name: [] for name in raws} | find_causes(given, pairs)


def find_causes(given: Mapping[str, Given], pairs: pl.DataFrame) -> dict[str, list[Cause]]:
    """What the outputs of each variant are instead of its answers; only what occurred.

    - failed: no answer arrived (an error). missing: the file has none. empty, refused: as the output says.
    - cut: ended by the token limit before it was as long as the longest reference. `limit` is the limit in tokens, where
      counted, `enough` one that leaves room for every reference.
    - endless: ended by the token limit although that leaves room for every reference, or in a loop.
    - same text: more than half of the outputs are one text, which is not so of the references.
    - identical: every output is that of another `variant`. references: every output is the reference of its pair.
    - shown: the test request is in the variant's own prompt.

    `ids` are the first few of the pairs.
    """
    causes = {
        name: [*_by_end(one, pairs), *(_same_text(one, pairs) if one.model else ()), *_shown(one, pairs)]
        for name, one in given.items()
    }
    exact = {name: _exact_share(one, pairs) for name, one in given.items() if one.own}
    for name in exact:
        twins = [other for other in exact if other != name and _identical(given[name], given[other], pairs)]
        n = len(given[name].scores.table)
        causes[name] += [_cause("identical", n, n, [], variant=other) for other in twins[:1]]
        others = [share for other, share in exact.items() if other not in (name, *twins)]
        copied = _are_references(given[name], pairs) and given[name].collected and max(others, default=0.0) < NATURAL
        if copied and len(exact) > 1 and _enough(int(_long_free(pairs["output"]).sum()), 0):
            causes[name].append(_cause("references", n, n, []))
    return causes


def _cause(
    cause: CauseKind, count: int, of: int, ids: Sequence[str], *, variant: str | None = None, limit: int | None = None,
    enough: int | None = None,
) -> Cause:  # fmt: skip
    named = list(dict.fromkeys(ids))[:MOST_IDS]
    return Cause(cause=cause, count=count, of=of, ids=named, variant=variant, limit=limit, enough=enough)


# --- how outputs ended --------------------------------------------------------------------------------------------


def _by_end(one: Given, pairs: pl.DataFrame) -> list[Cause]:
    """What became of the outputs that ended in another way than by an answer."""
    table, written = one.scores.table, as_written(one.scores.table)
    ends = pl.Series([finish_word(word) for word in table["finish_reason"]], dtype=pl.String)
    blank = written.fill_null("").str.strip_chars() == ""
    cut = (ends == CUT).fill_null(False)
    endless = cut & ~blank & _endless(written, pairs["output"])
    why = pl.select(
        pl.when(table["error"].is_not_null()).then(pl.lit("failed"))
        .when((ends == WITHHELD).fill_null(False) | refused(written.fill_null(""))).then(pl.lit("refused"))
        .when(endless).then(pl.lit("endless"))
        .when(cut).then(pl.lit("cut"))
        .when(written.is_null() & one.collected).then(pl.lit("missing"))
        .when(blank).then(pl.lit("empty"))
    ).to_series()  # fmt: skip
    found = []
    for cause in ("missing", "failed", "cut", "empty", "refused", "endless"):
        rows = (why == cause).fill_null(False)
        if rows.any():
            most = table["output_tokens"].filter(cut).max() if cause in ("cut", "endless") else None
            limit = most if isinstance(most, int) else None
            enough = _enough_tokens(one, written, cut, pairs["output"], limit) if cause == "cut" else None
            ids = table["id"].filter(rows).to_list()
            found.append(_cause(cause, len(ids), len(table), ids, limit=limit, enough=enough))
    return found


def as_written(table: pl.DataFrame) -> pl.Series:
    """The outputs before any repair."""
    return table.select(pl.coalesce("raw", "output"))["raw"] if "raw" in table.columns else table["output"]


def _endless(written: pl.Series, references: pl.Series) -> pl.Series:
    """Whether an output is as long as the longest reference, or ends in a loop: then more tokens would not end it.

    Lengths are in characters, as not every variant counts its tokens; reasoning is no part of the output.
    """
    longest = max((len(text) for text in references if text), default=0)
    loops = pl.Series([_loops(text or "") for text in written], dtype=pl.Boolean)
    return ((written.str.len_chars() >= longest) & (longest > 0)).fill_null(False) | loops


def _loops(text: str) -> bool:
    found = LOOP.search(text[-LONGEST_LOOP:])
    return found is not None and len(found[0]) >= SHORTEST_LOOP


def _enough_tokens(
    one: Given, written: pl.Series, cut: pl.Series, references: pl.Series, limit: int | None
) -> int | None:
    """A token limit with room for the longest reference and the reasoning; None if it is unknown, or not above `limit`.

    The tokens of a character are those of the variant's outputs that ended on their own.
    """
    table, texts = one.scores.table, [text for text in references if text]
    thoughts = table["reasoning_tokens"].fill_null(0)
    ended = pl.DataFrame({"tokens": table["output_tokens"] - thoughts, "text": written})
    ended = ended.filter(~cut & (written.str.len_chars() > 0)).drop_nulls()
    if not texts or not len(ended):
        return None
    longest = max(map(len, texts)) * float(ended["tokens"].sum()) / float(ended["text"].str.len_chars().sum())
    enough = 10 * math.ceil((HEADROOM * longest + (thoughts.max() or 0)) / 10)  # type: ignore[operator]
    return enough if limit is None or enough > limit else None


# --- outputs that are not a model's own ---------------------------------------------------------------------------


def _same_text(one: Given, pairs: pl.DataFrame) -> list[Cause]:
    texts = [text.strip() for text in as_written(one.scores.table).drop_nulls()]
    written = [text.strip() for text in pairs["output"].drop_nulls()]
    if len(texts) < FEWEST_LONG:
        return []
    (_, count), usual = Counter(texts).most_common(1)[0], Counter(written).most_common(1)
    if count <= HALF * len(texts) or (usual and usual[0][1] > HALF * count * len(written) / len(texts)):
        return []
    return [_cause("same text", count, len(texts), [])]


def _identical(one: Given, other: Given, pairs: pl.DataFrame) -> bool:
    """Whether two variants have the same outputs throughout, more of them wrong to the letter than chance allows.

    What a rule about the reference calls right is not wrong: two good models may both write `Yes` for `yes`.
    """
    first, second = (_first_samples(given) for given in (one, other))
    if not len(first) or not first.equals(second, null_equal=True):
        return False
    right = one.scores.table["correct"].gather_every(one.scores.samples).fill_null(False)
    differs = (first != pairs["output"].str.strip_chars()).fill_null(first.is_not_null()) & ~right
    long = first.str.split(" ").list.len() > SHORT
    return _enough(int((differs & long).sum()), int(differs.sum()))


def _enough(long: int, short: int) -> bool:
    return long >= FEWEST_LONG or short >= FEWEST_SHORT


def _exact_share(one: Given, pairs: pl.DataFrame) -> float:
    """How many of the outputs are their pair's reference, whatever their case and their marks."""
    both = pl.DataFrame({"ours": _first_samples(one), "theirs": pairs["output"]})
    plain = pl.all().str.to_lowercase().str.extract_all(r"\w+").list.join(" ")
    same = both.select(plain).select(same=pl.col("ours") == pl.col("theirs"))["same"].drop_nulls()
    return float(same.mean() or 0.0) if len(same) else 0.0  # type: ignore[arg-type]


def _are_references(one: Given, pairs: pl.DataFrame) -> bool:
    return len(pairs) > 0 and _first_samples(one).equals(pairs["output"].str.strip_chars())


def _first_samples(one: Given) -> pl.Series:
    return as_written(one.scores.table).gather_every(one.scores.samples).str.strip_chars()


def _long_free(texts: pl.Series) -> pl.Series:
    """Texts that two writers do not put the same way: of several words, and no JSON, whose form is given."""
    text = texts.fill_null("").str.strip_chars()
    return (text.str.split(" ").list.len() > SHORT) & ~text.str.contains(r"^[\[{]")


def _shown(one: Given, pairs: pl.DataFrame) -> list[Cause]:
    """The test requests that the variant's own prompt shows: as an example, or word for word in its guide."""
    inputs, guide = {_folded(text) for text, _ in one.examples}, _folded(one.guide or "")
    folded = [_folded(text or "") for text in pairs["input"]]
    rows = [text in inputs or (len(text.split()) > SHORT and text in guide) for text in folded]
    ids = pairs["id"].filter(pl.Series(rows, dtype=pl.Boolean)).to_list()
    return [_cause("shown", len(ids), len(pairs), ids)] if ids else []


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
