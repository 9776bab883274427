"""Masks and checks the pairs of one part; what later steps need is a row of numbers and hashes for each pair."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from ..core import Clock
from ..style import StyleSchema, all_fields, field_text, sample_keys
from .check import Findings, examine, find_places, is_label, mask_groups, mask_part, personal_note
from .decisions import Override
from .each import InMemory, Kept
from .read import compared_inputs, compared_outputs, content_hash, moved_rows, pair_contents, without_guide
from .row_records import PersonalData
from .settings import CurateSettings

CountTokens = Callable[[Sequence[str]], Sequence[int]]


@dataclass(frozen=True)
class CurateRequest:
    """What to do with the pairs: the arguments of `curate`. count_tokens makes the token counter, if one is needed."""

    style: StyleSchema | None
    settings: CurateSettings
    identifiers: Collection[str] = ()
    date: str | None = None
    overrides: Sequence[Override] = ()
    count_tokens: Callable[[], CountTokens | None] | None = None

    def token_counter(self) -> CountTokens | None:
        """The token counter, if one is needed."""
        return None if self.count_tokens is None else self.count_tokens()

    @property
    def columns(self) -> dict[str, str]:
        """The columns or fields that the split uses."""
        named = {"stratum": self.settings.stratify, "date": self.date}
        return {name: column for name, column in named.items() if column is not None}


@dataclass(frozen=True)
class Changes:
    """What changes in the pairs of a part before they are checked.

    offset: added to the row numbers. guide: the system message to remove. ids: new ids, by position. groups: the mask of
    each group that has one. drop: positions dropped by decision. texts: the outputs that people gave, by row number.
    """

    offset: int = 0
    guide: str | None = None
    ids: Mapping[int, str] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)
    drop: Sequence[int] = ()
    texts: Mapping[int, str] = field(default_factory=dict)

    def number(self, pairs: pl.DataFrame) -> pl.DataFrame:
        """The pairs with their final row numbers and ids, without the guide."""
        pairs = moved_rows(without_guide(pairs, self.guide), self.offset)
        new = self.ids
        return pairs.with_columns(pairs["id"].clone().scatter(list(new), list(new.values()))) if new else pairs

    def decide(self, pairs: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The remaining pairs with the outputs that people gave, and the pairs dropped by decision.

        `written` is the output as it was read where a person gave another one, else null.
        """
        pairs = mask_groups(pairs, self.groups)
        drop = pl.int_range(len(pairs), eager=True).is_in(pl.Series(self.drop, dtype=pl.Int64).implode())
        pairs, dropped = (pairs.filter(~drop), pairs.filter(drop)) if self.drop else (pairs, pairs.clear())
        given = pl.lit(None, pl.String)
        if self.texts:
            given = pl.col("row").replace_strict(self.texts, default=None, return_dtype=pl.String)
        edited = given.is_not_null()
        pairs = pairs.with_columns(
            output=pl.coalesce(given, "output"), written=pl.when(edited).then("output").otherwise(None)
        )
        return pairs, dropped


@dataclass(frozen=True)
class MaskedPart:
    """A part with personal data masked, but for the groups, which are masked once all are known; and what was found."""

    pairs: Kept
    personal: PersonalData


@dataclass(frozen=True)
class PairTexts:
    """The pairs of a part: those that remain, those dropped by decision, and `index, output` of the repaired ones."""

    pairs: Kept
    dropped: Kept
    repairs: Kept


@dataclass(frozen=True)
class CheckedPart:
    """What the steps after this one need to know of a part.

    numbers: a row per pair. inputs, outputs: `key, text, bucket` of each text, once, outputs also as repaired. personal:
    what `personal_note` says, if it was looked for. edited: row number, output before and after an edit. found: whether
    a pair has a value of each column that the split uses. fields: the identifiers that are fields of some pair.
    """

    texts: PairTexts
    numbers: pl.DataFrame
    inputs: Kept
    outputs: Kept
    findings: Findings
    personal: PersonalData | None
    edited: list[tuple[int, str, str]]
    found: dict[str, bool]
    fields: list[str]
    seconds: dict[str, float]


def mask_texts(pairs: pl.DataFrame, *, changes: Changes) -> MaskedPart:
    """Mask the personal data of a part."""
    pairs = changes.number(pairs)
    places = find_places(pairs)
    return MaskedPart(InMemory(mask_part(pairs, places)), personal_note(places, masked=True))


def content_forms(pairs: pl.DataFrame, *, identifiers: Collection[str]) -> pl.DataFrame:
    """The hashes by which decisions may name each pair, a column per form: with these identifiers, and without any."""
    forms = {"content": pair_contents(pairs, identifiers)}
    forms |= {"plain": pair_contents(pairs, ())} if identifiers else {}
    return pl.DataFrame(forms, schema=dict.fromkeys(forms, pl.String))


