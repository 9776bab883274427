"""Outputs from elsewhere: a file with `id`, `output` and optional facts about each output."""

import json
import math
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from ...core import DataError, Limits, nearest, need_regular, say
from ...curate import SUFFIXES, Batch, DataSettings, file_kind, read_records, table_batches
from ...style import field_text
from ..endpoints.counts import possible_counts
from ..endpoints.responses import Tokens, read_usage
from ..settings import MOST_SAMPLES
from .table import KNOWN, OUTPUT_SCHEMA, finish_word

MOST_NAMED = 5  # lines, ids or words listed in a message
_LONGEST = 60  # characters of a value that a message shows


class Problems:
    """The problems of one file, collected by kind while it is read."""

    def __init__(self, path: Path | str) -> None:
        self.path = path
        self._named: dict[str, list[str]] = {}
        self._count: dict[str, int] = {}

    def add(self, what: str, line: int, shown: str) -> None:
        """Add one line with this problem and the value there."""
        self.add_text(what, f"line {line} ({_short(shown)})")

    def add_text(self, what: str, text: str) -> None:
        """Add one line with this problem, described by `text`."""
        self._count[what] = self._count.get(what, 0) + 1
        named = self._named.setdefault(what, [])
        if len(named) < MOST_NAMED:
            named.append(text)

    def add_whole(self, what: str) -> None:
        """Add a problem of the whole file."""
        self._count[what] = 0
        self._named[what] = []

    def raise_any(self) -> None:
        """Raises: DataError with all problems, if there are any."""
        if self._count:
            raise DataError.of([self._sentence(what) for what in self._count], where=str(self.path))

    def _sentence(self, what: str) -> str:
        count, named = self._count[what], self._named[what]
        if not count:
            return what
        more = f" and {count - len(named):,} more" if count > len(named) else ""
        return f"{say.count(count, 'line')}: {what}: {', '.join(named)}{more}"


def some(names: Sequence[str]) -> str:
    """The first five names and the number of the others."""
    named = ", ".join(_short(name) for name in names[:MOST_NAMED])
    return named + (f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else "")


def _short(text: str) -> str:
    clean = "".join(c if c.isprintable() else "\ufffd" for c in text)  # a value must not control a terminal
    return clean if len(clean) <= _LONGEST else f"{clean[:_LONGEST]}…"


UNREADABLE = object()  # marks a value that cannot be read
MOST = 2**53  # larger whole numbers are not exact as floats


def as_text(value: Any) -> str | None:
    """Text unchanged; numbers, objects and lists as JSON, as a model would generate them."""
    if value is None or isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (RecursionError, ValueError):
        return str(value)


def as_count(value: Any) -> Any:
    """A whole number of 0 or more: `12`, `12.0`, `"12"`; None for nothing and NaN, UNREADABLE for anything else."""
    number = _number(value)
    if number is None or number is UNREADABLE:
        return number
    return int(number) if 0 <= number <= MOST and number == int(number) else UNREADABLE


def as_seconds(value: Any) -> Any:
    """A number of 0 or more; None for nothing and NaN, UNREADABLE for anything else."""
    number = _number(value)
    return number if number is None or number is UNREADABLE or number >= 0 else UNREADABLE


def _number(value: Any) -> Any:
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        number = value
    elif isinstance(value, str):
        try:
            number = float(value) if value.strip() else None
        except ValueError:
            return UNREADABLE
    else:
        return UNREADABLE
    if number is None or number != number:
        return None
    return number if math.isfinite(number) else UNREADABLE


def as_error(value: Any) -> str | None:
    """The error of an output; None for nothing, an empty text, false and NaN."""
    if not value or value != value:
        return None
    return as_text(value)


def tokens_within(usage: Any, *, wrote: bool) -> Tokens | None:
    """The counts of a provider's `usage` object (or its JSON text); None if it is not one."""
    if isinstance(usage, str):
        try:
            usage = json.loads(usage)
        except ValueError:
            return None
    if not isinstance(usage, Mapping):
        return None
    return read_usage(dict(usage) if "prompt_tokens" in usage else _as_chat(usage), wrote=wrote)


