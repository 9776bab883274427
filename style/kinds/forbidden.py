"""The check `forbidden`: texts that must not occur in an output."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from ...core import ConfigError
from ..columns import Columns, contained, regex_places, text_fields, text_places
from ..parts import without_spans
from ..protected import PROTECTED
from ..schema import Broken, Check, Edit, Explanation, Findings, Fix, Kind, Proposal, faults, ordered_faults
from ..words import checked_pattern, explain_slots, one_of, quoted

# A field that names items has a different value in nearly every row, and outputs that omit it hardly ever contain it.
_DISTINCT_SHARE, _CONTAINED_SHARE, _FEWEST_ROWS = 0.9, 0.2, 20


@dataclass(frozen=True)
class ForbiddenParameters:
    """Texts (`{field}` stands for the value of an input field) or a pattern that must not occur."""

    any: tuple[str, ...] = ()
    regex: str | None = None

    def __post_init__(self) -> None:
        if bool(self.any) == (self.regex is not None):
            raise ConfigError('needs either "any" or "regex"')
        if not all(self.any):
            raise ConfigError('a text in "any" is empty')
        if self.regex is not None:
            checked_pattern(self.regex)


def _find_forbidden(check: Check, columns: Columns) -> Findings:
    p: ForbiddenParameters = check.parameters
    if p.regex is not None:
        pattern = checked_pattern(p.regex, ignore_case=check.ignore_case)
        places = regex_places(columns.output, pattern)
        return Findings(
            faults([(i, text, start, end, f"nothing that matches {p.regex}") for i, text, start, end in places])
        )
    rows = []
    applicable = pl.repeat(False, len(columns.output), dtype=pl.Boolean, eager=True)
    for text in p.any:
        wanted = columns.filled(text)
        applicable |= wanted.is_not_null()
        hits = _contains(columns.output, wanted, ignore_case=check.ignore_case).arg_true()
        found = zip(hits, columns.output.gather(hits), wanted.gather(hits), strict=True)
        for index, output, forbidden in found:
            for start, end in text_places(output, forbidden, ignore_case=check.ignore_case):
                rows.append((index, output[start:end], start, end, f"not {quoted(forbidden)}"))
    return Findings(ordered_faults(rows), applicable)


def _contains(outputs: pl.Series, wanted: pl.Series, *, ignore_case: bool) -> pl.Series:
    """Where the output contains the text of its row, or with `ignore_case` may contain it; `text_places` decides."""
    if not ignore_case:
        return contained(outputs, wanted).fill_null(False)
    # Lower-casing decides for ASCII alone: İ becomes two characters, ς is not σ. Other texts remain candidates.
    maybe = contained(outputs.str.to_lowercase(), wanted.str.to_lowercase())
    plain = outputs.str.contains(r"^[\x00-\x7F]*$") & wanted.str.contains(r"^[\x00-\x7F]*$")
    return (maybe | ~plain).fill_null(False)


def _say_forbidden(check: Check) -> str:
    p: ForbiddenParameters = check.parameters
    if p.regex is not None:
        return f"Do not write anything that matches the pattern `{p.regex}`."
    fields = [text[1:-1] for text in p.any if text.startswith("{") and text.endswith("}")]
    texts = [text for text in p.any if text[1:-1] not in fields]
    alternatives = [f"the {name} itself" for name in fields] + ([one_of(texts)] if texts else [])
    return f"Do not write {' or '.join(alternatives)}.{explain_slots(texts)}"


def _explain_forbidden(check: Check, found: str | None, expected: str) -> str:
    return f'"{found}" must not stand here' if check.parameters.any else Explanation()(check, found, expected)


def _propose_forbidden(columns: Columns) -> Sequence[Proposal]:
    """Names of single items (a type number, a code) that outputs omit although each could contain its own."""
    proposals = []
    for name in text_fields(columns):
        values = columns.field(name)
        given = values.drop_nulls()
        if len(given) < _FEWEST_ROWS or not _names_items(given):
            continue
        entry = {"any": [f"{{{name}}}"], "ignore_case": True}
        maybe = _contains(columns.output, values, ignore_case=True).arg_true()
        texts = zip(columns.output.gather(maybe), values.gather(maybe), strict=True)
        contained = sum(bool(text_places(output, value, ignore_case=True)) for output, value in texts)
        if contained <= _CONTAINED_SHARE * len(given):
            note = f"the {name} differs from row to row and occurs in {contained:,} of {len(given):,} outputs"
            proposals.append(Proposal(entry, note=note))
    return tuple(proposals)


def _names_items(values: pl.Series) -> bool:
    """Whether values name single items: nearly all differ, and each is a short word with a letter in it."""
    short = values.str.contains(r"^\S{3,40}$") & values.str.contains(r"\p{L}")
    return values.n_unique() >= _DISTINCT_SHARE * len(values) and short.sum() >= 0.9 * len(values)


# Marks that decorate a text and say nothing: trade marks, emphasis, bullets, stars.
_DECORATION = re.compile(r"[\u00ae\u2122\u00a9*_#`~•●★☆✓✔➤►▪◆‼❗\u200b\u00ad\ufeff]+")


def _fix_forbidden(check: Check, broken: Broken) -> Iterator[Edit]:
    """White space becomes one space, or one line feed; marks that only decorate go."""
    for found, start, end, _ in broken.spans:
        if found.isspace():
            yield Edit(start, end, "\n" if "\n" in found and len(found) > 1 else " ")
        elif _DECORATION.fullmatch(found):
            yield Edit(start, end, "")


def _remove_forbidden(check: Check, broken: Broken) -> Iterator[Edit]:
    return without_spans(broken.text, [(start, end) for _, start, end, _ in broken.spans])


FORBIDDEN = Kind(
    "forbidden", "wording", ForbiddenParameters, _find_forbidden, _say_forbidden, _propose_forbidden,
    _explain_forbidden,
    Fix(
        _fix_forbidden, _remove_forbidden,
        "Safe: replaces unusual white space, removes decoration (®, *). Unsafe: removes any other text.",
        PROTECTED,
    ),
)  # fmt: skip
