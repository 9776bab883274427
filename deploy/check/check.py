"""Checks whether a deployed model is the one that was judged: sends the same requests, compares, looks for the cause."""

import hashlib
import json
import re
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import polars as pl

from ...core import Console, GateFailed, printable, write_whole
from ...evaluate import (
    FEWEST_TOKENS,
    AnswerStore,
    Raw,
    RemotePlan,
    groups_of,
    open_answers,
    plan_chats,
    prompts_of,
    score_variant,
)
from ...project import Run, console_for
from .compare import SERVE_CHECK, compare_served
from .observations import Observations, probe_chats
from .observe import observe
from .recorded import Recorded, open_judged, recorded
from .server import (
    Served,
    budget_of,
    check_requests,
    cost_lines,
    open_server,
    plan_requests,
    price_of,
    send_requests,
)
from .text import served_html, served_text

# --- the plan -------------------------------------------------------------------------------------------------------

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
    talk: Console | None = None,
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


# --- the check ------------------------------------------------------------------------------------------------------


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
    talk: Console | None = None,
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
    judged, talk = plan.recorded, plan.run.talk
    with open_answers(plan.store) as store:
        check_requests(plan.run, plan.plans, store)
        for line in plan.lines(store):
            talk.note(f"serve-check: {line}")
        counted, outputs, *twice = [
            send_requests(plan.run, one, store, max_cost=plan.max_cost, talk=talk) for one in plan.plans
        ]
        budget = budget_of(plan.run, plan.plans, store, max_cost=None)
    observed = observe(
        plan.run, judged, plan.served, plan.pairs, counted=counted, outputs=outputs, twice=twice[0] if twice else None,
        store=plan.folder / "base.jsonl",
    )  # fmt: skip
    priced = plan.requests.price is not None  # without a price, the cost of the stored answers is unknown
    content = {
        "schema": SERVE_CHECK,
        "endpoint": plan.served.url,
        "model": plan.served.model,
        "variant": judged.variant.name,
        "judged_model": judged.model,
        "temperature": judged.temperature,
        "max_new_tokens": judged.max_new_tokens,
        "tested": len(judged.pairs),
        **_compared(plan, outputs, observed),
        "cost": float(budget.spent) if priced else None,
        "currency": budget.currency if priced else None,
    }
    write_whole(plan.folder / "check.json", json.dumps(content, ensure_ascii=False, indent=2))
    return ServeCheck(plan.folder, content)


def _compared(plan: ServePlan, outputs: pl.DataFrame, observed: Observations) -> dict[str, Any]:
    """The findings of the check, with both sides scored by the current style."""
    run, judged = plan.run, plan.recorded
    ids = observed.answered.select("id")
    pairs = ids.join(plan.pairs, on="id", how="left", maintain_order="left")
    sides = [
        ids.join(table, on="id", how="left", maintain_order="left").select(table.columns)
        for table in (judged.outputs, outputs)
    ]
    count = None if observed.marks is None else lambda texts: [len(observed.split(text)) for text in texts]
    scores = [score_variant(pairs, Raw(judged.variant, side, count_tokens=count), run.style) for side in sides]
    ours, theirs = (one.items["acceptable"].cast(pl.Float64).fill_null(float("nan")).to_numpy() for one in scores)
    return compare_served(
        observed, recorded=ours, served=theirs, groups=groups_of(pairs), margin=run.project.evaluate.margin
    )
