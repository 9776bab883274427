"""Checks whether a deployed model is the one that was judged: sends the same requests, compares, looks for the cause."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from ...core import GateFailed, Talk, printable, write_whole
from ...evaluate import Budget, Raw, groups_of, open_answers, prompts_of, score_variant
from .compare import SERVE_CHECK, check_served
from .local import base_outputs, marks_of, measure_margins, split_of, weights_of
from .plan import ServePlan, plan_serving
from .probes import read_probes
from .recorded import Recorded, tokenizer_of
from .requests import budget_of, check_requests, send_requests
from .seen import ROW_SCHEMA, Reading, Seen
from .server import Server, open_server
from .text import served_html, served_text

__all__ = ["ServeCheck", "check_serving"]


@dataclass(frozen=True)
class ServeCheck:
    """The outcome of a check: its folder and the content of its check.json."""

    folder: Path
    content: dict[str, Any]

    @property
    def same(self) -> bool:
        """Whether what is served is what was judged."""
        return bool(self.content["same"])

    def __repr__(self) -> str:
        return printable(served_text(self.content))

    def _repr_html_(self) -> str:
        return served_html(self.content)

    def raise_if_different(self) -> None:
        """Raises: GateFailed if what is served is not what was judged."""
        if not self.same:
            raise GateFailed(self.content["sentence"])


def check_serving(
    run: str | Path, endpoint: str, *, model: str | None = None, key_env: str | None = None, variant: str | None = None,
    rows: int | None = None, max_cost: Decimal | None = None, allow_code: bool = False, seed: int | None = None,
    talk: Talk | None = None,
) -> ServeCheck:  # fmt: skip
    """Send the requests of a judged variant to the model at `endpoint`, and compare its answers with the recorded ones.

    `model` is its name there, by default the server's only model. With `rows`, only a seeded sample of the test pairs is
    sent. Answers are stored in `RUN/served/NAME` as they arrive, and the outcome in its check.json; after an interruption,
    the same call requests only what is missing.

    Raises: ConfigError or DataError for wrong input, before anything is sent; RunBroken if `max_cost` or the endpoint stops
    the requests.
    """
    plan = plan_serving(
        run, endpoint, model=model, key_env=key_env, variant=variant, rows=rows, max_cost=max_cost, allow_code=allow_code,
        seed=seed, talk=talk,
    )  # fmt: skip
    talk = plan.run.talk
    with open_answers(plan.store) as store:
        check_requests(plan.run, plan.plans, store)
        for line in plan.lines(store):
            talk.note(f"serve-check: {line}")
        counted, outputs, *twice = [
            send_requests(plan.run, one, store, max_cost=plan.max_cost, talk=talk) for one in plan.plans
        ]
        cost = budget_of(plan.run, plan.plans, store, max_cost=None)
    seen = _look(plan, counted, outputs, twice[0] if twice else None)
    content = {**_about(plan), **_checked(plan, outputs, seen), **_cost(plan, cost)}
    write_whole(plan.folder / "check.json", json.dumps(content, ensure_ascii=False, indent=2))
    return ServeCheck(plan.folder, content)


def _cost(plan: ServePlan, spent: Budget) -> dict[str, Any]:
    """The cost of all stored answers; unknown without a price."""
    known = plan.requests.price is not None
    return {"cost": float(spent.spent) if known else None, "currency": spent.currency if known else None}


def _look(plan: ServePlan, counted: pl.DataFrame, outputs: pl.DataFrame, twice: pl.DataFrame | None) -> Seen:
    """Everything that can be observed of the server (answers, counts, tokens), and what the judged weights here add."""
    run, judged = plan.run, plan.recorded
    rows = _rows(judged, outputs)
    tokenizer = tokenizer_of(run, judged.model) if judged.model and judged.variant.local else None
    with open_server(plan.served.url, key_env=plan.served.key_env) as server:
        declared = server.declared(plan.served.model)
        reading = None if tokenizer is None else _reading(plan, server, tokenizer)
    seen = Seen(
        rows,
        temperature=judged.temperature,
        max_new_tokens=judged.max_new_tokens,
        again=None if twice is None else _twice(outputs, twice),
        probes=read_probes(dict(counted.select("id", "input_tokens").iter_rows()), _counter(tokenizer)),
        reading=reading,
        marks=None if tokenizer is None else marks_of(tokenizer),
        declared_bits=declared.bits,
        declared_context=declared.context,
    )
    return seen if tokenizer is None else _with_weights(plan, replace(seen, split=split_of(tokenizer)))


def _with_weights(plan: ServePlan, seen: Seen) -> Seen:
    """Adds the base model's answers and the judged model's margins, unless all texts are the recorded ones."""
    judged = plan.recorded
    if not seen.greedy or all(not place.parts for place in seen.places):
        return seen
    loaded = weights_of(judged)
    answered = seen.answered
    pairs = answered.select("id").join(plan.pairs, on="id", how="left", maintain_order="left")
    base = base_outputs(plan.run, judged, pairs, loaded, plan.folder / "base.jsonl")
    margins = None if loaded is None else measure_margins(judged, answered, pairs, loaded)
    return replace(seen, base=base, margins=margins)


def _rows(judged: Recorded, outputs: pl.DataFrame) -> pl.DataFrame:
    """The recorded and the served answer for each pair; the first if there are several."""
    ours = judged.first.select(
        "id", recorded="output", recorded_prompt="input_tokens", recorded_tokens="output_tokens",
        recorded_finish="finish_reason", recorded_seconds="seconds",
    )  # fmt: skip
    theirs = outputs.unique("id", keep="first", maintain_order=True).select(
        "id", "error", "reasoning_tokens", served="output", served_prompt="input_tokens", served_tokens="output_tokens",
        served_finish="finish_reason", served_seconds="seconds",
    )  # fmt: skip
    return theirs.join(ours, on="id", how="left", maintain_order="left").select(list(ROW_SCHEMA))


def _twice(outputs: pl.DataFrame, twice: pl.DataFrame) -> pl.DataFrame:
    """The texts of the requests that were sent twice and answered both times."""
    both = twice.select("id", "error", second="output").join(
        outputs.select("id", first_error="error", first="output"), on="id", how="left"
    )
    answered = both.filter(pl.col("error").is_null() & pl.col("first_error").is_null())
    return answered.select("id", pl.col("first", "second").fill_null(""))


def _counter(tokenizer: Any) -> Callable[[Sequence[Any], bool], list[int]] | None:
    """Counts the prompt tokens of chats with the judged template; None without its tokenizer."""
    if tokenizer is None:
        return None
    from ...train import encode_texts, render_text

    def count(chats: Sequence[Any], opened: bool) -> list[int]:
        texts = [
            render_text(tokenizer, chat)
            if opened
            else tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=False)
            for chat in chats
        ]
        return [len(ids) for ids in encode_texts(tokenizer, texts)]

    return count


def _reading(plan: ServePlan, server: Server, tokenizer: Any) -> Reading | None:
    """The tokens of the first request, as expected and as the server reads it; None if the server does not report them."""
    from ...train import render_prompt, render_text

    (chat,) = prompts_of(plan.recorded.variant, plan.pairs.head(1))
    reported = server.read_chat(plan.served.model, chat)
    if reported is None:
        return None
    return Reading(
        render_prompt(tokenizer, chat),
        reported[0],
        lambda id: str(tokenizer.decode([id])),
        server_text=reported[1],
        expected_text=render_text(tokenizer, chat),
    )


def _about(plan: ServePlan) -> dict[str, Any]:
    judged = plan.recorded
    return {
        "schema": SERVE_CHECK,
        "endpoint": plan.served.url,
        "model": plan.served.model,
        "variant": judged.variant.name,
        "judged_model": judged.model,
        "temperature": judged.temperature,
        "max_new_tokens": judged.max_new_tokens,
        "tested": len(judged.pairs),
    }


def _checked(plan: ServePlan, outputs: pl.DataFrame, seen: Seen) -> dict[str, Any]:
    """The findings of the check, with both sides scored by the current style."""
    run, judged = plan.run, plan.recorded
    ids = seen.answered.select("id")
    pairs = ids.join(plan.pairs, on="id", how="left", maintain_order="left")
    sides = [
        ids.join(table, on="id", how="left", maintain_order="left").select(table.columns)
        for table in (judged.outputs, outputs)
    ]
    counter = None
    if seen.marks is not None:
        split = seen.split
        counter = lambda texts: [len(split(text)) for text in texts]  # noqa: E731
    ours, theirs = (
        score_variant(pairs, Raw(judged.variant, side, count_tokens=counter), run.style).items["acceptable"]
        for side in sides
    )
    return check_served(
        seen, recorded=_outcomes(ours), served=_outcomes(theirs), groups=groups_of(pairs),
        margin=run.project.evaluate.margin,
    )  # fmt: skip


def _outcomes(shares: pl.Series) -> np.ndarray:
    return shares.cast(pl.Float64).fill_null(float("nan")).to_numpy()
