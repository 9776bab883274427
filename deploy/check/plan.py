"""The requests of a check whether a deployed model is the one that was judged."""

import hashlib
import re
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import polars as pl

from ...core import Talk
from ...evaluate import FEWEST_TOKENS, AnswerStore, RemotePlan, plan_chats, prompts_of
from ...project import Run, console_for
from .probes import probe_chats
from .recorded import Recorded, open_judged, recorded
from .requests import Served, cost_lines, plan_requests, price_of
from .server import open_server

__all__ = ["ServePlan", "plan_serving"]

TWICE = 8  # requests that are sent twice: if half of the answers differ, the server samples; one or two prove nothing
NAME = 60  # characters of a folder's name


@dataclass(frozen=True)
class ServePlan:
    """All requests of a check: the test requests, some of them a second time, and short chats to count prompt tokens."""

    run: Run
    recorded: Recorded
    served: Served
    pairs: pl.DataFrame
    requests: RemotePlan
    again: RemotePlan | None
    probes: RemotePlan
    max_cost: Decimal | None

    @property
    def folder(self) -> Path:
        """The folder of this endpoint and model, `RUN/served/NAME`."""
        return self.run.folder / "served" / served_name(self.served)

    @property
    def store(self) -> Path:
        """The file of the answers."""
        return self.folder / "answers.jsonl"

    @property
    def plans(self) -> list[RemotePlan]:
        """The plans in the order in which their requests are sent."""
        return [plan for plan in (self.probes, self.requests, self.again) if plan is not None]

    def lines(self, store: AnswerStore | None = None) -> list[str]:
        """A line with the requests, their tokens and their cost."""
        return cost_lines(self.run, self.plans, store or AnswerStore(self.store), max_cost=self.max_cost)

    def data(self) -> dict[str, Any]:
        """The plan as plain data."""
        store = AnswerStore(self.store)
        missing = sum(len(plan.missing(store)) for plan in self.plans)
        return {
            "endpoint": self.served.url,
            "model": self.served.model,
            "requests": missing,
            "lines": self.lines(store),
        }


def served_name(served: Served) -> str:
    """A readable and unique folder name for an endpoint and a model."""
    place = urlsplit(served.url.strip()).netloc.rpartition("@")[2]
    words = re.sub(r"[^A-Za-z0-9._]+", "-", f"{place}-{Path(served.model).name}").strip("-.")
    digest = hashlib.sha256(f"{served.url}\0{served.model}".encode(errors="surrogatepass")).hexdigest()
    return f"{words[:NAME]}-{digest[:6]}"


def plan_serving(
    run: str | Path, endpoint: str, *, model: str | None = None, key_env: str | None = None, variant: str | None = None,
    rows: int | None = None, max_cost: Decimal | None = None, allow_code: bool = False, seed: int | None = None,
    talk: Talk | None = None,
) -> ServePlan:  # fmt: skip
    """What `check_serving` would send; no output is requested. If `model` is None, the server's models are listed.

    Raises: as `check_serving`.
    """
    opened = open_judged(run, allow_code=allow_code, talk=console_for(talk, seed))
    judged = recorded(opened, variant)
    with open_server(endpoint, key_env=key_env) as server:
        served = Served(endpoint, model or server.model_name(), key_env)
    pairs = opened.sample(judged.pairs, rows)
    plan = plan_requests(
        opened, judged, served, pairs, max_cost=max_cost, price=price_of(opened, judged),
        samples=1 if judged.temperature == 0 else judged.samples,
    )  # fmt: skip
    again = _again(plan, judged) if judged.temperature == 0 else None
    return ServePlan(opened, judged, served, pairs, plan, again, _probes(plan), max_cost)


def _again(plan: RemotePlan, judged: Recorded) -> RemotePlan:
    """The requests with the longest recorded outputs, a second time: sampling is most likely to show there."""
    lengths = dict(judged.first.select("id", pl.col("output").str.len_bytes().fill_null(0)).iter_rows())
    ids = plan.pairs["id"].to_list()
    rows = sorted(sorted(range(len(ids)), key=lambda row: -lengths.get(ids[row], 0))[:TWICE])
    chats = prompts_of(plan.variant, plan.pairs[rows])
    return plan_chats(plan, plan.variant, rows=rows, chats=chats, samples=[1] * len(rows))


def _probes(plan: RemotePlan) -> RemotePlan:
    chats = probe_chats()
    schema = {"id": pl.String, "input": pl.String, "system": pl.String, "output": pl.String, "group": pl.String}
    pairs = pl.DataFrame([{"id": name, "input": chat[-1]["content"]} for name, chat in chats.items()], schema=schema)
    bare = replace(plan.variant, guide=None, examples=(), nearest=None)
    probes = replace(plan, pairs=pairs, max_new_tokens=FEWEST_TOKENS)
    return plan_chats(probes, bare, rows=range(len(chats)), chats=list(chats.values()), samples=[0] * len(chats))
