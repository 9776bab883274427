"""Variants at an OpenAI-compatible endpoint: only missing answers are requested, and each is stored on arrival."""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

import polars as pl

from ...core import RunBroken
from ..outputs.table import OUTPUT_SCHEMA, Raced
from .budget import Budget
from .client import Call
from .counts import Counted, doubt_about, most_tokens, possible_counts, without_counts
from .pace import Traffic
from .plan import FEWEST_TOKENS, RemotePlan, Request
from .responses import other_models
from .sending import Admission, Reply, send_calls
from .store import AnswerStore

_KEPT = (
    "input_tokens",
    "cached_tokens",
    "output_tokens",
    "reasoning_tokens",
    "seconds",
    "finish_reason",
    "model",
    "system_fingerprint",
    "refused",
)


def race_endpoints(
    plans: Sequence[RemotePlan],
    *,
    store: AnswerStore,
    budget: Budget,
    traffic: Traffic | None = None,
    warn: Callable[[str], None] | None = None,
) -> list[Raced]:
    """The outputs of every variant, in the order of the plans; answers in `store` are not requested again.

    `traffic` shows the requests under way. A request that failed after all tries has an `error` in its row; the next run
    repeats it.

    Raises: RunBroken if the next request could exceed the budget's limit, or if an endpoint stopped answering;
    ConfigError if no request can succeed. Answers received until then are kept.
    """
    once, traffic = _once(warn), traffic or Traffic()
    traffic.begin(*_answered(plans, store))
    return [_Race(plan, store, budget, plans, traffic, once).run() for plan in plans]


def request_chats(
    plan: RemotePlan,
    *,
    store: AnswerStore,
    budget: Budget,
    traffic: Traffic | None = None,
    warn: Callable[[str], None] | None = None,
) -> pl.DataFrame:
    """The outputs of a plan of further chats, in their order; stored and limited as by `race_endpoints`.

    A chat that failed after all tries has an `error`, even if all failed. Raises: as `race_endpoints`.
    """
    traffic = traffic or Traffic()
    traffic.begin(*_answered([plan], store))
    return _Race(plan, store, budget, [plan], traffic, _once(warn)).chats()


def _once(warn: Callable[[str], None] | None) -> Callable[[str], None]:
    """The function without its repetitions."""
    warned: set[str] = set()

    def once(text: str) -> None:
        if warn and text not in warned:
            warned.add(text)
            warn(text)

    return once


