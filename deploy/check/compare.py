"""Whether a server gives what was judged: the figures, the causes of a difference, and one line."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from ...core import decimals_beside, say
from ...evaluate import compare, share_interval, significant
from .answer_causes import (
    ROUNDING,
    find_base_model,
    find_limit,
    find_other_model,
    find_quantisation,
    find_sampling,
    find_stop,
    find_thinking,
)
from .observations import Cause, Observations, is_noisier, rounding_noise
from .prompt_causes import find_begin_token, find_context, find_template, find_tokenizer

SERVE_CHECK = "tuneworth/serve-check/1"
SAME, NAMED, UNKNOWN = "same", "named cause", "cause not found"
FAILED = 0.02  # of the requests; above it nothing can be said, as in an evaluation
TEXTS = 0.95  # of next tokens: below it, rounding does not explain the texts. Honest servers: benchmarks/serve_check.md
OF_REQUEST = (
    find_begin_token, find_template, find_tokenizer, find_context, find_limit, find_stop, find_thinking, find_sampling,
)  # fmt: skip
OTHER_TEXT = {"begin", "template", "tokenizer", "thinking", "sampling"}  # after these, texts say nothing of the weights


def find_causes(observed: Observations) -> list[Cause]:
    """Every cause that its test claims: of the request and the answer's end first, then of the weights."""
    found = [cause for test in OF_REQUEST if (cause := test(observed)) is not None]
    if (weights := find_base_model(observed)) is not None:
        return [weights, *found]
    if OTHER_TEXT.isdisjoint(cause.id for cause in found):
        found += [cause for test in (find_quantisation, find_other_model) if (cause := test(observed)) is not None]
    return found


def compare_served(
    observed: Observations, *, recorded: np.ndarray, served: np.ndarray, groups: Sequence[Any] | np.ndarray | None,
    margin: float,
) -> dict[str, Any]:  # fmt: skip
    """The figures, the causes and the sentence, as `check.json` holds them.

    `recorded` and `served` are the outcomes (acceptable: 0, 1, or a mean over repeats) of the answered rows, in their order,
    NaN where an output could not be scored; `groups` names the group of each.
    """
    known = ~(np.isnan(recorded) | np.isnan(served))
    of = None if groups is None else np.asarray(groups, dtype=object)[known]
    paired = compare(recorded[known], served[known], of)
    causes, answered = find_causes(observed), observed.answered
    columns = (("prompt", "prompt"), ("output", "tokens"))
    content: dict[str, Any] = {
        "rows": len(observed.rows),
        "failed": len(observed.rows) - len(answered),
        "texts": _texts(observed, groups),
        "acceptable": {
            "recorded": _mean(recorded[known]), "served": _mean(served[known]), "margin": margin,
            "not_worse": paired.low_one_sided is not None and paired.low_one_sided >= -margin, **paired.to_json(),
        },
        "tokens": {name: _mean_tokens(answered, column) for name, column in columns},
        "seconds": {side: _latency(answered[f"{side}_seconds"]) for side in ("recorded", "served")},
        "finish": {side: _finishes(answered[f"{side}_finish"]) for side in ("recorded", "served")},
        "causes": [cause.to_json() for cause in causes],
    }  # fmt: skip
    reasons = _reasons(content)
    status = NAMED if causes else UNKNOWN if reasons else SAME
    return {"status": status, "same": status == SAME, "sentence": _sentence(content, causes, reasons), **content}


def _texts(observed: Observations, groups: Sequence[Any] | np.ndarray | None) -> dict[str, Any] | None:
    """How many answers have the recorded text, and the share of next tokens; None above temperature 0."""
    if not observed.greedy:
        return None
    same = np.array([not place.parts for place in observed.places], dtype=bool)
    share, next_token, margins = share_interval(same, groups), observed.next_token_share, observed.margins
    # Rounding explains the texts by the judged model's margins, where they are known, else by the share of next tokens alone.
    near = next_token is not None and next_token >= TEXTS
    return {
        "same": int(same.sum()), "of": len(same), "share": share.share, "low": share.low, "high": share.high,
        "next_token_share": next_token,
        "noise_nats": None if margins is None else rounding_noise(margins),
        "within_rounding": near and (margins is None or not is_noisier(margins, ROUNDING)),
    }  # fmt: skip


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None


def _mean_tokens(answered: pl.DataFrame, column: str) -> dict[str, Any]:
    """The mean number of tokens of both sides, over the answers where both are known."""
    both = answered.select(recorded=f"recorded_{column}", served=f"served_{column}").drop_nulls()
    return {side: both[side].mean() for side in ("recorded", "served")}


def _latency(seconds: pl.Series) -> dict[str, float | None]:
    known = seconds.drop_nulls()
    return {"p50": known.quantile(0.5, "linear"), "p95": known.quantile(0.95, "linear")}


def _finishes(reasons: pl.Series) -> dict[str, int]:
    return dict(reasons.fill_null("not stated").value_counts(sort=True).iter_rows())


def _reasons(content: Mapping[str, Any]) -> list[str]:
    """What speaks against the same model where no test names a cause."""
    texts, quality, reasons = content["texts"], content["acceptable"], []
    if content["failed"] > FAILED * content["rows"]:
        reasons.append(f"{content['failed']:,} of {say.count(content['rows'], 'request')} failed")
    if texts and texts["next_token_share"] is not None and texts["next_token_share"] < TEXTS:
        reasons.append(f"the judged next token is written at {say.percent(texts['next_token_share'])} of places only")
    if not _well_enough(texts, quality):
        gap, decimals = quality["difference"], decimals_beside(quality["recorded"], quality["served"])
        reasons.append(
            "no answer could be scored"
            if gap["value"] is None
            else f"acceptable answers changed by {say.signed_points(gap['value'], decimals)} "
            f"({say.points_range(gap['low'], gap['high'])}; margin {say.points(quality['margin'])})"
        )
    return reasons


def _well_enough(texts: Mapping[str, Any] | None, quality: Mapping[str, Any]) -> bool:
    """Not worse by the margin; or the weights are the judged ones up to rounding and nothing speaks of worse answers.

    The second holds for few rows, whose interval is wider than the margin whatever they are.
    """
    if quality["not_worse"]:
        return True
    gap = quality["difference"]
    if gap["value"] is None or not texts:
        return False
    worse = significant(gap["low"], gap["high"], quality["p_value"]) and gap["value"] < 0
    return texts["within_rounding"] and not worse


def _sentence(content: Mapping[str, Any], causes: Sequence[Cause], reasons: Sequence[str]) -> str:
    if causes:
        return f"What is served is not what was judged. {causes[0].says}"
    if reasons:
        return f"What is served is not what was judged, and no cause was found: {'; '.join(reasons)}."
    texts, quality, figures = content["texts"], content["acceptable"], []
    if texts is not None:
        figures.append(f"{texts['same']:,} of {say.count(texts['of'], 'answer')} have the recorded text")
    if quality["served"] is not None:
        judged = say.percent(quality["recorded"])
        figures.append(f"{say.percent(quality['served'])} are acceptable, {judged} at judging")
    return f"What is served is what was judged: {' and '.join(figures)}."
