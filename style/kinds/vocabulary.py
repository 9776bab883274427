"""The check `vocabulary`: terms that must or must not occur, and preferred spellings."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import polars as pl

from ...core import ConfigError
from ..columns import Columns, regex_places
from ..parts import without_spans
from ..protected import PROTECTED, cuts
from ..schema import Broken, Check, Edit, Explanation, Findings, Fix, Kind, Proposal, ordered_faults
from ..spelling import spelling_variants
from ..words import mostly_json, one_of, quoted, whole_words

# A guide has room for a few frequent terms whose spelling varies; a longer list is work for a person. The share of the
# outputs that contain the term, and of these the share that spell it otherwise.
_MOST_TERMS, _TERM_SHARE, _DRIFT_SHARE = 12, 0.005, 0.01
_STYLE_SHARE = 0.05
_IN_PLACE = " in its place"

Place = tuple[int, str, int, int]  # row, text found, start, end


@dataclass(frozen=True)
class VocabularyParameters:
    """Terms that must occur, must not occur, or have one preferred spelling; whole words."""

    required: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    preferred: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not (self.required or self.forbidden or self.preferred):
            raise ConfigError('needs "required", "forbidden" or "preferred"')
        terms = [*self.required, *self.forbidden, *self.preferred, *(v for vs in self.preferred.values() for v in vs)]
        if not all(term.strip() for term in terms):
            raise ConfigError("a term is empty")
        for term, variants in self.preferred.items():
            if term in variants:
                raise ConfigError(f"{quoted(term)} is listed as a variant of itself")


def _find_vocabulary(check: Check, columns: Columns) -> Findings:
    p: VocabularyParameters = check.parameters
    flag = "(?i)" if check.ignore_case else ""
    rows = []
    for term in p.required:
        present = columns.output.str.contains(flag + whole_words([term]))
        rows += [(index, None, None, None, quoted(term)) for index in (~present).arg_true()]
    unwanted = {variant: f"{quoted(term)}{_IN_PLACE}" for term, variants in p.preferred.items() for variant in variants}
    unwanted |= {term: f"not {quoted(term)}" for term in p.forbidden}
    if unwanted:
        # The preferred terms are matched too, so that a variant inside one ("LDO" in "LDO regulator") is no violation.
        pattern = flag + whole_words([*unwanted, *p.preferred])
        # Texts that match without case are equal when case-folded, but not always in lower case (ς and Σ).
        fold = str.casefold if check.ignore_case else str
        known = {fold(term): text for term, text in unwanted.items()}
        # Where case does not matter, a term is right in any case, unless another case of it is listed as a variant.
        good = {fold(term) for term in p.preferred} - known.keys()
        for index, found, start, end in _whole_terms(columns, regex_places(columns.output, pattern), pattern):
            if found not in p.preferred and (key := fold(found)) not in good:
                rows.append((index, found, start, end, known[key]))
    return Findings(ordered_faults(rows))


def _whole_terms(columns: Columns, places: Sequence[Place], pattern: str) -> Sequence[Place]:
    """The places of terms (matches of `pattern`) without those within a protected span; a term that is all of one counts."""
    rows = pl.Series([*dict.fromkeys([place[0] for place in places])], dtype=pl.UInt32)
    # Within a part number, one of these marks is next to the term.
    joined = rows.filter(columns.output.gather(rows).str.contains(rf"[_.+/-](?:{pattern})|(?:{pattern})[_.+/-]"))
    doubtful = {*columns.protected.marked(rows), *joined}
    return [place for place in places if place[0] not in doubtful or not cuts(columns.protected[place[0]], *place[2:])]


def _say_vocabulary(check: Check) -> str:
    p: VocabularyParameters = check.parameters
    sentences = [f"Use the term {quoted(term)}." for term in p.required]
    sentences += [f"Write {quoted(term)}, not {one_of(_distinct(variants))}." for term, variants in p.preferred.items()]
    if p.forbidden:
        sentences.append(f"Never write {one_of(p.forbidden)}.")
    return " ".join(sentences)


def _distinct(variants: tuple[str, ...]) -> list[str]:
    """The variants without those that differ from an earlier one only in case, which a guide need not list."""
    return list({variant.casefold(): variant for variant in reversed(variants)}.values())[::-1]


def _explain_vocabulary(check: Check, found: str | None, expected: str) -> str:
    if found is None:
        return f"the term {expected} is missing"
    return Explanation()(check, found, expected.replace(_IN_PLACE, ""))


def _propose_vocabulary(columns: Columns) -> Sequence[Proposal]:
    """A check with the preferred spelling of each term that is spelled in several ways."""
    if mostly_json(columns.output):  # its texts come from the request, as written there
        return ()
    proposals = []
    drifting = [
        term
        for term in spelling_variants(columns.output)
        if term.rows >= _TERM_SHARE * len(columns.output)
        and term.rows - term.preferred_rows >= _DRIFT_SHARE * term.rows
    ]
    for term in drifting[:_MOST_TERMS]:
        seen = {term.preferred: term.preferred_rows, **term.variants}
        counts = ", ".join(f"{quoted(spelling)} {rows:,}" for spelling, rows in seen.items())
        entry = {"preferred": {term.preferred: list(term.variants)}}
        # A term in very few outputs is not a trait that the outputs share.
        style = term.rows >= _STYLE_SHARE * len(columns.output)
        proposals.append(Proposal(entry, style=style, note=f"in {term.rows:,} outputs: {counts}"))
    return tuple(proposals)


def _fix_spelling(check: Check, broken: Broken) -> Iterator[Edit]:
    """The preferred spelling in place of each variant; where case is ignored, a capital at the beginning stays."""
    for found, start, end, expected in broken.spans:
        if expected.endswith(_IN_PLACE):
            term = expected.removesuffix(_IN_PLACE)[1:-1]
            opens = check.ignore_case and not broken.text[:start].strip() and found[:1].isupper()
            yield Edit(start, end, term[:1].upper() + term[1:] if opens else term)


def _remove_terms(check: Check, broken: Broken) -> Iterator[Edit]:
    """The text without the terms that must not occur."""
    spans = [(start, end) for _, start, end, expected in broken.spans if not expected.endswith(_IN_PLACE)]
    return without_spans(broken.text, spans)


VOCABULARY = Kind(
    "vocabulary", "wording", VocabularyParameters, _find_vocabulary, _say_vocabulary, _propose_vocabulary,
    _explain_vocabulary,
    Fix(
        _fix_spelling, _remove_terms,
        "Safe: replaces a variant with the preferred spelling. Unsafe: removes a forbidden term.",
        PROTECTED,
    ),
)  # fmt: skip
