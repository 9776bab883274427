"""Requests to variants at endpoints: announced first, stopped if not allowed, with answers stored as they arrive."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...core import say
from ...evaluate import (
    AnswerStore,
    Budget,
    Raw,
    RemotePlan,
    check_keys,
    check_privacy,
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

__all__ = ["Remote", "check_addresses", "check_endpoints", "remote_of", "request_outputs", "retry_lines", "rivals_of"]


@dataclass(frozen=True)
class Remote:
    """All requests of a run to endpoints, and the file with the answers."""

    run: Run
    plans: Sequence[RemotePlan]

    @property
    def file(self) -> Path:
        """The file of the endpoints' answers, one per line."""
        return self.run.folder / "evaluate" / "answers.jsonl"

    @property
    def longest_output(self) -> int:
        """The bytes of the longest training output."""
        return max((len(text.encode(errors="replace")) for text in self.run.train["output"]), default=0)

    def budget(self, store: AnswerStore) -> Budget:
        """The limit of `max_cost`, and the cost of the answers stored so far."""
        roi = self.run.project.roi_settings
        currency = "EUR" if roi is None else roi.currency
        prices = {(plan.endpoint.url, plan.endpoint.model): plan.price for plan in self.plans}
        spent = spent_on(
            store.lines.values(),
            currency=currency,
            price=lambda line: prices.get((str(line.get("endpoint")), str(line.get("output_sets")))),
        )
        return Budget(self.run.project.evaluate.max_cost, currency=currency, spent=spent)

    def lines(self, store: AnswerStore, *, all_hosts: bool = False) -> list[str]:
        """A line per host with requests, tokens and cost."""
        return remote_lines(
            self.plans, store, self.budget(store), longest_output=self.longest_output, all_hosts=all_hosts
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


def remote_of(run: Run, output_sets: Sequence[OutputSet]) -> Remote:
    """The requests to output_set variant at an endpoint; nothing is sent.

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
    """Check addresses, parameters, keys and prices for `max_cost` first, without a run.

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
    """Check the run's endpoints and their keys, and that no personal data would be sent, before other work on the run.

    Raises: ConfigError if anything is wrong, for rivals that would be measured there too.
    """
    remote, climb = remote_of(run, output_sets), Climb(run, [one.variant for one in output_sets])
    everything = replace(remote, plans=[*remote.plans, *rivals_of(run, output_sets, climb).plans])
    everything.check(AnswerStore(remote.file))
    _check_repeated(everything, climb)


def request_outputs(run: Run, output_sets: Sequence[OutputSet], climb: Climb) -> dict[str, Raw]:
    """The outputs of variants at endpoints and of their rivals. Stored answers are not requested again.

    Raises: ConfigError before the first request if there is a problem, RunBroken if `max_cost` or an endpoint
    stops the requests; answers received so far are kept.
    """
    from ...evaluate import race_endpoints

    remote, rivals = remote_of(run, output_sets), rivals_of(run, output_sets, climb)
    everything = replace(remote, plans=[*remote.plans, *rivals.plans])
    with open_answers(remote.file) as store:
        everything.check(store)
        _check_repeated(everything, climb)
        for line in [*everything.lines(store), *retry_lines(everything, climb, store)]:
            run.talk.note(f"evaluate: {line}")
        budget = everything.budget(store)
        before = budget.spent
        with run.talk.progress("endpoints") as advance:
            session = RemoteSession(
                {plan.variant.name: plan for plan in everything.plans}, store, budget, remote.longest_output,
                progress=lambda name, done, of: advance(done, of, name),
                warn=lambda text: run.talk.note(f"warning: {text}"),
            )  # fmt: skip
            raced = race_endpoints(
                remote.plans, store=store, budget=budget, progress=session.progress, warn=session.warn
            )
            raw = {
                one.variant.name: raw_of(run, one.variant, outputs, one.variant.model or "")
                for one, outputs in zip(output_sets, raced, strict=True)
            }
            raw |= climb.elsewhere(raw, session)
        after = everything.budget(store)
    if after.spent > before:
        run.talk.note(f"evaluate: the endpoints' answers cost {say.money(after.spent - before, after.currency)}")
    return raw


def rivals_of(run: Run, output_sets: Sequence[OutputSet], climb: Climb) -> Remote:
    """The requests of the rivals that prompt an endpoint in another way; nothing is sent."""
    pairs = {one.variant.name: one.pairs for one in output_sets}
    return remote_of(
        run,
        [
            OutputSet(rung.variant, pairs[rung.base.name])
            for rung in climb.wanted
            if rung.retry is None and rung.base.name in pairs
        ],
    )


def _check_repeated(remote: Remote, climb: Climb) -> None:
    """Check what retries would send again although its first answer is stored.

    Raises: ConfigError as `check_privacy`.
    """
    if remote.run.project.evaluate.personal_data == "refuse":
        names = {rung.base.name for rung in climb.wanted if rung.retry}
        check_privacy([plan for plan in remote.plans if plan.variant.name in names], store=())


def retry_lines(remote: Remote, climb: Climb, store: AnswerStore) -> list[str]:
    """A line for each variant whose outputs are asked for again where they break rules: at most how often, at which cost."""
    plans = {plan.variant.name: plan for plan in remote.plans}
    budget, lines = remote.budget(store), []
    for rung in climb.wanted:
        plan = plans.get(rung.base.name)
        if rung.retry is None or plan is None:
            continue
        ahead = forecast_retries(plan, store, tries=rung.retry.tries, longest_output=remote.longest_output)
        if plan.endpoint.on_this_machine and not ahead.cost:
            continue
        money = "cost unknown" if ahead.cost is None else f"at most about {say.money(ahead.cost, budget.currency)}"
        lines.append(
            f"{rung.name} asks {plan.host} again for each output that breaks a rule: at most {ahead.requests:,} more "
            f"requests; {money}"
        )
    return lines
