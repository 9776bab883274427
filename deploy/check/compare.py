"""Whether a server gives what was judged: the figures, the causes of a difference, and one line."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from ...core import decimals_beside, say
from ...evaluate import compare, share_interval, significant
from .agreement import is_noisier, rounding_noise
from .causes.cause import Cause
from .causes.quantised import ROUNDING
from .find import find_causes
from .seen import Seen

__all__ = ["SERVE_CHECK", "check_served"]

SERVE_CHECK = "tuneworth/serve-check/1"
SAME, NAMED, UNKNOWN = "same", "named cause", "cause not found"
FAILED = 0.02  # of the requests; above it nothing can be said, as in an evaluation
TEXTS = 0.95  # of next tokens: below it, rounding does not explain the texts. Honest servers: benchmarks/serve_check.md


def check_served(
    seen: Seen, *, recorded: np.ndarray, served: np.ndarray, groups: Sequence[Any] | np.ndarray | None, margin: float
) -> dict[str, Any]:
    """The figures, the causes and the sentence, as `check.json` holds them.

    `recorded` and `served` are the outcomes (acceptable: 0, 1, or a mean over repeats) of the answered rows, in their order,
    NaN where an output could not be scored; `groups` names the group of each.
    """
    known = ~(np.isnan(recorded) | np.isnan(served))
    of = None if groups is None else np.asarray(groups, dtype=object)[known]
    paired = compare(recorded[known], served[known], of)
    causes, failed = find_causes(seen), len(seen.rows) - len(seen.answered)
    content: dict[str, Any] = {
        "rows": len(seen.rows),
        "failed": failed,
        "texts": _texts(seen, groups),
        "acceptable": {
            "recorded": _mean(recorded[known]), "served": _mean(served[known]), "margin": margin,
            "not_worse": paired.low_one_sided is not None and paired.low_one_sided >= -margin, **paired.to_json(),
        },
        "tokens": {name: _sides(seen, f"{{}}_{column}") for name, column in (("prompt", "prompt"), ("output", "tokens"))},
        "seconds": {side: _latency(seen.answered[f"{side}_seconds"]) for side in ("recorded", "served")},
        "finish": {side: _finishes(seen.answered[f"{side}_finish"]) for side in ("recorded", "served")},
        "causes": [cause.to_json() for cause in causes],
    }  # fmt: skip
    reasons = _reasons(seen, content)
    status = NAMED if causes else UNKNOWN if reasons else SAME
    return {"status": status, "same": status == SAME, "sentence": _sentence(seen, content, causes, reasons), **content}


def _texts(seen: Seen, groups: Sequence[Any] | np.ndarray | None) -> dict[str, Any] | None:
    """How many answers have the recorded text, and the share of next tokens; None above temperature 0."""
    if not seen.greedy:
        return None
    same = np.array([not place.parts for place in seen.places], dtype=bool)
    share = share_interval(same, groups)
    return {
        "same": int(same.sum()), "of": len(same), "share": share.share, "low": share.low, "high": share.high,
        "next_token_share": seen.next_token_share,
        "noise_nats": None if seen.margins is None else rounding_noise(seen.margins),
        "within_rounding": _within_rounding(seen),
    }  # fmt: skip


def _within_rounding(seen: Seen) -> bool:
    """Whether rounding explains the texts: by the judged model's margins, else by the share of next tokens alone."""
    if seen.next_token_share is None or seen.next_token_share < TEXTS:
        return False
    return seen.margins is None or not is_noisier(seen.margins, ROUNDING)


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None


def _sides(seen: Seen, column: str) -> dict[str, Any]:
    """The mean number of tokens of both sides, over the answers where both are known."""
    both = seen.answered.select(column.format("recorded"), column.format("served")).drop_nulls()
    return {side: both[column.format(side)].mean() for side in ("recorded", "served")}


def _latency(seconds: pl.Series) -> dict[str, float | None]:
    known = seconds.drop_nulls()
    return {"p50": known.quantile(0.5, "linear"), "p95": known.quantile(0.95, "linear")}


def _finishes(reasons: pl.Series) -> dict[str, int]:
    counts = reasons.fill_null("not stated").value_counts(sort=True)
    return dict(counts.iter_rows())


def _reasons(seen: Seen, content: Mapping[str, Any]) -> list[str]:
    """What speaks against the same model where no test names a cause."""
    texts, quality, reasons = content["texts"], content["acceptable"], []
    if content["failed"] > FAILED * content["rows"]:
        reasons.append(f"{content['failed']:,} of {say.count(content['rows'], 'request')} failed")
    if texts and texts["next_token_share"] is not None and texts["next_token_share"] < TEXTS:
        reasons.append(f"the judged next token is written at {say.percent(texts['next_token_share'])} of places only")
    if not _well_enough(content):
        gap, decimals = quality["difference"], decimals_beside(quality["recorded"], quality["served"])
        reasons.append(
            "no answer could be scored"
            if gap["value"] is None
            else f"acceptable answers changed by {say.signed_points(gap['value'], decimals)} "
            f"({say.points_range(gap['low'], gap['high'])}; margin {say.points(quality['margin'])})"
        )
    return reasons


def _well_enough(content: Mapping[str, Any]) -> bool:
    """Not worse by the margin; or the weights are the judged ones up to rounding and nothing speaks of worse answers.

    The second holds for few rows, whose interval is wider than the margin whatever they are.
    """
    texts, quality = content["texts"], content["acceptable"]
    if quality["not_worse"]:
        return True
    if quality["difference"]["value"] is None or not texts:
        return False
    worse = significant(quality["difference"]["low"], quality["difference"]["high"], quality["p_value"])
    return texts["within_rounding"] and not (worse and quality["difference"]["value"] < 0)


def _sentence(seen: Seen, content: Mapping[str, Any], causes: Sequence[Cause], reasons: Sequence[str]) -> str:
    if causes:
        return f"What is served is not what was judged. {causes[0].says}"
    if reasons:
        return f"What is served is not what was judged, and no cause was found: {'; '.join(reasons)}."
    return f"What is served is what was judged: {_figures(seen, content)}."


def _figures(seen: Seen, content: Mapping[str, Any]) -> str:
    texts, quality = content["texts"], content["acceptable"]
    figures = (
        [] if texts is None else [f"{texts['same']:,} of {say.count(texts['of'], 'answer')} have the recorded text"]
    )
    if quality["served"] is not None:
        figures.append(
            f"{say.percent(quality['served'])} are acceptable, {say.percent(quality['recorded'])} at judging"
        )
    return " and ".join(figures)
