"""Where outputs come from: a model in memory, and the endpoints of a run, whose answers are stored as they arrive."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from ...core import Console, say
from ...evaluate import (
    Again,
    AnswerStore,
    Budget,
    EvaluateSettings,
    Raced,
    Raw,
    RemotePlan,
    Traffic,
    Variant,
    check_keys,
    check_privacy,
    plan_remote,
    plan_variants,
    prompts_of,
    race_endpoints,
    remote_lines,
    request_chats,
    spent_on,
)
from ..load import NO_PAIRS
from ..project import Project
from ..run import Run
from .output_plan import OutputSet, limit_of, raw_of, remote_limit

if TYPE_CHECKING:
    from ...train import LoadedModel

Chat = list[dict[str, str]]


class LocalModel:
    """A model in memory that generates outputs; each is stored in `store`, by default the run's own, and generated once."""

    def __init__(self, run: Run, loaded: "LoadedModel", *, store: Path | None = None, seed: int | None = None) -> None:
        self.run, self.loaded = run, loaded
        self.store, self.seed = store or run.generated, run.seed if seed is None else seed

    @cached_property
    def limit(self) -> int:
        """The most tokens of an output."""
        return limit_of(self.run, self.loaded)

    def race(
        self, variant: Variant, pairs: pl.DataFrame, *, title: str, limit: int | None = None,
        settings: EvaluateSettings | None = None,
    ) -> Raced:  # fmt: skip
        """The outputs of a variant for these pairs, with a progress bar."""
        from ...evaluate import race

        with self._progress(title) as progress:
            return race(
                variant, pairs, loaded=self.loaded, settings=settings or self.run.project.evaluate,
                max_new_tokens=self.limit if limit is None else limit, store=self.store, seed=self.seed,
                progress=progress,
            )  # fmt: skip

    def outputs(self, variant: Variant, pairs: pl.DataFrame) -> Raw:
        """The outputs of a variant, with a note of their number and time."""
        raced = self.race(variant, pairs, title=f"{variant.name:<9}")
        seconds, count = raced.outputs["seconds"].sum(), say.count(len(raced.outputs), "output")
        self.run.talk.note(f"evaluate: {variant.name}, {count} in {say.duration(seconds)}")
        return raw_of(self.run, variant, raced, self.loaded.name, self.loaded)

    def answers(self, variant: Variant, wanted: Sequence[Again], temperature: float) -> pl.DataFrame:
        """The outputs of further chats with the model."""
        from ...evaluate import answer_chats

        with self._progress(f"{f'{variant.name} {wanted[0].call}':<9}") as progress:
            return answer_chats(
                variant, [one.id for one in wanted], [one.chat for one in wanted], loaded=self.loaded,
                temperature=temperature, max_new_tokens=self.limit, store=self.store, seed=self.seed,
                streams=[f"{one.id}\0{one.sample}\0{one.call}" for one in wanted], progress=progress,
            )  # fmt: skip

    def check_room(self, variant: Variant, pairs: pl.DataFrame) -> int:
        """The number of prompts that show fewer of the nearest examples, so that they leave room for an answer.

        Raises: ModelError if one leaves none even so.
        """
        from ...evaluate import check_room

        return check_room(variant, pairs, loaded=self.loaded, max_new_tokens=self.limit)

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

    def prompts(self, variant: Variant, pairs: pl.DataFrame) -> list[Chat]:
        """The prompt of each pair, with fewer of the nearest examples where they do not all fit."""
        from ...evaluate import fitted_prompts

        return fitted_prompts(variant, pairs, loaded=self.loaded, max_new_tokens=self.limit)[0]

    @contextmanager
    def _progress(self, title: str) -> Iterator[Callable[[str, float, int], None]]:
        with self.run.talk.progress(title) as advance:
            yield lambda name, done, of: advance(done, of, "outputs")


# --- endpoints --------------------------------------------------------------------------------------------------------


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
    hosted = [(one.variant, one.pairs) for one in output_sets if one.variant.source == "endpoint"]
    plans = plan_remote(
        hosted, settings=run.project.evaluate, max_new_tokens=remote_limit(run), seed=run.seed,
        roi=run.project.roi_settings,
    )  # fmt: skip
    return Remote(run, plans)


def check_addresses(project: Project) -> None:
    """Check addresses, parameters, keys and prices for `max_cost`, before there is a run.

    Raises: ConfigError with all problems.
    """
    variants = plan_variants(
        project.evaluate, folder=project.folder, style=project.style, train=NO_PAIRS,
        adapter=Path("adapter"),  # it does not exist yet
    )  # fmt: skip
    hosted = [(variant, NO_PAIRS) for variant in variants if variant.source == "endpoint"]
    check_keys(plan_remote(hosted, settings=project.evaluate, max_new_tokens=1, seed=0, roi=project.roi_settings))


@dataclass(frozen=True)
class Session:
    """Requests under way: the stored answers, the budget, the traffic, and where warnings go."""

    store: AnswerStore
    budget: Budget
    traffic: Traffic
    warn: Callable[[str], None]

    def race(self, plans: Sequence[RemotePlan]) -> list[Raced]:
        """The outputs of each plan; stored answers are not requested again."""
        return race_endpoints(plans, store=self.store, budget=self.budget, traffic=self.traffic, warn=self.warn)

    def chats(self, plan: RemotePlan) -> pl.DataFrame:
        """The outputs of a plan of further chats."""
        return request_chats(plan, store=self.store, budget=self.budget, traffic=self.traffic, warn=self.warn)


@contextmanager
def sending(talk: Console, store: AnswerStore, budget: Budget, *, title: str) -> Iterator[Session]:
    """A session with a progress bar while the block lasts."""
    with talk.progress(title) as advance:
        yield Session(store, budget, Traffic(advance, budget), lambda text: talk.note(f"warning: {text}"))
