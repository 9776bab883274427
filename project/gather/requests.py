"""Requests to endpoints: announced first, stopped if not allowed, with answers stored as they arrive."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...core import host_of, say
from ...evaluate import (
    AnswerStore,
    Budget,
    Raw,
    RemotePlan,
    Traffic,
    check_keys,
    check_privacy,
    forecast,
    forecast_retries,
    open_answers,
    plan_remote,
    plan_variants,
    remote_lines,
    spent_on,
)
from ..load import NO_PAIRS
from ..project import Project
from ..run import Run
from .required import OutputSet, raw_of, remote_limit
from .rivals import Climb, RemoteSession

__all__ = ["Remote", "check_addresses", "check_endpoints", "remote_of", "request_outputs", "retry_lines", "with_rivals"]


@dataclass(frozen=True)
class Remote:
    """All requests of a run to endpoints, and the file with the answers.

    `repeated` are the variants whose requests may be sent again together with their output, even if it is stored.
    """

    run: Run
    plans: Sequence[RemotePlan]
    repeated: frozenset[str] = frozenset()

    @property
    def file(self) -> Path:
        """The file of the endpoints' answers, one per line."""
        return self.run.folder / "evaluate" / "answers.jsonl"

    def budget(self, store: AnswerStore) -> Budget:
        """The limit `max_cost`, and the cost of the answers stored so far."""
        currency = self.run.project.currency
        prices = {(plan.endpoint.url, plan.endpoint.model): plan.price for plan in self.plans}
        spent = spent_on(
            store.lines.values(),
            currency=currency,
            price=lambda line: prices.get((str(line.get("endpoint")), str(line.get("asked")))),
        )
        return Budget(self.run.project.evaluate.max_cost, currency=currency, spent=spent, sent=store.sent)

    def lines(self, store: AnswerStore, *, all_hosts: bool = False) -> list[str]:
        """A line per host with requests, tokens and cost."""
        return remote_lines(
            self.plans, store, self.budget(store), longest_output=self.run.longest_output, all_hosts=all_hosts
        )

    def check(self, store: AnswerStore) -> None:
        """Check the keys of endpoints with open requests, and that no personal data would be sent.

        Raises: ConfigError if a key is missing or personal data would leave this machine.
        """
        check_keys([plan for plan in self.plans if plan.missing(store)])
        self.check_privacy(store)

    def check_privacy(self, store: AnswerStore) -> None:
        """Check that no personal data would be sent, unless the project allows it.

        Raises: ConfigError if there is any.
        """
        if self.run.project.evaluate.personal_data == "refuse":
            check_privacy(self.plans, store=store)
            check_privacy([plan for plan in self.plans if plan.variant.name in self.repeated], store=())


def remote_of(run: Run, output_sets: Sequence[OutputSet]) -> Remote:
    """The requests to every variant at an endpoint; nothing is sent.

    Raises: ConfigError with all problems of the endpoints, including a missing price for `max_cost`.
    """
    plans = plan_remote(
        [
            (output_set.variant, output_set.pairs)
            for output_set in output_sets
            if output_set.variant.source == "endpoint"
        ],
        settings=run.project.evaluate,
        max_new_tokens=remote_limit(run),
        seed=run.seed,
        roi=run.project.roi_settings,
    )
    return Remote(run, plans)


def check_addresses(project: Project) -> None:
    """Check addresses, parameters, keys and prices for `max_cost`, before there is a run.

    Raises: ConfigError with all problems.
    """
    adapter = Path("adapter")  # it does not exist yet
    variants = plan_variants(
        project.evaluate, folder=project.folder, style=project.style, train=NO_PAIRS, adapter=adapter
    )
    check_keys(
        plan_remote(
            [(v, NO_PAIRS) for v in variants if v.source == "endpoint"],
            settings=project.evaluate,
            max_new_tokens=1,
            seed=0,
            roi=project.roi_settings,
        )
    )


def check_endpoints(run: Run, output_sets: Sequence[OutputSet]) -> None:
    """Check the endpoints of the run and its rivals and their keys, and that no personal data would be sent.

    Raises: ConfigError if anything is wrong.
    """
    climb = Climb(run, [one.variant for one in output_sets])
    remote = with_rivals(run, output_sets, climb)
    remote.check(AnswerStore(remote.file))


def with_rivals(run: Run, output_sets: Sequence[OutputSet], climb: Climb) -> Remote:
    """The requests to every variant at an endpoint, followed by those of its rivals; nothing is sent.

    Raises: as `remote_of`.
    """
    hosted = [one for one in output_sets if one.variant.source == "endpoint"]
    pairs = {one.variant.name: one.pairs for one in hosted}
    rungs = [rung for rung in climb.wanted if rung.base.name in pairs]
    shown = [OutputSet(rung.variant, pairs[rung.base.name]) for rung in rungs if rung.retry is None]
    repeated = frozenset(rung.base.name for rung in rungs if rung.retry)
    return replace(remote_of(run, [*hosted, *shown]), repeated=repeated)


