"""Rows of a served model, for the tests of its check: honest ones, and what a fault makes of them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from tuneworth.deploy.check.observations import ROW_SCHEMA, Margins, Observations, Probe

Change = Callable[[dict[str, Any], int], dict[str, Any]]
WORDS = ("red", "green", "blue", "round", "square", "small", "large", "box", "lamp", "chair", "table", "shelf", "clock")


def text(row: int, words: int = 12) -> str:
    draw = np.random.default_rng(row)
    return " ".join(str(word) for word in draw.choice(WORDS, words)) + f" {row}"


def row(number: int) -> dict[str, Any]:
    """One answer that is the same on both sides; its prompt has 20 to 59 tokens."""
    sides = {"prompt": 20 + number % 40, "tokens": 14, "finish": "stop", "seconds": 0.1}
    answer = {f"{side}_{name}": value for side in ("recorded", "served") for name, value in sides.items()}
    return {
        "id": f"r{number}", "recorded": text(number), "served": text(number), "reasoning_tokens": 0, "error": None, **answer
    }  # fmt: skip


def seen(change: Change | None = None, *, count: int = 40, **more: Any) -> Observations:
    """What is seen of a server whose rows differ by `change`."""
    rows = [row(number) for number in range(count)]
    rows = rows if change is None else [one | change(one, number) for number, one in enumerate(rows)]
    return Observations(pl.DataFrame(rows, schema=ROW_SCHEMA), max_new_tokens=64, **more)


def probes(alone: int, system: int, turns: int, *, opening: int = 3) -> dict[str, Probe]:
    """Probes whose counts are off by these numbers."""
    return {
        name: Probe(expected + offset, expected, expected - opening)
        for name, expected, offset in (("alone", 12, alone), ("with system", 20, system), ("two turns", 30, turns))
    }


def margins(noise: float, *, seed: int = 0, places: int = 1500) -> Margins:
    """What a server with this noise keeps and leaves, of margins as a tuned model has them: mostly sure, now and then not."""
    draw = np.random.default_rng(seed)
    sure = draw.exponential(6, places)
    kept = sure + draw.normal(0, noise, places) > 0
    return Margins(sure[kept], sure[~kept])