def check_part(pairs: pl.DataFrame, *, changes: Changes, request: CurateRequest, buckets: int) -> CheckedPart:
    """Check the pairs of a part, and number what later steps compare; texts are put into this many `buckets`."""
    clock, settings = Clock({}), request.settings
    pairs = changes.number(pairs)
    personal = None if settings.mask else personal_note(find_places(pairs), masked=False)
    clock.lap("personal data")
    pairs, dropped = changes.decide(pairs)
    findings = examine(pairs, request.style, request.token_counter(), fix=settings.fix)
    clock.lap("check")
    compared = compared_outputs(pairs)
    inputs, outputs = _keyed(compared_inputs(pairs, request.identifiers), buckets), _keyed(compared, buckets)
    repaired = _keyed(compared_outputs(findings.repairs), buckets)
    taken = {name: find_values(pairs, column) for name, column in request.columns.items()}
    none = pl.repeat(None, len(pairs), dtype=pl.String, eager=True)
    numbers = pairs.select("row", "id", "group", "split").with_columns(
        pl.Series("content", pair_contents(pairs, request.identifiers), dtype=pl.String),
        inputs["key"].alias("input"),
        outputs["key"].alias("output"),
        none.scatter(findings.repairs["index"], repaired["key"]).alias("repaired"),
        pairs["output"].str.len_chars().alias("length"),
        _sample_keys(pairs, request.style).alias("sample"),
        pl.Series("long", [not is_label(text) for text in compared], dtype=pl.Boolean),
        *(pl.Series(f"value {name}", values, dtype=pl.String) for name, (values, _) in taken.items()),
    )
    edited = pairs.filter(pl.col("written").is_not_null()).select("row", "written", "output").rows()
    fields = names_found(pairs, request.identifiers)
    inputs, outputs = _once(inputs), _once(pl.concat([outputs, repaired]))
    clock.lap("normalise")
    return CheckedPart(
        PairTexts(InMemory(pairs), InMemory(dropped), InMemory(findings.repairs.select("index", "output"))),
        numbers,
        InMemory(inputs),
        InMemory(outputs),
        replace(findings, repairs=findings.repairs.drop("output")),
        personal,
        edited,
        {name: found for name, (_, found) in taken.items()},
        fields,
        clock.seconds,
    )


def _sample_keys(pairs: pl.DataFrame, style: StyleSchema | None) -> pl.Series:
    """The keys by which pairs are drawn to measure a style; null without one."""
    if style is None:
        return pl.repeat(None, len(pairs), dtype=pl.String, eager=True)
    return sample_keys(pairs["output"], pairs["input"])


def _keyed(texts: Sequence[str], buckets: int) -> pl.DataFrame:
    """Each text with its hash, which identifies it in all parts, and the bucket of that hash."""
    keys = [content_hash(text) for text in texts]
    table = pl.DataFrame({"key": keys, "text": texts}, schema={"key": pl.String, "text": pl.String})
    bucket = pl.col("key").str.slice(0, 8).str.to_integer(base=16, dtype=pl.UInt32) % buckets
    return table.with_columns(bucket=bucket)


def _once(texts: pl.DataFrame) -> pl.DataFrame:
    return texts.unique("key", keep="first", maintain_order=True)


COLUMNS = ("group", "system")  # of the pairs, which may be named like a field


def find_values(pairs: pl.DataFrame, name: str) -> tuple[list[str | None], bool]:
    """The value of the input field or column `name` in each pair as text, None if it is absent or empty; and whether
    any pair has such a field or column.

    If both a field and a column have the name, the field is used.
    """
    if name in COLUMNS:
        return pairs[name].to_list(), True
    quoted = json.dumps(name, ensure_ascii=False)
    # Parsing dominates the time, so objects that cannot contain the name are skipped.
    texts = [
        pairs.select(pl.when(pl.col(column).str.contains(quoted, literal=True)).then(column)).to_series().to_list()
        for column in ("fields", "meta")
    ]
    found, values = False, []
    for row in zip(*texts, strict=True):
        value = None
        for text in row:
            values_of = json.loads(text) if text else {}
            if name in values_of:
                found, value = True, field_text(values_of[name]) or None
                break
        values.append(value)
    return values, found


def names_found(pairs: pl.DataFrame, wanted: Collection[str]) -> list[str]:
    """The names among these that are fields of some input, sorted."""
    missing = set(wanted)
    for fields in all_fields(pairs["fields"], pairs["input"]) if missing else ():
        missing -= fields.keys()
        if not missing:
            break
    return sorted(set(wanted) - missing)