def request_outputs(run: Run, output_sets: Sequence[OutputSet], climb: Climb) -> dict[str, Raw]:
    """The outputs of variants at endpoints and of their rivals. Stored answers are not requested again.

    Raises: ConfigError before the first request if there is a problem; RunBroken if `max_cost` or an endpoint stops the
    requests, where answers received so far are kept.
    """
    from ...evaluate import race_endpoints

    remote = with_rivals(run, output_sets, climb)
    with open_answers(remote.file) as store:
        remote.check(store)
        for line in [*remote.lines(store), *retry_lines(remote, climb, store)]:
            run.talk.note(f"evaluate: {line}")
        budget = remote.budget(store)
        before = budget.spent
        with run.talk.progress("endpoints") as advance:
            traffic = Traffic(advance, budget)
            session = RemoteSession(
                {plan.variant.name: plan for plan in remote.plans}, store, budget, remote.run.longest_output, traffic=traffic,
                warn=lambda text: run.talk.note(f"warning: {text}"),
            )  # fmt: skip
            raced = race_endpoints(
                remote.plans[: len(output_sets)],
                store=store,
                budget=budget,
                traffic=traffic,
                warn=session.warn,
            )
            raw = {
                one.variant.name: raw_of(run, one.variant, outputs, one.variant.model or "")
                for one, outputs in zip(output_sets, raced, strict=True)
            }
            raw |= climb.elsewhere(raw, session)
        after = remote.budget(store)
    if summary := traffic.summary:
        cost = f"; the answers cost {say.money(after.spent - before, after.currency)}" if after.spent > before else ""
        run.talk.note(f"evaluate: {summary}{cost}")
    return raw


def retry_lines(remote: Remote, climb: Climb, store: AnswerStore) -> list[str]:
    """A line for each variant that retries outputs that break rules, with the maximum number of requests and their cost."""
    plans = {plan.variant.name: plan for plan in remote.plans}
    budget, lines = remote.budget(store), []
    for rung in climb.wanted:
        plan = plans.get(rung.base.name)
        if rung.retry is None or plan is None:
            continue
        ahead = forecast_retries(plan, store, tries=rung.retry.tries, longest_output=remote.run.longest_output)
        if plan.endpoint.on_this_machine and not ahead.cost:
            continue
        money = "cost unknown" if ahead.cost is None else f"at most about {say.money(ahead.cost, budget.currency)}"
        lines.append(
            f"{rung.name} retries each output that breaks a rule at {plan.host}: at most {ahead.requests:,} more requests; "
            f"{money}"
        )
    return lines


@dataclass(frozen=True)
class PlannedRival:
    """A rival before it is measured: its maximum number of outputs, with tokens, cost and seconds, None if unknown.

    host: None for a model on this machine. why: the reason if it will not be measured.
    """

    name: str
    way: str
    of: str
    host: str | None
    requests: int
    input_tokens: int | None
    output_tokens: int | None
    cost: float | None
    seconds: float | None
    why: str | None


def planned_rivals(run: Run, output_sets: Sequence[OutputSet], store: AnswerStore) -> list[PlannedRival]:
    """Every rival that prompts a model, the cheapest first; seconds are estimated from an earlier evaluation.

    Raises: ConfigError if personal data would be sent.
    """
    climb = Climb(run, [one.variant for one in output_sets])
    pairs = {one.variant.name: len(one.pairs) * run.project.evaluate.samples for one in output_sets}
    remote = with_rivals(run, output_sets, climb)
    remote.check_privacy(store)
    plans = {plan.variant.name: plan for plan in remote.plans}
    found = []
    for rung in climb.rungs:
        count = pairs[rung.base.name] * (rung.retry.tries - 1 if rung.retry else 1)
        plan = plans.get(rung.base.name if rung.retry else rung.name)
        ahead = None
        if plan is not None and rung.retry is not None:
            ahead = forecast_retries(plan, store, tries=rung.retry.tries, longest_output=remote.run.longest_output)
        elif plan is not None:
            ahead = forecast(plan, store, longest_output=remote.run.longest_output)
        timed = None if run.results is None else run.results.seconds.get(rung.base.name)
        speed = None if timed is None else timed.per_second
        together = rung.base.settings.concurrency if rung.base.endpoint else 1
        found.append(
            PlannedRival(
                rung.name, rung.variant.way, rung.base.name,
                host_of(rung.base.endpoint) if rung.base.endpoint else None,
                count if ahead is None else ahead.requests,
                None if ahead is None else ahead.input_tokens,
                None if ahead is None else ahead.output_tokens,
                0.0 if rung.base.endpoint is None else None if ahead is None or ahead.cost is None else float(ahead.cost),
                count / speed / together if speed else None,
                climb.left_out.get(rung.name),
            )
        )  # fmt: skip
    return found
