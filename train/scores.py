"""The scores of an evaluated run, put beside its adapter and into the model card."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..curate.whole import disk_refusals
from ..style.files import sha256_file
from .card import SHARES
from .provenance import read_record, write_record

__all__ = ["refresh_card"]

Table = Mapping[str, Any]


def refresh_card(run: Path) -> None:
    """Put the scores of a run's `results.json` beside its adapter and into the card, which is written anew.

    So too beside what was merged from this very adapter. Nothing happens where there is no adapter of ours, or where
    the results are of something else. Raises RunBroken where the disk refuses.
    """
    adapter = run / "train" / "adapter"
    record, results = read_record(adapter), _results(run)
    scores = None if record is None or results is None else _scores_of(results, base=record["base"]["sha256"])
    if scores is None:
        return
    digest = sha256_file(adapter / "adapter_model.safetensors")
    with disk_refusals(run):
        for folder in (adapter, run / "train" / "merged", run / "train" / "gguf"):
            made = read_record(folder)
            if made is not None and made.get("adapter_sha256", digest) == digest:
                write_record(folder, {**made, "scores": scores})


def _results(run: Path) -> Table | None:
    try:
        table = json.loads((run / "results.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return table if isinstance(table, dict) else None


def _scores_of(results: Table, *, base: str) -> dict[str, Any] | None:
    """What the card says of the results; None where no variant is an adapter on these base weights."""
    model = (results.get("provenance") or {}).get("model") or {}
    quality, told = results.get("quality") or {}, results.get("variants") or {}
    own = next((name for name in quality if (told.get(name) or {}).get("source") == "adapter"), None)
    if own is None or model.get("sha256", base) != base:
        return None
    variants = {name: {key: values.get(key) for key in ("n", *SHARES)} for name, values in quality.items()}
    return {"own": own, "sentence": (results.get("verdict") or {}).get("sentence"), "variants": variants}
