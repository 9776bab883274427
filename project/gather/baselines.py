"""Measures rivals that prompt a model, with the models and endpoints of the variants that they are derived from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from ...core import ModelError, host_of, say
from ...evaluate import (
    Again,
    Allowance,
    AnswerStore,
    Baseline,
    Raw,
    RemotePlan,
    Retried,
    Variant,
    ask_again,
    expected_seconds,
    forecast,
    forecast_retries,
    left_out_by_settings,
    plan_baselines,
    plan_chats,
    remote_lines,
    seconds_of,
)
from ..run import Run
from .output_plan import OutputSet, raw_of
from .sources import LocalModel, Remote, Session, remote_of


class BaselineRunner:
    """The rivals of a run while its outputs are gathered; `left_out` are those not measured, with the reasons."""

    def __init__(self, run: Run, variants: Sequence[Variant]) -> None:
        project = run.project
        self.run, self.settings = run, project.evaluate
        self.baselines = plan_baselines(
            project.evaluate, variants, style=project.style, train=run.train, folder=project.folder
        )
        reasons = {
            one.name: left_out_by_settings(one, project.evaluate, project.roi_settings) for one in self.baselines
        }
        self.left_out: dict[str, str] = {name: why for name, why in reasons.items() if why is not None}
        trained = float(run.facts.get("seconds", {}).get("train") or 0.0)
        self._allowance = Allowance(project.evaluate.rivals_time, own=trained)

    @property
    def wanted(self) -> list[Baseline]:
        """The rivals that are not left out."""
        return [baseline for baseline in self.baselines if baseline.name not in self.left_out]

    def run_here(self, raws: Mapping[str, Raw], pairs: pl.DataFrame, model: LocalModel) -> dict[str, Raw]:
        """The outputs of these variants' rivals, from the same model."""
        return self._measured(
            raws,
            prompt=lambda baseline, raw: self._prompted(baseline, raw, pairs, model),
            retry=lambda baseline, raw: self._retried(baseline, raw, pairs, model),
        )

    def run_elsewhere(
        self, raws: Mapping[str, Raw], plans: Mapping[str, RemotePlan], session: Session
    ) -> dict[str, Raw]:
        """The outputs of these variants' rivals, from the same endpoints; `plans` are those of variants and rivals."""
        return self._measured(
            raws,
            prompt=lambda baseline, raw: self._requested(baseline, raw, plans[baseline.name], session),
            retry=lambda baseline, raw: self._requested_again(baseline, raw, plans[baseline.base.name], session),
        )

    def _measured(
        self, raws: Mapping[str, Raw], *, prompt: Callable[[Baseline, Raw], Raw | None],
        retry: Callable[[Baseline, Raw], Raw | None],
    ) -> dict[str, Raw]:  # fmt: skip
        # The time of these variants is part of the run's own time.
        self._allowance.own += sum(seconds_of(raw.outputs, raw.variant.settings) for raw in raws.values())
        found = {}
        for baseline in self.wanted:
            if (raw := raws.get(baseline.base.name)) is None:
                continue
            measured = retry(baseline, raw) if baseline.retry else prompt(baseline, raw)
            if measured is not None:
                found[baseline.name] = measured
        return found

    # --- time -------------------------------------------------------------------------------------------------

    def _admits(self, baseline: Baseline, seconds: float) -> bool:
        """Whether a rival's time is within the allowance; a rival that the project names may take any time."""
        why = self._allowance.refuses(seconds) if self.settings.rivals == "auto" else None
        if why is not None:
            self.left_out[baseline.name] = why
        return why is None

    def _took(self, raw: Raw, base: Raw | None = None) -> float:
        """Count and return the time of a rival, without that of the variant whose outputs it starts from."""
        seconds = seconds_of(raw.outputs, raw.variant.settings)
        seconds -= seconds_of(base.outputs, base.variant.settings) if base is not None else 0.0
        self._allowance.spent += seconds
        return seconds

    def _note_again(self, baseline: Baseline, retried: Retried, base: Raw) -> Raw:
        seconds = self._took(retried.raw, base)
        room = f", {retried.no_room} had no room to name the rules" if retried.no_room else ""
        self.run.talk.note(
            f"evaluate: {baseline.name}, {retried.asked} of {say.count(len(base.outputs), 'output')} retried, "
            f"{retried.fixed} fixed{room}, in {say.duration(seconds)}"
        )
        return retried.raw

    # --- a model on this machine ------------------------------------------------------------------------------

    def _prompted(self, baseline: Baseline, raw: Raw, pairs: pl.DataFrame, model: LocalModel) -> Raw | None:
        """A rival with another prompt."""
        try:
            fewer = model.check_room(baseline.variant, pairs)
        except ModelError as error:
            self.left_out[baseline.name] = str(error).splitlines()[0]
            return None
        samples = self.settings.samples
        tokens = sum(model.tokens(model.prompts(baseline.variant, pairs))) * samples
        calls = len(pairs) * samples
        # The part that all prompts share is processed once.
        beyond = tokens - model.fixed_tokens(baseline.variant) * calls
        if not self._admits(baseline, expected_seconds(raw, calls=calls, input_tokens=max(beyond, 0))):
            return None
        if fewer:
            self.run.talk.note(
                f"evaluate: {baseline.name}, {say.count(fewer, 'prompt')} with fewer examples, to fit the context"
            )
        found = model.outputs(baseline.variant, pairs)
        self._took(found)
        return found

    def _retried(self, baseline: Baseline, raw: Raw, pairs: pl.DataFrame, model: LocalModel) -> Raw | None:
        """A rival that retries outputs that break rules."""
        retry, variant = baseline.retry, replace(baseline.base, name=baseline.name)
        assert retry is not None
        temperature = self.settings.temperature if retry.temperature is None else retry.temperature

        def allow(wanted: Sequence[Again]) -> bool:
            calls = len(wanted) * (retry.tries - 1)
            beyond = sum(model.tokens([one.chat for one in wanted])) - (raw.fixed_tokens or 0) * len(wanted)
            return self._admits(
                baseline, expected_seconds(raw, calls=calls, input_tokens=max(beyond, 0) * (retry.tries - 1))
            )

        retried = ask_again(
            raw, pairs, self.run.style, ask=lambda wanted: model.answers(variant, wanted, temperature),
            tries=retry.tries, repeats=temperature == 0, prompts=model.prompts(baseline.base, pairs), fits=model.fits,
            allow=allow,
        )  # fmt: skip
        return None if retried is None else self._note_again(baseline, retried, raw)

    # --- an endpoint ------------------------------------------------------------------------------------------

    def _requested(self, baseline: Baseline, raw: Raw, plan: RemotePlan, session: Session) -> Raw | None:
        """A rival with another prompt."""
        if not self._admits(baseline, expected_seconds(raw, calls=len(plan.requests), input_tokens=None)):
            return None
        (raced,) = session.race([plan])
        variant = baseline.variant
        if refused := set(raced.refused).intersection(variant.constraint.parameters if variant.constraint else ()):
            self.left_out[baseline.name] = (
                f'the endpoint rejects "{refused.pop()}", so its outputs were not constrained'
            )
            return None
        found = raw_of(self.run, variant, raced, variant.model or "")
        seconds = self._took(found)
        self.run.talk.note(
            f"evaluate: {baseline.name}, {say.count(len(found.outputs), 'output')} in {say.duration(seconds)}"
        )
        return found

    def _requested_again(self, baseline: Baseline, raw: Raw, plan: RemotePlan, session: Session) -> Raw | None:
        """A rival that retries outputs that break rules."""
        retry = baseline.retry
        assert retry is not None
        own = plan.endpoint.parameters.get("temperature", plan.temperature)
        temperature = own if retry.temperature is None else retry.temperature
        samples = self.settings.samples

        def ask(wanted: Sequence[Again]) -> pl.DataFrame:
            further = plan_chats(
                plan, replace(baseline.base, name=baseline.name), rows=[one.row // samples for one in wanted],
                chats=[one.chat for one in wanted], temperature=retry.temperature,
                # Sample numbers beyond the first ones give each call its own seed.
                samples=[one.sample + samples * (one.call - 1) for one in wanted],
            )  # fmt: skip
            for line in remote_lines([further], session.store, session.budget, longest_output=self.run.longest_output):
                self.run.talk.note(f"evaluate: {line}")
            return session.chats(further)

        def allow(wanted: Sequence[Again]) -> bool:
            calls = len(wanted) * (retry.tries - 1)
            return self._admits(baseline, expected_seconds(raw, calls=calls, input_tokens=None))

        retried = ask_again(
            raw, plan.pairs, self.run.style, ask=ask, tries=retry.tries, repeats=temperature == 0, allow=allow
        )
        return None if retried is None else self._note_again(baseline, retried, raw)


# --- before anything is sent --------------------------------------------------------------------------------------------


def with_rivals(run: Run, output_sets: Sequence[OutputSet], runner: BaselineRunner) -> Remote:
    """The requests to every variant at an endpoint, followed by those of its rivals; nothing is sent.

    Raises: as `remote_of`.
    """
    hosted = [one for one in output_sets if one.variant.source == "endpoint"]
    pairs = {one.variant.name: one.pairs for one in hosted}
    baselines = [baseline for baseline in runner.wanted if baseline.base.name in pairs]
    prompted = [OutputSet(one.variant, pairs[one.base.name]) for one in baselines if one.retry is None]
    repeated = frozenset(one.base.name for one in baselines if one.retry)
    return replace(remote_of(run, [*hosted, *prompted]), repeated=repeated)


def check_endpoints(run: Run, output_sets: Sequence[OutputSet]) -> None:
    """Check the endpoints of the run and its rivals and their keys, and that no personal data would be sent.

    Raises: ConfigError if anything is wrong.
    """
    runner = BaselineRunner(run, [one.variant for one in output_sets])
    remote = with_rivals(run, output_sets, runner)
    remote.check(AnswerStore(remote.file))


def retry_lines(remote: Remote, runner: BaselineRunner, store: AnswerStore) -> list[str]:
    """A line for each variant that retries outputs that break rules, with the maximum number of requests and their cost."""
    plans = {plan.variant.name: plan for plan in remote.plans}
    budget, lines = remote.budget(store), []
    for baseline in runner.wanted:
        plan = plans.get(baseline.base.name)
        if baseline.retry is None or plan is None:
            continue
        ahead = forecast_retries(plan, store, tries=baseline.retry.tries, longest_output=remote.run.longest_output)
        if plan.endpoint.on_this_machine and not ahead.cost:
            continue
        money = "cost unknown" if ahead.cost is None else f"at most about {say.money(ahead.cost, budget.currency)}"
        lines.append(
            f"{baseline.name} retries each output that breaks a rule at {plan.host}: at most {ahead.requests:,} more "
            f"requests; {money}"
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
    runner = BaselineRunner(run, [one.variant for one in output_sets])
    pairs = {one.variant.name: len(one.pairs) * run.project.evaluate.samples for one in output_sets}
    remote = with_rivals(run, output_sets, runner)
    remote.check_privacy(store)
    plans = {plan.variant.name: plan for plan in remote.plans}
    return [
        _planned(baseline, plans, pairs[baseline.base.name], run, store, why=runner.left_out.get(baseline.name))
        for baseline in runner.baselines
    ]


def _planned(
    baseline: Baseline, plans: Mapping[str, RemotePlan], outputs: int, run: Run, store: AnswerStore, *, why: str | None
) -> PlannedRival:
    """A rival whose base variant has that many outputs."""
    base, retry = baseline.base, baseline.retry
    count = outputs * (retry.tries - 1 if retry else 1)
    plan, ahead = plans.get(base.name if retry else baseline.name), None
    if plan is not None and retry is not None:
        ahead = forecast_retries(plan, store, tries=retry.tries, longest_output=run.longest_output)
    elif plan is not None:
        ahead = forecast(plan, store, longest_output=run.longest_output)
    timed = None if run.results is None else run.results.seconds.get(base.name)
    speed = None if timed is None else timed.per_second
    together = base.settings.concurrency if base.endpoint else 1
    return PlannedRival(
        baseline.name, baseline.variant.way, base.name,
        host=host_of(base.endpoint) if base.endpoint else None,
        requests=count if ahead is None else ahead.requests,
        input_tokens=None if ahead is None else ahead.input_tokens,
        output_tokens=None if ahead is None else ahead.output_tokens,
        cost=0.0 if base.endpoint is None else None if ahead is None or ahead.cost is None else float(ahead.cost),
        seconds=count / speed / together if speed else None,
        why=why,
    )  # fmt: skip