def _as_chat(usage: Mapping[str, Any]) -> dict[str, Any]:
    """The other format (`input_tokens`, `output_tokens`) converted to the format of the chat API.

    Anthropic counts tokens read from or written to the cache in addition to `input_tokens`, OpenAI within them.
    """
    cached = [as_count(usage.get(key)) for key in ("cache_read_input_tokens", "cache_creation_input_tokens")]
    prompt = as_count(usage.get("input_tokens"))
    if isinstance(prompt, int):
        prompt += sum(count for count in cached if isinstance(count, int))
    within = usage.get("input_tokens_details") or usage.get("prompt_tokens_details")
    return {
        "prompt_tokens": usage.get("input_tokens") if prompt is UNREADABLE else prompt,
        "completion_tokens": usage.get("output_tokens", usage.get("completion_tokens")),
        "prompt_tokens_details": within
        if within is not None
        else {"cached_tokens": usage.get("cache_read_input_tokens")},
        "completion_tokens_details": usage.get("output_tokens_details"),
    }


_TOKENS = ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens")
_READ: dict[str, Callable[[Any], Any]] = {
    "id": field_text, "sample": as_count, "output": as_text, **dict.fromkeys(_TOKENS, as_count),
    "seconds": as_seconds, "finish_reason": finish_word, "model": as_text, "error": as_error,
}  # fmt: skip
_EXPECTED = {"seconds": "a number, 0 or more"}
_WHOLE = "a whole number, 0 or more"
_WITHIN = (("cached_tokens", "input_tokens"), ("reasoning_tokens", "output_tokens"))


def read_outputs(
    source: Any,
    *,
    variant: str,
    ids: Sequence[str],
    inputs: Sequence[str] | None = None,
    also: Collection[str] = (),
    columns: Mapping[str, str] | None = None,
    limits: Limits | None = None,
    say: Callable[[str], None] | None = None,
) -> pl.DataFrame:
    """One row per id of `ids` and sample, in order, with the columns of OUTPUT_SCHEMA; unknown values are null.

    `inputs` are the requests of these ids, as texts: a count of tokens that is far too high for them is unknown.
    `source` is a path: `.jsonl .json .csv .tsv .parquet`, the first four also with `.gz` or `.zst`; or a table, as for
    `read_frame`. Only `id` and `output` are required. The values of `sample` identify the
    repeats; each id has as many rows as there are different values. An id or sample without a line has a null output,
    which counts as empty and is reported separately. Ids in `also` may occur and are ignored. `columns` gives the names
    that the pairs have for `id` and `output`, which the source may have too. `say` receives notices about lines
    that were ignored or converted.

    Raises: DataError with all problems of the file: it cannot be read, lacks `id` or `output`, contains values of a wrong
    type, repeats a pair and sample, has an unknown pair, or is beyond the `limits` (default: `Limits()`).
    """
    where = source if isinstance(source, Path) else f"the outputs of {variant}"
    problems = Problems(where)
    reader = _Reader(problems, frozenset(ids), frozenset(also), columns or {})
    parts = [part for batch in _batches(source, limits) if (part := reader.table(batch)) is not None]
    table = pl.concat(parts) if parts else pl.DataFrame(schema={"line": pl.Int64, **reader.schema})
    reader.check_columns()
    table = table.filter(~pl.col("id").is_in(list(also)) | pl.col("id").is_in(list(ids))) if also else table
    _check_repeats(table, problems)
    _check_within(table, problems)
    problems.raise_any()
    outputs = _grid(table, ids, variant)
    sizes = [len(text.encode(errors="replace")) for text in inputs or [""] * len(ids)]
    repeats = len(outputs) // max(len(ids), 1)
    outputs, odd = possible_counts(outputs, pl.Series(np.repeat(np.array(sizes, dtype=np.int64), repeats)))
    for words in [*reader.notes(outputs, table, variant), *([odd] if odd else [])] if say else ():
        say(f"{where}: {words}")  # type: ignore[misc]
    return outputs


