"""Plans for endpoints that the tests of remote variants share, and an endpoint that counts tokens."""

from pathlib import Path
from typing import Any

import polars as pl

from tuneworth.evaluate import (
    Budget,
    EvaluateSettings,
    Raced,
    RemotePlan,
    Variant,
    VariantSettings,
    open_answers,
    plan_remote,
    race_endpoints,
)

from .endpoint_server import Asked, EndpointServer, Step, completion


def words(asked: Asked) -> Step:
    """The request in capitals; a token for each word, and two for each message."""
    sent = sum(len(m["content"].split()) + 2 for m in asked.body["messages"])
    usage = {"prompt_tokens": sent, "completion_tokens": 4, "total_tokens": sent + 4}
    return Step(body=completion(asked.text.upper(), usage=usage, model=asked.body["model"] + "-2026"))


def some_pairs(count: int = 5) -> pl.DataFrame:
    rows = [{"id": f"p{n}", "input": f"ask {n}", "system": f"for {n}" if n % 2 else None} for n in range(count)]
    return pl.DataFrame(rows, schema={"id": pl.String, "input": pl.String, "system": pl.String})


def a_variant(url: str, name: str = "prompted", guide: str | None = "Be very brief.", **own: Any) -> Variant:
    settings = VariantSettings(endpoint=url, model="tiny", tries=1, **own)
    return Variant(name, "endpoint", guide, model="tiny", endpoint=url, settings=settings)


def the_plans(*variants: Variant, pairs: pl.DataFrame | None = None, **changed: Any) -> list[RemotePlan]:
    own = {"max_new_tokens": 64, "seed": 0} | {k: changed.pop(k) for k in ("max_new_tokens", "seed") if k in changed}
    roi = changed.pop("roi", None)
    settings = EvaluateSettings(baseline="prompted", **changed)
    return plan_remote(
        [(v, some_pairs() if pairs is None else pairs) for v in variants], settings=settings, roi=roi, **own
    )


def race(plans: list[RemotePlan], file: Path, budget: Budget | None = None, **more: Any) -> list[Raced]:
    with open_answers(file) as store:
        return race_endpoints(plans, store=store, budget=budget or Budget(None, currency="EUR"), **more)


def asked_for(server: EndpointServer) -> list[str]:
    """The requests for outputs since the last call, without those that only count a prompt."""
    found = [asked.text for asked in server.requests if asked.text != "."]
    server.requests.clear()
    return found
