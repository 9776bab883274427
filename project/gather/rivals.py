"""Measures rivals that prompt a model, with the models and endpoints of the variants that they are derived from."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import polars as pl

from ...core import ModelError, say
from ...evaluate import (
    Again,
    Allowance,
    AnswerStore,
    Budget,
    Raw,
    RemotePlan,
    Retried,
    Rung,
    Traffic,
    Variant,
    ask_again,
    expected_seconds,
    ladder,
    left_out_by_settings,
    plan_chats,
    prompts_of,
    race_endpoints,
    remote_lines,
    request_chats,
    seconds_of,
)
from ..run import Run
from .required import limit_of, raw_of

if TYPE_CHECKING:
    from ...train import LoadedModel

__all__ = ["Climb", "LocalModel", "RemoteSession"]

Chat = list[dict[str, str]]


class LocalModel:
    """The model in memory that generates the outputs of variants and rivals."""

    def __init__(self, run: Run, loaded: "LoadedModel") -> None:
        self.run, self.loaded = run, loaded
        self.limit = limit_of(run, loaded)

    def outputs(self, variant: Variant, pairs: pl.DataFrame) -> Raw:
        """The outputs of a variant, with a note of their number and time."""
        from ...evaluate import race

        with self._progress(variant.name) as progress:
            raced = race(
                variant, pairs, loaded=self.loaded, settings=self.run.project.evaluate, max_new_tokens=self.limit,
                store=self.run.generated, seed=self.run.seed, progress=progress,
            )  # fmt: skip
        seconds, count = raced.outputs["seconds"].sum(), say.count(len(raced.outputs), "output")
        self.run.talk.note(f"evaluate: {variant.name}, {count} in {say.duration(seconds)}")
        return raw_of(self.run, variant, raced, self.loaded.name, self.loaded)

    def answers(self, variant: Variant, wanted: Sequence[Again], temperature: float) -> pl.DataFrame:
        """The outputs of further chats with the model."""
        from ...evaluate import answer_chats

        with self._progress(f"{variant.name} {wanted[0].call}") as progress:
            return answer_chats(
                variant, [one.id for one in wanted], [one.chat for one in wanted], loaded=self.loaded,
                temperature=temperature, max_new_tokens=self.limit, store=self.run.generated, seed=self.run.seed,
                streams=[f"{one.id}\0{one.sample}\0{one.call}" for one in wanted], progress=progress,
            )  # fmt: skip

    def tokens(self, chats: Sequence[Chat]) -> list[int]:
        """The tokens of each chat."""
        from ...evaluate import prompt_tokens

        return prompt_tokens(self.loaded, chats)

    def fixed_tokens(self, variant: Variant) -> int:
        """The tokens of a prompt without the request and its nearest examples."""
        empty = pl.DataFrame({"id": [""], "input": [""], "system": [None]}, schema_overrides={"system": pl.String})
        return self.tokens(prompts_of(replace(variant, nearest=None), empty))[0]

    def fits(self, chats: Sequence[Chat]) -> list[bool]:
        """Which chats leave room for an answer."""
        return [tokens + self.limit <= self.loaded.context for tokens in self.tokens(chats)]

    def prompts(self, variant: Variant, pairs: pl.DataFrame) -> tuple[list[Chat], int]:
        """The prompt of each pair, and the number of prompts that show fewer of the nearest examples."""
        from ...evaluate import fitted_prompts

        return fitted_prompts(variant, pairs, loaded=self.loaded, max_new_tokens=self.limit)

    @contextmanager
    def _progress(self, title: str) -> Iterator[Any]:
        with self.run.talk.progress(f"{title:<9}") as advance:
            yield lambda name, done, of: advance(done, of, "outputs")


@dataclass(frozen=True)
class RemoteSession:
    """An open session with the endpoints of a run: plans of variants and rivals by name, the answers, the budget."""

    plans: Mapping[str, RemotePlan]
    store: AnswerStore
    budget: Budget
    longest_output: int
    traffic: Traffic
    warn: Any


class Climb:
    """The rivals of a run while its outputs are gathered; `left_out` are those not measured, with the reasons."""

    def __init__(self, run: Run, variants: Sequence[Variant]) -> None:
        project = run.project
        self.run, self.settings = run, project.evaluate
        self.rungs = ladder(project.evaluate, variants, style=project.style, train=run.train, folder=project.folder)
        reasons = {r.name: left_out_by_settings(r, project.evaluate, project.roi_settings) for r in self.rungs}
        self.left_out: dict[str, str] = {name: why for name, why in reasons.items() if why is not None}
        trained = float(run.facts.get("seconds", {}).get("train") or 0.0)
        self._allowance = Allowance(project.evaluate.rivals_time, own=trained)

    @property
    def wanted(self) -> list[Rung]:
        """The rivals that are not left out."""
        return [rung for rung in self.rungs if rung.name not in self.left_out]

    def here(self, raws: Mapping[str, Raw], pairs: pl.DataFrame, model: LocalModel) -> dict[str, Raw]:
        """The outputs of these variants' rivals, from the same model."""
        self._count(raws)
        found = {}
        for rung in self.wanted:
            if (raw := raws.get(rung.base.name)) is None:
                continue
            climbed = self._again(rung, raw, pairs, model) if rung.retry else self._shown(rung, raw, pairs, model)
            if climbed is not None:
                found[rung.name] = climbed
        return found

    def elsewhere(self, raws: Mapping[str, Raw], session: RemoteSession) -> dict[str, Raw]:
        """The outputs of these variants' rivals, from the same endpoints."""
        self._count(raws)
        found = {}
        for rung in self.wanted:
            if (raw := raws.get(rung.base.name)) is None:
                continue
            climbed = self._requested_again(rung, raw, session) if rung.retry else self._requested(rung, raw, session)
            if climbed is not None:
                found[rung.name] = climbed
        return found

    # --- time -------------------------------------------------------------------------------------------------

    def _count(self, raws: Mapping[str, Raw]) -> None:
        """Add the time of these variants to the run's own time."""
        self._allowance.own += sum(seconds_of(raw.outputs, raw.variant.settings) for raw in raws.values())

    def _admits(self, rung: Rung, seconds: float) -> bool:
        """Whether a rival's time is within the allowance; a rival that the project names may take any time."""
        why = self._allowance.refuses(seconds) if self.settings.rivals == "auto" else None
        if why is not None:
            self.left_out[rung.name] = why
        return why is None

    def _took(self, raw: Raw, base: Raw | None = None) -> float:
        """Count and return the time of a rival, without that of the variant whose outputs it starts from."""
        seconds = seconds_of(raw.outputs, raw.variant.settings)
        seconds -= seconds_of(base.outputs, base.variant.settings) if base is not None else 0.0
        self._allowance.spent += seconds
        return seconds

    def _note_again(self, rung: Rung, retried: Retried, base: Raw) -> Raw:
        seconds = self._took(retried.raw, base)
        room = f", {retried.no_room} had no room to name the rules" if retried.no_room else ""
        self.run.talk.note(
            f"evaluate: {rung.name}, {retried.asked} of {say.count(len(base.outputs), 'output')} retried, "
            f"{retried.fixed} fixed{room}, in {say.duration(seconds)}"
        )
        return retried.raw

    # --- a model on this machine ------------------------------------------------------------------------------

    def _shown(self, rung: Rung, raw: Raw, pairs: pl.DataFrame, model: LocalModel) -> Raw | None:
        """A rival with another prompt."""
        from ...evaluate import check_room

        try:
            fewer = check_room(rung.variant, pairs, loaded=model.loaded, max_new_tokens=model.limit)
        except ModelError as error:
            self.left_out[rung.name] = str(error).splitlines()[0]
            return None
        samples = self.settings.samples
        tokens = sum(model.tokens(model.prompts(rung.variant, pairs)[0])) * samples
        calls = len(pairs) * samples
        # The part that all prompts share is processed once.
        beyond = tokens - model.fixed_tokens(rung.variant) * calls
        if not self._admits(rung, expected_seconds(raw, calls=calls, input_tokens=max(beyond, 0))):
            return None
        if fewer:
            self.run.talk.note(
                f"evaluate: {rung.name}, {say.count(fewer, 'prompt')} with fewer examples, to fit the context"
            )
        found = model.outputs(rung.variant, pairs)
        self._took(found)
        return found

    def _again(self, rung: Rung, raw: Raw, pairs: pl.DataFrame, model: LocalModel) -> Raw | None:
        """A rival that retries outputs that break rules."""
        retry, variant = rung.retry, replace(rung.base, name=rung.name)
        assert retry is not None
        temperature = self.settings.temperature if retry.temperature is None else retry.temperature

        def allow(wanted: Sequence[Again]) -> bool:
            calls = len(wanted) * (retry.tries - 1)
            beyond = sum(model.tokens([one.chat for one in wanted])) - (raw.fixed_tokens or 0) * len(wanted)
            return self._admits(
                rung, expected_seconds(raw, calls=calls, input_tokens=max(beyond, 0) * (retry.tries - 1))
            )

        retried = ask_again(
            raw, pairs, self.run.style, ask=lambda wanted: model.answers(variant, wanted, temperature),
            tries=retry.tries, repeats=temperature == 0, prompts=model.prompts(rung.base, pairs)[0], fits=model.fits,
            allow=allow,
        )  # fmt: skip
        return None if retried is None else self._note_again(rung, retried, raw)

    # --- an endpoint ------------------------------------------------------------------------------------------

    def _requested(self, rung: Rung, raw: Raw, session: RemoteSession) -> Raw | None:
        plan = session.plans[rung.name]
        if not self._admits(rung, expected_seconds(raw, calls=len(plan.requests), input_tokens=None)):
            return None
        (raced,) = race_endpoints(
            [plan], store=session.store, budget=session.budget, traffic=session.traffic, warn=session.warn
        )
        if refused := set(raced.refused).intersection(
            rung.variant.constraint.parameters if rung.variant.constraint else ()
        ):
            self.left_out[rung.name] = f'the endpoint rejects "{refused.pop()}", so its outputs were not constrained'
            return None
        found = raw_of(self.run, rung.variant, raced, rung.variant.model or "")
        seconds = self._took(found)
        self.run.talk.note(
            f"evaluate: {rung.name}, {say.count(len(found.outputs), 'output')} in {say.duration(seconds)}"
        )
        return found

    def _requested_again(self, rung: Rung, raw: Raw, session: RemoteSession) -> Raw | None:
        retry, plan = rung.retry, session.plans[rung.base.name]
        assert retry is not None
        own = plan.endpoint.parameters.get("temperature", plan.temperature)
        temperature = own if retry.temperature is None else retry.temperature
        samples = self.settings.samples

        def planned(wanted: Sequence[Again]) -> RemotePlan:
            return plan_chats(
                plan, replace(rung.base, name=rung.name), rows=[one.row // samples for one in wanted],
                chats=[one.chat for one in wanted], temperature=retry.temperature,
                # Sample numbers beyond the first ones give each call its own seed.
                samples=[one.sample + samples * (one.call - 1) for one in wanted],
            )  # fmt: skip

        def ask(wanted: Sequence[Again]) -> pl.DataFrame:
            further = planned(wanted)
            for line in remote_lines([further], session.store, session.budget, longest_output=session.longest_output):
                self.run.talk.note(f"evaluate: {line}")
            return request_chats(
                further, store=session.store, budget=session.budget, traffic=session.traffic, warn=session.warn
            )

        def allow(wanted: Sequence[Again]) -> bool:
            return self._admits(rung, expected_seconds(raw, calls=len(wanted) * (retry.tries - 1), input_tokens=None))

        retried = ask_again(
            raw, plan.pairs, self.run.style, ask=ask, tries=retry.tries, repeats=temperature == 0, allow=allow
        )
        return None if retried is None else self._note_again(rung, retried, raw)
