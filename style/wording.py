"""Checks of wording: texts that must not stand in an output, terms and their one spelling."""

from dataclasses import dataclass, field

import polars as pl

from .columns import Columns
from .errors import ConfigError
from .findings import Findings, faults, regex_places, text_places
from .kind import Kind
from .schema import Check
from .words import one_of, quoted, ready_pattern, whole_words

__all__ = ["FORBIDDEN", "VOCABULARY"]


# --- forbidden --------------------------------------------------------------------------------------------------


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
            ready_pattern(self.regex)


def _find_forbidden(check: Check, columns: Columns) -> Findings:
    p: ForbiddenParameters = check.parameters
    if p.regex is not None:
        pattern = ready_pattern(p.regex, ignore_case=check.ignore_case)
        places = regex_places(columns.output, pattern)
        return Findings(
            faults([(i, text, start, end, f"nothing that matches {p.regex}") for i, text, start, end in places])
        )
    rows = []
    applicable = pl.Series("applies", [False], dtype=pl.Boolean).new_from_index(0, len(columns.output))
    for text in p.any:
        wanted = columns.filled(text)
        applicable |= wanted.is_not_null()
        hits = _contains(columns.output, wanted, ignore_case=check.ignore_case).arg_true()
        for index in hits:
            output, forbidden = columns.output[index], wanted[index]
            for start, end in text_places(output, forbidden, ignore_case=check.ignore_case):
                rows.append((index, output[start:end], start, end, f"not {quoted(forbidden)}"))
    return Findings(faults(sorted(rows, key=lambda row: (row[0], row[2]))), applicable)


def _contains(outputs: pl.Series, wanted: pl.Series, *, ignore_case: bool) -> pl.Series:
    """Where the output holds the text of its own row."""
    frame = pl.DataFrame({"output": outputs, "wanted": wanted})
    if ignore_case:
        frame = frame.with_columns(pl.all().str.to_lowercase())
    return frame.select(pl.col("output").str.contains(pl.col("wanted"), literal=True).fill_null(False))["output"]


def _say_forbidden(check: Check) -> str:
    p: ForbiddenParameters = check.parameters
    if p.regex is not None:
        return f"Write nothing that matches the pattern `{p.regex}`."
    fields = [text[1:-1] for text in p.any if text.startswith("{") and text.endswith("}")]
    texts = [text for text in p.any if text[1:-1] not in fields]
    said = [f"the {name} itself" for name in fields] + ([one_of(texts)] if texts else [])
    return f"Do not write {' or '.join(said)}."


FORBIDDEN = Kind("forbidden", "wording", ForbiddenParameters, _find_forbidden, _say_forbidden)


# --- vocabulary -------------------------------------------------------------------------------------------------


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
                raise ConfigError(f"{quoted(term)} is its own variant")


def _find_vocabulary(check: Check, columns: Columns) -> Findings:
    p: VocabularyParameters = check.parameters
    flag = "(?i)" if check.ignore_case else ""
    rows = []
    for term in p.required:
        present = columns.output.str.contains(flag + whole_words([term]))
        rows += [(index, None, None, None, quoted(term)) for index in (~present).arg_true()]
    unwanted = {
        variant: f"{quoted(term)} in its place" for term, variants in p.preferred.items() for variant in variants
    }
    unwanted |= {term: f"not {quoted(term)}" for term in p.forbidden}
    if unwanted:
        # The preferred terms take part in the matching, so that a variant inside one ("LDO" in "LDO regulator") is none.
        pattern = flag + whole_words([*unwanted, *p.preferred])
        known = {key.lower(): text for key, text in unwanted.items()} if check.ignore_case else unwanted
        good = {term.lower() for term in p.preferred} if check.ignore_case else set(p.preferred)
        for index, found, start, end in regex_places(columns.output, pattern):
            key = found.lower() if check.ignore_case else found
            if key not in good:
                rows.append((index, found, start, end, known[key]))
    return Findings(faults(sorted(rows, key=lambda row: (row[0], row[2] or 0))))


def _say_vocabulary(check: Check) -> str:
    p: VocabularyParameters = check.parameters
    sentences = [f"Use the term {quoted(term)}." for term in p.required]
    sentences += [
        f"Write {quoted(term)}, not {one_of(_told_apart(variants))}." for term, variants in p.preferred.items()
    ]
    if p.forbidden:
        sentences.append(f"Never write {one_of(p.forbidden)}.")
    return " ".join(sentences)


def _told_apart(variants: tuple[str, ...]) -> list[str]:
    """The variants without those that differ from an earlier one in case alone: a guide need not say them all."""
    return list({variant.casefold(): variant for variant in reversed(variants)}.values())[::-1]


VOCABULARY = Kind("vocabulary", "wording", VocabularyParameters, _find_vocabulary, _say_vocabulary)