def _batches(path: Any, limits: Limits | None) -> Iterator[Batch]:
    if not isinstance(path, Path):
        yield from table_batches(path)
        return
    try:
        need_regular(path, what="outputs file")
    except FileNotFoundError:
        raise DataError(f"no outputs file at {path}") from None
    if file_kind(path) is None:
        raise DataError(f"{path}: unknown file type; use {', '.join(SUFFIXES)}, optionally with .gz or .zst")
    if path.stat().st_size == 0:
        raise DataError(f"{path}: the file is empty; expected a line with id and output for each pair")
    try:
        batches, _ = read_records(
            path, DataSettings(path=str(path), id="id", output="output", limits=limits or Limits())
        )
        yield from batches
    except DataError as error:
        problem, _, advice = str(error).partition("\n")
        if "encoding" in advice:  # there is no setting for it here
            raise DataError(f"{problem}\nSave the outputs as UTF-8.") from None
        raise


class _Reader:
    """The lines of a file as columns, batch by batch, with notes on what was found."""

    def __init__(
        self, problems: Problems, known: frozenset[str], also: frozenset[str], columns: Mapping[str, str]
    ) -> None:
        self.problems, self.known, self.also, self.columns = problems, known, also, columns
        self.schema = {name: kind for name, kind in OUTPUT_SCHEMA.items() if name in _READ}
        self.names: dict[str, None] = {}
        self.records = 0
        self.met: Counter[str] = Counter()
        self.reasons: set[str] = set()

    def table(self, batch: Batch) -> pl.DataFrame | None:
        """The lines of a batch; None if there are none."""
        for _, why in batch.problems:
            self.problems.add_text("cannot be read", why)
        # A table of the pairs may hold the outputs as well, beside the references.
        as_pairs = {given: name for name, given in self.columns.items() if name == "id" or name not in batch.names}
        batch = batch.renamed(as_pairs)
        self.names.update(dict.fromkeys(batch.names))
        self.records += len(batch.numbers)
        if not {"id", "output"} <= set(batch.names):
            # Other batches may have them; check_columns reports columns that no batch has.
            return None
        columns = {name: self._column(batch, name) for name in self.schema}
        if "usage" in batch.names:
            self._fill_tokens(columns, list(batch.column("usage")))
        columns["id"] = [self._id(number, text) for number, text in zip(batch.numbers, columns["id"], strict=True)]
        table = pl.DataFrame({"line": list(batch.numbers), **columns}, schema={"line": pl.Int64, **self.schema})
        return table.filter(pl.col("id").is_not_null())

    def _column(self, batch: Batch, name: str) -> list[Any]:
        if name not in batch.names:
            return [None] * len(batch.numbers)
        raw, read = list(batch.column(name)), _READ[name]
        values = [read(value) for value in raw]
        for place, value in enumerate(values):
            if value is UNREADABLE:
                self.problems.add(
                    f'"{name}" is not {_EXPECTED.get(name, _WHOLE)}', batch.numbers[place], repr(raw[place])
                )
                values[place] = None
        if name == "output":
            self.met["output"] += sum(value is not None and type(value) is not str for value in raw)
        if name == "finish_reason":
            self.reasons.update(value for value in values if value)
        return [_without_surrogates(value) if type(value) is str else value for value in values]

    def _fill_tokens(self, columns: dict[str, list[Any]], usages: list[Any]) -> None:
        """Fill in counts from a provider's `usage` object if the file has no column for them."""
        for place, usage in enumerate(usages):
            tokens = tokens_within(usage, wrote=bool(columns["output"][place]))
            if tokens is None:
                self.met["no usage"] += usage is not None
                continue
            self.met["contradicts"] += tokens.contradicts
            for name in _TOKENS:
                if columns[name][place] is None:
                    columns[name][place] = getattr(tokens, name.removesuffix("_tokens"))

    def _id(self, number: int, text: str | None) -> str | None:
        """The id in the form of the pairs: `7`, "7" and 7.0 are the same."""
        text = (text or "").strip()
        for form in (text, text.removesuffix(".0"), f"{text}.0"):
            if form in self.known or form in self.also:
                return form
        self.problems.add("no id" if not text else "no pair has this id", number, repr(text))
        return None

    def check_columns(self) -> None:
        """Check that both required columns exist; raises at once, since nothing else can be checked without them."""
        if not self.records:
            self.problems.raise_any()
            raise DataError(f"{self.problems.path}: the file has no lines; expected id and output for each pair")
        missing = [name for name in ("id", "output") if name not in self.names]
        if missing:
            hints = "; ".join(f'no column "{name}"; {nearest(name, list(self.names))}' for name in missing)
            raise DataError(f"{self.problems.path}: {hints}")

    def notes(self, outputs: pl.DataFrame, table: pl.DataFrame, variant: str) -> Iterator[str]:
        """Notices for the user about the file."""
        if extra := [name for name in self.names if name not in _READ and name not in ("usage", "variant")]:
            yield f"ignored columns: {some(extra)}"
        if count := self.met["output"]:
            yield f"{count:,} outputs are numbers, lists or objects rather than text and are judged as JSON"
        if count := self.met["contradicts"]:
            yield f"{count:,} usage objects contradict themselves; their tokens are unknown"
        if count := self.met["no usage"]:
            yield f"{count:,} usage values are not objects; their tokens are unknown"
        if odd := sorted(self.reasons - KNOWN.keys()):
            yield f"unknown finish reasons, treated as stop: {some(odd)}"
        if count := len(outputs) - len(table):
            yield f"{count:,} of {len(outputs):,} outputs of {variant} have no line; they count as empty"