class _Race:
    """One variant during its requests."""

    def __init__(
        self, plan: RemotePlan, store: AnswerStore, budget: Budget, plans: Sequence[RemotePlan],
        traffic: Traffic, warn: Callable[[str], None],
    ) -> None:  # fmt: skip
        self.plan, self.store, self.budget, self.plans = plan, store, budget, plans
        self.traffic, self.warn = traffic, warn
        self.failed: dict[str, Reply] = {}
        self.heard = False  # whether the endpoint has answered in this race

    def run(self) -> Raced:
        """Request the missing answers, then read all answers from the store."""
        plan = self.plan
        self._follow()
        # Start with two or three short requests, which show whether the endpoint answers at all.
        self._ask(self._missing(plan.counting.values()), limit=FEWEST_TOKENS)
        self._ask(self._missing(plan.requests), limit=plan.max_new_tokens)
        # A reasoning model may reject such a low limit.
        for request in (again := self._missing(plan.counting.values())):
            del self.failed[request.key]
        self._ask(again, limit=plan.max_new_tokens)
        if text := self._failures():
            self.warn(text)
        if plan.requests and all(request.key in self.failed for request in plan.requests):
            raise self._no_output()
        stored = [self.store[request.key] for request in plan.requests if request.key in self.store]
        if odd := other_models(plan.endpoint.model, (line.get("model") for line in stored)):
            self.warn(f"{plan.host}: {odd}; check that {plan.variant.name} is the model that you mean to judge")
        if doubt := self._doubt():
            self.warn(self._doubt_text(doubt))
            return Raced(without_counts(self._table()), None, None, None, self._refused(), doubt)
        fixed, guide, shown = (self._prompt_tokens(), self._difference("unguided"), self._difference("unshown"))
        examples = shown if plan.variant.examples else 0
        return Raced(self._table(), fixed, guide if plan.variant.guide else 0, examples, self._refused())

    def chats(self) -> pl.DataFrame:
        """Request the missing answers alone, then read all answers from the store."""
        self._follow()
        self._ask(self._missing(self.plan.requests), limit=self.plan.max_new_tokens)
        if text := self._failures():
            self.warn(text)
        return self._table()

    def _follow(self) -> None:
        plan = self.plan
        paid = plan.price is not None and not plan.price.free
        self.traffic.follow(plan.variant.name, together=plan.endpoint.concurrency, priced=paid)

    def _missing(self, requests: Iterable[Request]) -> list[Request]:
        return [request for request in requests if request.key not in self.store]

    def _ask(self, wanted: list[Request], *, limit: int) -> None:
        """Send every wanted request once, as far as the budget allows.

        If requests in flight leave no room for the next one, it waits until their real cost is known.
        """
        while wanted:
            self._round(wanted, limit)
            missing = [r for r in self._missing(wanted) if r.key not in self.failed]
            if missing and (len(missing) == len(wanted) or not self.budget.fits(self.plan.worst_cost(missing[0]))):
                raise self._out_of_budget(missing[0])
            wanted = missing

    def _round(self, wanted: list[Request], limit: int) -> None:
        plan = self.plan
        send_calls(
            plan.endpoint,
            (Call(place, request.sample, request.messages) for place, request in enumerate(wanted)),
            max_new_tokens=limit,
            temperature=plan.temperature,
            seed=plan.seed,
            on_reply=lambda reply: self._take(wanted[reply.index], reply),
            admission=Admission(
                first=lambda call: self._admit(wanted[call.index]),
                again=lambda call: self._admit_again(wanted[call.index]),
                free=lambda call: self.budget.release(wanted[call.index].key),
            ),
            warn=self.warn,
            traffic=self.traffic,
            heard=self.heard,
        )

    def _admit(self, request: Request) -> bool:
        return self.budget.reserve(request.key, self.plan.worst_cost(request))

    def _admit_again(self, request: Request) -> bool:
        """Whether the money suffices for one more try of a request, the last of which may be billed without an answer."""
        self.budget.lose(request.key)
        return self._admit(request)

    def _take(self, request: Request, reply: Reply) -> None:
        """Store an answer; a failure is remembered for this run only."""
        if reply.error is not None:
            self.budget.lose(request.key) if reply.billed else self.budget.release(request.key)
            self.failed[request.key] = reply
            return
        worst = self.budget.bound(self.plan.worst_cost(request))
        cost = self.budget.settle(request.key, self._cost(reply))
        if cost > worst:
            self.warn(self._dear(cost, worst))
        self.heard = True
        self.store.add(request.key, self._line(request, reply, cost))
        if request.index >= 0:
            self.traffic.stored()

    def _cost(self, reply: Reply) -> Decimal | None:
        """The real cost if the endpoint reported tokens; None otherwise, and the worst case counts as spent."""
        price = self.plan.price
        if price is None or reply.input_tokens is None or reply.output_tokens is None:
            return None
        return price.of(
            input_tokens=reply.input_tokens,
            output_tokens=reply.output_tokens,
            cached_tokens=reply.cached_tokens or 0,
        )

    def _line(self, request: Request, reply: Reply, cost: Decimal) -> dict[str, Any]:
        plan = self.plan
        return {
            "variant": plan.variant.name,
            "id": plan.pairs["id"][request.index] if request.index >= 0 else None,
            "sample": request.sample,
            "endpoint": plan.endpoint.url,
            "asked": plan.endpoint.model,
            "prompt_bytes": request.prompt_bytes,
            "output": reply.output,
            **{name: getattr(reply, name) for name in _KEPT},
            "usage": reply.usage,
            "attempts": reply.attempts,
            "cost": None if plan.price is None else str(cost),
            "currency": None if plan.price is None else plan.price.currency,
        }

    def _refused(self) -> tuple[str, ...]:
        """The parameters that the endpoint rejected in any request so far."""
        lines = (self.store[request.key] for request in self.plan.requests if request.key in self.store)
        return tuple(sorted({str(name) for line in lines for name in line.get("refused") or ()}))

    def _prompt_tokens(self, name: str = "fixed") -> int | None:
        """The tokens of every prompt by the provider's count: the shortest request minus its one token "."."""
        request = self.plan.counting.get(name)
        if request is None or request.key not in self.store:
            return None
        lines = [self.store[one.key] for one in self.plan.requests if one.key in self.store]
        most = most_tokens([line["input_tokens"] for line in lines if line.get("input_tokens") is not None])
        tokens = self.store[request.key].get("input_tokens")
        return None if tokens is None or (lines and tokens > request.prompt_bytes + most) else max(tokens - 1, 0)

    def _difference(self, name: str) -> int | None:
        """The number of tokens that the prompt counted under `name` does not have."""
        whole, part = self._prompt_tokens(), self._prompt_tokens(name)
        return None if whole is None or part is None else max(whole - part, 0)

    def _doubt(self) -> str | None:
        """Why the endpoint's token counts cannot be true; None if they can."""
        counted = {
            request.key: Counted.of(request.messages, self.store[request.key])
            for request in (*self.plan.counting.values(), *self.plan.requests)
            if request.key in self.store
        }
        prompts = {name: counted.get(request.key) for name, request in self.plan.counting.items()}
        return doubt_about(list(counted.values()), prompts)

    def _doubt_text(self, doubt: str) -> str:
        plan, name = self.plan, self.plan.variant.name
        return (
            f"{plan.host}: its token counts cannot be true: {doubt}. Those of {name} count as unknown; ask who runs "
            "the server, which may also cut long prompts. To count the cost, state fixed_tokens, input_tokens and "
            f"output_tokens under [roi.{name}]"
        )

    def _table(self) -> pl.DataFrame:
        ids, name = self.plan.pairs["id"].to_list(), self.plan.variant.name
        rows = [
            {**self._answer(request.key), "id": ids[request.index], "variant": name, "sample": request.sample}
            for request in self.plan.requests
        ]
        table = pl.DataFrame(
            [{column: row.get(column) for column in OUTPUT_SCHEMA} for row in rows], schema=OUTPUT_SCHEMA
        )
        table, odd = possible_counts(
            table, pl.Series([request.prompt_bytes for request in self.plan.requests], dtype=pl.Int64)
        )
        if odd:
            self.warn(f"{self.plan.host}: {odd}")
        return table

    def _answer(self, key: str) -> dict[str, Any]:
        if key in self.store:
            return {**self.store[key], "error": None}
        reply = self.failed[key]
        return {"error": reply.error, "seconds": reply.seconds}

    def _failures(self) -> str | None:
        """A warning with the number of missing outputs and the first reason."""
        errors = [self.failed[r.key].error for r in self.plan.requests if r.key in self.failed]
        if not errors:
            return None
        return (
            f"{self.plan.variant.name}: {len(errors)} of {len(self.plan.requests)} outputs failed after all tries, the "
            f"first with: {errors[0]}. To repeat only these, {self.budget.again}"
        )

    def _no_output(self) -> RunBroken:
        """The error if no output arrived: too few requests to reach the limit of failures, and nothing to compare."""
        answered, wanted = _answered(self.plans, self.store)
        return RunBroken(
            f'"{self.plan.variant.name}": no output came from {self.plan.host}, so there is nothing to evaluate.\n'
            f"{answered} of {wanted} outputs are kept. Once the host answers, {self.budget.again} to resume."
        )

    def _dear(self, cost: Decimal, worst: Decimal) -> str:
        """A warning that an answer has cost more than is possible for what was asked."""
        plan, currency = self.plan, self.budget.currency
        return (
            f"{plan.host}: by its token counts an answer to {plan.variant.name} cost {cost:.4f} {currency}, but what was asked "
            f"for can cost {worst:.4f} at most; it counts as stated, and more is set aside for each further request"
        )

    def _out_of_budget(self, request: Request) -> RunBroken:
        answered, wanted = _answered(self.plans, self.store)
        budget = self.budget
        worst = budget.bound(self.plan.worst_cost(request))
        lost = f" ({budget.lost:.4f} for requests without an answer, which may be billed)" if budget.lost else ""
        return RunBroken(
            f"{budget.setting}: {budget.spent:.4f} of {budget.limit:f} {budget.currency} are spent{lost}, and the next "
            f'request ("{self.plan.variant.name}") could cost {worst:.4f}.\n'
            f"{answered} of {wanted} outputs are kept. Raise {budget.setting.split()[-1]} and {budget.again} to resume."
        )


def _answered(plans: Iterable[RemotePlan], store: AnswerStore) -> tuple[int, int]:
    keys = [request.key for plan in plans for request in plan.requests]
    return sum(key in store for key in keys), len(keys)
