"""Forgetting: whether the tuned model still answers the general prompts that its base model can answer."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import polars as pl

from ...core import say
from ..statistics.paired import Comparison, compare
from .answers import meets
from .entry import risk_entry

__all__ = [
    "AREAS",
    "GeneralPrompt",
    "assess_forgetting",
    "general_prompts",
    "least_visible_loss",
    "prompt_pairs",
]


AREAS = ("arithmetic", "facts", "format", "translation", "safety")
# Tokens for an answer. Arithmetic, facts and translation ask for a number, a name or a phrase; the longest right answer
# in the file takes 20 tokens. Lists, JSON and the first sentence of a refusal need more; the longest takes 24.
SHORT, LONG = 32, 48


@dataclass(frozen=True)
class GeneralPrompt:
    """A prompt of one area with its check as data, and a right and a wrong answer that show what the check does."""

    id: str
    area: str
    prompt: str
    check: Mapping[str, Any]
    right: str
    wrong: str

    @property
    def max_new_tokens(self) -> int:
        """Enough tokens for a good answer; a longer one is cut and checked anyway."""
        return LONG if self.area in ("format", "safety") else SHORT

    def passes(self, answer: str | None) -> bool:
        """Whether the answer is right; a missing or empty one is not."""
        return meets(self.check, answer, prompt=self.prompt)


@cache
def general_prompts() -> tuple[GeneralPrompt, ...]:
    """The hundred bundled prompts, twenty of each area."""
    text = files("tuneworth.evaluate.risks").joinpath("general_prompts.jsonl").read_text(encoding="utf-8")
    return tuple(GeneralPrompt(**json.loads(line)) for line in text.splitlines())


def prompt_pairs(prompts: tuple[GeneralPrompt, ...]) -> pl.DataFrame:
    """The prompts as a table of pairs: `id, input, output` (a right answer), no `system`, the area as `group`."""
    rows = [(p.id, p.prompt, p.right, None, p.area) for p in prompts]
    schema: dict[str, Any] = dict.fromkeys(("id", "input", "output", "system", "group"), pl.String)
    return pl.DataFrame(rows, schema=schema, orient="row")


# Simulated, 4,000 pairs of models each: if 8 answers are lost and 8 gained by chance, none is `over` and one in ten
# is `warn`; if half of 24 known answers or more are lost, 96% or more are `over` or `warn`.
DROP = 0.05  # a loss of this share is a warning; a significantly larger one blocks the verdict
MOST_CUT = 0.5  # if a larger share of the answers is cut at the token limit, the limit may be what is measured
Row = dict[str, Any]


def assess_forgetting(
    base_outputs: Sequence[str | None],
    tuned_outputs: Sequence[str | None],
    prompts: Sequence[GeneralPrompt],
    *,
    cut: Sequence[bool] | None = None,
    seed: int = 0,
) -> Row:
    """The risk `forgetting` from two models' answers to the same prompts, in the same order.

    None is a missing answer and drops its prompt for both models; "" is an empty answer, which is wrong. `cut` marks the
    base model's answers that ended at the token limit.

    `over`: the whole interval of the paired difference is below -5 points. `warn`: the difference is -5 points or less,
    or the interval of one area is below. `ok`: only if the test could have detected a loss, so that losing half of the
    answers of the base model would have been `over`. Otherwise the base model has little to forget, and the risk is
    `not checked`.
    """
    kept = [i for i, both in enumerate(zip(base_outputs, tuned_outputs, strict=True)) if None not in both]
    if not kept:
        return risk_entry("forgetting", evidence="no general prompt was answered by both the base and the tuned model")
    answered = [prompts[i] for i in kept]
    base = np.array([prompts[i].passes(base_outputs[i]) for i in kept], dtype=bool)
    tuned = np.array([prompts[i].passes(tuned_outputs[i]) for i in kept], dtype=bool)
    comparison, areas = compare(base, tuned, seed=seed), _areas(answered, base, tuned)
    passed, n = int(base.sum()), len(kept)
    least = least_visible_loss(passed, n)
    more = {"areas": areas, "least_visible_loss": least, "n": n, "base": passed, "tuned": int(tuned.sum())}
    evidence = _evidence(comparison, passed, int(tuned.sum()), areas)
    fallen = [row["area"] for row in areas if row["high"] < -DROP]
    status = _status(comparison, fallen)
    if status == "ok" and (least is None or least > passed / 2):
        return risk_entry(
            "forgetting", evidence=_too_weak(passed, int(tuned.sum()), n, least, cut, kept), unit="share",
            to_check="start from a base model that passes more of the general prompts", **more,
        )  # fmt: skip
    if status == "ok":
        evidence += f"; a loss of {least} would have been detected"
    if fallen and status == "warn":
        evidence += f"; {' and '.join(fallen)} significantly fell by more than {say.points(DROP)}"
    return risk_entry(
        "forgetting", status, comparison.difference, -DROP, evidence=evidence, unit="share", measured=True, **more
    )


def least_visible_loss(passed: int, n: int) -> int | None:
    """The smallest loss of passed prompts, without any gain, that would be `over`; None if even losing all would not be.

    >>> least_visible_loss(60, 100), least_visible_loss(8, 100)
    (12, None)
    """
    places = np.arange(n)
    before = places < passed
    highs = ((k, compare(before, before & (places >= k)).high) for k in range(1, passed + 1))
    return next((k for k, high in highs if high is not None and high < -DROP), None)


def _status(comparison: Comparison, fallen: Sequence[str]) -> Any:
    if comparison.high is not None and comparison.high < -DROP:
        return "over"
    # A difference of exactly 5 points is a sum of floats.
    return "warn" if fallen or (comparison.difference or 0.0) <= -DROP + 1e-9 else "ok"


def _areas(prompts: Sequence[GeneralPrompt], base: np.ndarray, tuned: np.ndarray) -> list[Row]:
    """Each area: prompts, passes of both models, and the upper end of its difference."""
    rows = []
    names = np.array([prompt.area for prompt in prompts])
    for area in [*AREAS, *sorted(set(names.tolist()) - set(AREAS))]:
        in_area = names == area
        if in_area.any():
            comparison = compare(base[in_area], tuned[in_area])
            row = {
                "area": area,
                "n": int(in_area.sum()),
                "base": int(base[in_area].sum()),
                "tuned": int(tuned[in_area].sum()),
            }
            rows.append({**row, "high": comparison.high})
    return rows


def _evidence(comparison: Comparison, base: int, tuned: int, areas: Sequence[Row]) -> str:
    text = (
        f"the base model answers {base} of {comparison.n} general prompts correctly and the tuned model {tuned}: "
        f"{comparison.only_baseline} lost, {comparison.only_candidate} gained"
    )
    parts = [f"{row['area']} {row['base']} to {row['tuned']}" for row in areas if row["base"] != row["tuned"]]
    return f"{text} ({', '.join(parts)})" if parts else text


def _too_weak(base: int, tuned: int, n: int, least: int | None, cut: Sequence[bool] | None, kept: Sequence[int]) -> str:
    limit = "no loss could be detected" if least is None else f"only a loss of {least} or more could be detected"
    text = (
        f"the base model answers only {base} of {n} general prompts correctly (the tuned model {tuned}), so there is "
        f"little to forget: {limit}"
    )
    cut_share = 0.0 if cut is None else float(np.mean([cut[i] for i in kept]))
    if cut_share > MOST_CUT:
        text += f"; {say.percent(cut_share)} of its answers are cut at the token limit, as with models that think first"
    return text
