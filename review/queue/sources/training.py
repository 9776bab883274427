"""Train pairs with a loss that stands out: the model learnt the others, so the mistake may be in these."""

from pathlib import Path

import polars as pl

from ....core import read_stored_table
from ....curate import read_ledger
from .entries import entries_of

_FENCE = 1.5  # quartile ranges above the upper quartile: Tukey's fence, beyond which values stand out
_MOST = 200  # one afternoon of reading
_SCHEMA = {"id": pl.String, "loss": pl.Float64, "first_loss": pl.Float64, "tokens": pl.Int64}


def highest_losses(run: Path) -> pl.DataFrame:
    """Train pairs whose loss per token is beyond the upper fence of all losses, the highest first, 200 at most."""
    file = run / "train" / "pair_losses.jsonl"
    losses = read_stored_table(file, "train/pair_losses.jsonl", _SCHEMA).filter(pl.col("loss").is_finite())
    lower, upper = (losses["loss"].quantile(share, "linear") or 0.0 for share in (0.25, 0.75))
    high = losses.filter(pl.col("loss") > upper + _FENCE * (upper - lower))
    high = high.sort("loss", "id", descending=[True, False]).head(_MOST)
    if not len(high):
        return entries_of([])
    ids = high["id"].implode()
    kept = read_ledger(run, ["row", "id"], pl.col("id").is_in(ids) & (pl.col("split") == "train"))
    table = high.join(kept, on="id", maintain_order="left").sort("loss", "id", descending=[True, False])
    return entries_of(
        {
            "key": str(row), "row": row, "id": id, "file": "train", "score": loss,
            "evidence": f"Its loss is {loss:.2f} per token; three in four train pairs have at most {upper:.2f}.",
        }
        for row, id, loss in table.select("row", "id", "loss").iter_rows()
    )  # fmt: skip
