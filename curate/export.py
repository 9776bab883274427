"""A run's splits in the formats that trainers, providers and tables want."""

import io
import json
import secrets
import shutil
from pathlib import Path
from typing import Any, Literal

import polars as pl

from ..style.errors import ConfigError, DataError
from ..style.files import write_whole
from .files import read_split
from .split import SPLITS

__all__ = ["FORMATS", "export_pairs"]

FORMATS = ("openai", "trl", "csv", "parquet", "datasets")
Format = Literal["openai", "trl", "csv", "parquet", "datasets"]


def export_pairs(run: Path, format: Format | str, out: Path) -> list[Path]:
    """Write the splits of a run into the folder `out`, one file each or one `datasets` folder; returns the paths.

    openai: chat messages. trl: prompt and completion as messages. csv, parquet: the pair table.

    Raises:
        ConfigError: the format is unknown. DataError: the run has no splits.
    """
    if format not in FORMATS:
        raise ConfigError(f'--format "{format}" is not known; expected {", ".join(FORMATS)}')
    tables = {split: read_split(run, split) for split in SPLITS}
    if format == "datasets":
        return [_datasets(tables, Path(out))]
    suffix = {"openai": "jsonl", "trl": "jsonl"}.get(format, format)
    written = []
    for split, table in tables.items():
        if len(table):
            written.append(Path(out) / f"{split}.{suffix}")
            write_whole(written[-1], _bytes(table, format))
    return written


def _bytes(table: pl.DataFrame, format: str) -> bytes:
    if format in ("csv", "parquet"):
        buffer = io.BytesIO()
        table.write_csv(buffer) if format == "csv" else table.write_parquet(buffer)
        return buffer.getvalue()
    line = _openai if format == "openai" else _trl
    rows = table.select("system", "input", "output").rows()
    return "".join(json.dumps(line(*row), ensure_ascii=False) + "\n" for row in rows).encode()


def _prompt(system: str | None, text: str) -> list[dict[str, str]]:
    before = [] if system is None else [{"role": "system", "content": system}]
    return [*before, {"role": "user", "content": text}]


def _openai(system: str | None, text: str, answer: str) -> dict[str, Any]:
    return {"messages": [*_prompt(system, text), {"role": "assistant", "content": answer}]}


def _trl(system: str | None, text: str, answer: str) -> dict[str, Any]:
    return {"prompt": _prompt(system, text), "completion": [{"role": "assistant", "content": answer}]}


def _datasets(tables: dict[str, pl.DataFrame], out: Path) -> Path:
    """A saved DatasetDict; written beside `out` and renamed, so that it is there whole or not at all."""
    try:
        from datasets import Dataset, DatasetDict
    except ImportError:
        raise ConfigError("--format datasets needs: pip install 'tuneworth[train]'") from None
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out}: is there already; name a folder that is not, or remove it")
    parts: dict[Any, Any] = {
        split: Dataset.from_list(table.to_dicts()) for split, table in tables.items() if len(table)
    }
    temporary = out.with_name(f".{out.name}.{secrets.token_hex(4)}.part")
    try:
        DatasetDict(parts).save_to_disk(str(temporary))
        if out.exists():
            out.rmdir()
        temporary.replace(out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return out
