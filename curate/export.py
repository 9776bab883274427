"""Exports a run's splits to the formats of trainers, providers and tables, and the corrected data as one table."""

import json
import shutil
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import polars as pl

from ..core import ConfigError, DataError, install_command, part_folder, write_whole
from .read import fold_system, stored_turns
from .split import SPLITS
from .write import read_kept, read_split

FORMATS = ("openai", "trl", "csv", "parquet", "datasets")
Format = Literal["openai", "trl", "csv", "parquet", "datasets"]
_SUFFIX = {"openai": "jsonl", "trl": "jsonl", "csv": "csv", "parquet": "parquet"}
_FEWEST = 10  # examples required by OpenAI's fine-tuning
_LARGEST = 512 * 2**20  # bytes of the largest file that OpenAI accepts


def export_pairs(
    run: Path, format: Format | str, out: Path, *, guide: str | None = None, system_role: bool = True
) -> list[Path]:
    """Write the splits of a run into the folder `out`, one file each or one `datasets` folder; returns the paths.

    openai: chat messages with the texts only. trl: prompt and completion as messages, plus id,
    group, split, fields and meta. csv, parquet, datasets: the pair table, its fields and meta as JSON. An
    input of several turns is written as these turns. `read_pairs` can read every format back.

    `guide` becomes the system message of every pair that has none of its own. Without `system_role`, chats have no system
    message: its text begins the first user message. Texts are written unchanged: a
    spreadsheet may read a CSV cell that begins with `=` as a formula. The export is atomic; files of
    an earlier export with the same names are replaced.

    Raises:
        ConfigError: the format is unknown. DataError: the run has no splits, or `out` cannot take them.
    """
    if format not in FORMATS:
        raise ConfigError(f'unknown --format "{format}"; expected {", ".join(FORMATS)}')
    tables = {split: table for split in SPLITS if len(table := read_split(run, split))}
    if not tables:
        raise DataError(f"{run}: no pair was kept, so there is nothing to export (see curate/summary.json)")
    if guide is not None:
        tables = {split: table.with_columns(pl.col("system").fill_null(guide)) for split, table in tables.items()}
    place = Path(out).resolve()
    _check_place(place, format)
    with part_folder(place) as part:
        if format == "datasets":
            _write_datasets(tables, part)
        else:
            for split, table in tables.items():
                _write(table, format, part / f"{split}.{_SUFFIX[format]}", system_role=system_role)
        _move(part, place, format)
    return [Path(out)] if format == "datasets" else [Path(out) / f"{split}.{_SUFFIX[format]}" for split in tables]


def export_cautions(written: list[Path], format: str) -> list[str]:
    """Problems that prevent the intended use of the written files."""
    cautions = []
    for path in written if format == "openai" else []:
        with path.open("rb") as file:
            examples = sum(1 for _ in file)
        if path.stem == "train" and examples < _FEWEST:
            cautions.append(f"{path}: {examples} examples; fine-tuning at OpenAI needs {_FEWEST} or more")
        if path.stat().st_size > _LARGEST:
            cautions.append(f"{path}: larger than 512 MB, the limit of OpenAI for one file")
    cells = sum(_formula_cells(path) for path in written) if format == "csv" else 0
    if cells:
        begins = "1 cell begins" if cells == 1 else f"{cells:,} cells begin"
        cautions.append(f"{begins} with =, +, - or @, which a spreadsheet may read as a formula; open it as text")
    return cautions


def _formula_cells(path: Path) -> int:
    """CSV cells that a spreadsheet may run as formulas. They are not escaped, since programs read the file."""
    table = pl.read_csv(path, infer_schema=False)
    return int(table.select(pl.all().str.contains(r"^[=+\-@\t\r]").sum()).sum_horizontal().item())


# --- one split ----------------------------------------------------------------------------------------------------


def _write(table: pl.DataFrame, format: str, path: Path, *, system_role: bool) -> None:
    if format == "csv":
        with path.open("wb") as file:  # Python's own file, whose errors give the reason from the disk
            table.write_csv(file)
    elif format == "parquet":
        with path.open("wb") as file:
            table.write_parquet(file)
    else:
        write = chat_lines if format == "openai" else _trl
        lines = write(table, system_role=system_role)
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def chat_lines(table: pl.DataFrame, *, system_role: bool = True) -> Iterator[dict[str, Any]]:
    """Each pair as the chat that providers tune on: `messages` with the system text, the request and the output.

    Without `system_role`, the system text begins the request.
    """
    for system, text, answer, meta in table.select("system", "input", "output", "meta").iter_rows():
        yield {"messages": [*_prompt(system, text, meta, system_role), {"role": "assistant", "content": answer}]}


