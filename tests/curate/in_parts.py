"""A run in one piece cut into parts by hand: what curating in parts has to leave."""

import json
import shutil
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import polars as pl

from ..shared import unsealed

LINES = ("train", "validation", "test", "set_aside")


def cut(run: Path, to: Path, after: Sequence[int]) -> Path:
    """A copy of `run` whose curate folder is in parts, a part ending after each of these numbers of rows."""
    shutil.copytree(run, to)
    folder = to / "curate"
    ledger = pl.read_parquet(folder / "ledger.parquet")
    (folder / "ledger.parquet").unlink()
    edges = list(pairwise([0, *after, ledger["row"].max()]))
    for name in ("ledger", *LINES):
        (folder / name).mkdir()
    for number, (first, last) in enumerate(edges):
        rows = ledger.filter(pl.col("row").is_between(first + 1, last))
        rows.write_parquet(folder / "ledger" / f"part-{number:05d}.parquet")
    for name in LINES:
        lines = (folder / f"{name}.jsonl").read_bytes().splitlines(keepends=True)
        (folder / f"{name}.jsonl").unlink()
        for number, (first, last) in enumerate(edges):
            mine = [line for line in lines if first < json.loads(line)["row"] <= last]
            (folder / name / f"part-{number:05d}.jsonl").write_bytes(b"".join(mine))
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    text = json.dumps({**summary, "parts": len(edges)}, ensure_ascii=False, indent=2) + "\n"
    (folder / "summary.json").write_text(text, encoding="utf-8")
    return unsealed(to)