def _without_surrogates(text: str) -> str:
    """The text with lone surrogates, which no file can contain, replaced by U+FFFD."""
    return text if text.isascii() else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _check_repeats(table: pl.DataFrame, problems: Problems) -> None:
    named = table.with_columns(pl.col("sample").fill_null(0))
    doubled = named.filter(~pl.struct("id", "sample").is_first_distinct())
    for line, id, sample in doubled.select("line", "id", "sample").iter_rows():
        which = repr(id) if table["sample"].is_null().all() else f"{id!r}, sample {sample}"
        problems.add("id and sample repeated (number repeats in a column `sample`)", line, which)
    if (count := named["sample"].n_unique()) > MOST_SAMPLES:
        text = f'"sample" has {count:,} different values; it numbers the outputs of one pair, at most {MOST_SAMPLES}'
        problems.add_whole(text)


def _check_within(table: pl.DataFrame, problems: Problems) -> None:
    for part, whole in _WITHIN:
        wrong = table.filter(pl.col(part) > pl.col(whole))
        for line, part_count, whole_count in wrong.select("line", part, whole).iter_rows():
            problems.add(f'"{part}" is more than "{whole}", which includes it', line, f"{part_count} of {whole_count}")


def _grid(table: pl.DataFrame, ids: Sequence[str], variant: str) -> pl.DataFrame:
    """Every id with every sample in the file, numbered from 0."""
    named = table.with_columns(pl.col("sample").fill_null(0))
    samples = named["sample"].unique().sort() if len(named) else pl.Series([0], dtype=pl.Int64)
    wanted = pl.DataFrame({"id": ids}, schema={"id": pl.String}).join(
        samples.to_frame("sample"), how="cross", maintain_order="left_right"
    )
    grid = wanted.join(named.drop("line"), on=["id", "sample"], how="left", maintain_order="left")
    grid = grid.with_columns(
        variant=pl.lit(variant), sample=pl.int_range(pl.len(), dtype=pl.Int64) % max(len(samples), 1)
    )
    return grid.select(list(OUTPUT_SCHEMA))