def _trl(table: pl.DataFrame, *, system_role: bool) -> Iterator[dict[str, Any]]:
    # An entirely empty column is omitted; the others are in every line, as loaders expect.
    extra = [name for name in ("id", "group", "split", "fields", "meta") if table[name].count()]
    rows = table.select("system", "input", "output", "meta", pl.struct(extra).alias("extra"))
    for system, text, answer, meta, values in rows.iter_rows():
        completion = [{"role": "assistant", "content": answer}]
        yield {"prompt": _prompt(system, text, meta, system_role), "completion": completion, **values}


def _prompt(system: str | None, text: str, meta: str | None, system_role: bool) -> list[dict[str, str]]:
    turns = stored_turns(text, meta) or [{"role": "user", "content": text}]
    if system is None:
        return turns
    chat = [{"role": "system", "content": system}, *turns]
    return chat if system_role else fold_system(chat)


def _write_datasets(tables: dict[str, pl.DataFrame], folder: Path) -> None:
    """A saved DatasetDict; all its parts have the same features, even where a column is empty."""
    try:
        import pyarrow as pa
        from datasets import Dataset, DatasetDict, disable_progress_bars
    except ImportError:
        raise ConfigError(f"--format datasets needs: {install_command('train')}") from None
    disable_progress_bars()
    kinds = {pl.String: pa.string(), pl.UInt32: pa.int64(), pl.Boolean: pa.bool_()}
    parts: dict[Any, Any] = {}
    for split, table in tables.items():
        schema = pa.schema([(name, kinds[kind]) for name, kind in table.schema.items()])  # type: ignore[index]
        parts[split] = Dataset(table.to_arrow().cast(schema))
    DatasetDict(parts).save_to_disk(str(folder))


# --- the folder ---------------------------------------------------------------------------------------------------


def _names(format: str) -> set[str]:
    """Files that an export of this format may leave in its folder."""
    if format == "datasets":
        return {"dataset_dict.json", *SPLITS}
    return {f"{split}.{_SUFFIX[format]}" for split in SPLITS}


def _check_place(place: Path, format: str) -> None:
    if not place.exists():
        return
    if not place.is_dir():
        raise DataError(f"{place} is a file; name a folder to write to")
    existing = {path.name: path.is_dir() for path in place.iterdir()}
    if format == "datasets":
        others = sorted(existing if "dataset_dict.json" not in existing else existing.keys() - _names(format))
    else:
        others = sorted(name for name in _names(format) if existing.get(name))
    if others:
        raise DataError(f"{place} already exists and contains {others[0]}; name another folder, or remove it")


def _move(part: Path, place: Path, format: str) -> None:
    """Move the written files into place; splits of an earlier export that this one lacks are deleted."""
    if not place.exists():
        part.replace(place)
        return
    for name in sorted(_names(format)):
        old, new = place / name, part / name
        if old.is_dir():
            shutil.rmtree(old)
        if new.exists():
            new.replace(old)
        else:
            old.unlink(missing_ok=True)


# --- the corrected data -----------------------------------------------------------------------------------------------


def write_corrected(run: Path, file: Path, *, guide: str | None = None) -> Path:
    """Write the `corrected_table` of a run as CSV; `guide` is the system message of every pair that has none of its own.

    Raises: DataError if the run kept no pair, ConfigError if the file is a folder.
    """
    if file.is_dir():
        raise ConfigError(f"{file} is a folder; name a file to write the table to")
    table = read_kept(run)
    if not len(table):
        raise DataError(f"{run}: no pair was kept, so there is nothing to export (see curate/summary.json)")
    if guide is not None:
        table = table.with_columns(pl.col("system").fill_null(guide))
    text = BytesIO()
    corrected_table(table).write_csv(text)
    write_whole(file, text.getvalue())
    return file


def corrected_table(pairs: pl.DataFrame) -> pl.DataFrame:
    """A row per pair: `id, split, group, system`, its request, `output`, `output_as_read`, then its other columns.

    The request is a column per field, and `input` unless every pair has fields. Group and system are left out where no pair
    has one; `output_as_read` is empty where the output was not changed. Values that are no texts are JSON. A field or
    column whose name is already used has what it is behind it, such as `id (field)`.
    """
    fields, meta = ([json.loads(text or "{}") for text in pairs[name].to_list()] for name in ("fields", "meta"))
    table = pairs.select("id", "split", *(name for name in ("group", "system") if pairs[name].count()))
    if pairs["fields"].has_nulls():
        table = table.with_columns(pairs["input"])
    table = _spread(table, fields, "field", reserved=("input", "output", "output_as_read"))
    table = table.with_columns(pairs["output"], output_as_read=pairs["written"])
    return _spread(table, meta, "column")


def _spread(
    table: pl.DataFrame, values: list[Mapping[str, Any]], kind: str, *, reserved: tuple[str, ...] = ()
) -> pl.DataFrame:
    """The table with a column per key, in the order in which the rows have them."""
    for key in dict.fromkeys(key for row in values for key in row):
        name = key
        while name in table.columns or name in reserved:
            name = f"{name} ({kind})"
        table = table.with_columns(pl.Series(name, [_cell(row.get(key)) for row in values], dtype=pl.String))
    return table


def _cell(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
