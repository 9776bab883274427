"""A search that rewrites the guide: GEPA, whose feedback are the rules that outputs break, in the schema's sentences."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

import numpy as np
import polars as pl

from ...core import ConfigError, install_command
from ...style import StyleSchema, write_guide
from ..scores.score import Scores
from ..variants import Variant
from .candidates import broken_rules
from .searched import Tried
from .settings import FEWEST_PAIRS

GUIDE = "guide"
REFLECTED = 3  # train pairs that a reflection reads, GEPA's own default
# The parent and the child on a minibatch: what an iteration takes, but for a child that is better there.
ITERATION = 2 * REFLECTED
Ask = Callable[[Variant, pl.DataFrame], Scores]


def need_gepa() -> None:
    """Raises: ConfigError with the command to install the library if it is missing."""
    if find_spec("gepa") is None:
        raise ConfigError(
            f"[evaluate.search] reflection needs gepa\nInstall with: {install_command('search')}, or remove reflection."
        )


def plan_evolution(pairs: int, calls: int) -> int:
    """The validation pairs that each accepted guide is measured on, so that at least two guides are; 0 if too few calls.

    The calls of the search never exceed `calls`: an iteration begins only if what it may take is left.
    """
    most = min(pairs, (calls - ITERATION) // 2)
    return most if most >= min(pairs, FEWEST_PAIRS) else 0


def most_reflections(pairs: int, calls: int) -> int:
    """The most reflections of a search: one for each iteration that the calls allow."""
    return max(0, -(-_limit(pairs, calls) // ITERATION))


def _limit(pairs: int, calls: int) -> int:
    """The number of calls from which no iteration begins: one more takes an iteration and all pairs at most."""
    return calls - ITERATION - pairs + 1


def evolve_guide(
    base: Variant,
    train: pl.DataFrame,
    validation: pl.DataFrame,
    *,
    style: StyleSchema,
    ask: Ask,
    reflect: Callable[[str], str],
    calls: int,
    seed: int,
) -> tuple[list[Tried], int]:
    """Every guide that GEPA measured on the validation pairs, the base variant's own first, and the place of the best.

    `ask` gives the scored outputs of a variant for pairs, `reflect` the answer of the reflecting model; an exception of
    either ends the search and is raised. Reflections read train pairs only. The same answers give the same search.
    """
    from gepa.api import optimize

    adapter = _Adapter(base, style, ask, train, validation)
    mirror = _Mirror(reflect)
    result = optimize(
        {GUIDE: base.guide or write_guide(style)},
        [("train", row) for row in range(len(train))],
        [("validation", row) for row in range(len(validation))],
        adapter=adapter,  # type: ignore[arg-type]
        reflection_lm=mirror,  # type: ignore[arg-type]
        reflection_minibatch_size=REFLECTED,
        max_metric_calls=_limit(len(validation), calls),
        stop_callbacks=[lambda gepa_state: mirror.error is not None],
        logger=_Silent(),
        track_best_outputs=False,
        seed=seed,
    )
    if mirror.error is not None:
        raise mirror.error
    tried = [
        Tried(
            f"guide {number}" if number else "guide as it is", adapter.variant(candidate), adapter.outcomes(candidate)
        )
        for number, candidate in enumerate(result.candidates)
    ]
    return tried, result.best_idx


class _Silent:
    """GEPA's log says what the table of tried guides says."""

    def log(self, message: str) -> None:
        """Drop a line of the log."""


class _Mirror:
    """The reflecting model. GEPA swallows its exceptions, so the first one is kept and nothing is asked after it."""

    def __init__(self, reflect: Callable[[str], str]) -> None:
        self._reflect = reflect
        self.error: Exception | None = None

    def __call__(self, prompt: Any) -> str:
        """The answer to one prompt."""
        if self.error is not None:
            raise self.error
        try:
            return self._reflect(prompt)
        except Exception as error:
            self.error = error
            raise


Place = tuple[str, int]  # "train" or "validation", row


@dataclass(frozen=True)
class _Seen:
    """One scored output."""

    output: str
    score: float  # NaN if it could not be scored
    rules: tuple[str, ...]


class _Adapter:
    """Connects GEPA to outputs and their scores; every output is asked for once."""

    propose_new_texts = None  # GEPA's own proposer, which calls the reflecting model

    def __init__(
        self, base: Variant, style: StyleSchema, ask: Ask, train: pl.DataFrame, validation: pl.DataFrame
    ) -> None:  # fmt: skip
        self._base, self._style, self._ask = base, style, ask
        self._own = base.guide or write_guide(style)
        self._tables = {"train": train, "validation": validation}
        self._seen: dict[tuple[str, Place], _Seen] = {}

    def variant(self, candidate: Mapping[str, str]) -> Variant:
        """The base variant with the candidate's guide."""
        return self._base if candidate[GUIDE] == self._own else replace(self._base, guide=candidate[GUIDE])

    def outcomes(self, candidate: Mapping[str, str]) -> np.ndarray:
        """The outcomes of a measured candidate on the validation pairs."""
        places = [("validation", row) for row in range(len(self._tables["validation"]))]
        return np.array([self._seen[candidate[GUIDE], place].score for place in places])

    def evaluate(self, batch: list[Place], candidate: dict[str, str], capture_traces: bool = False) -> Any:
        """The scores of a candidate: 1 for an acceptable output, 0 for another one or one that never arrived."""
        from gepa.core.adapter import EvaluationBatch

        self._fetch(batch, candidate)
        seen = [self._seen[candidate[GUIDE], place] for place in batch]
        scores = [0.0 if np.isnan(one.score) else one.score for one in seen]
        return EvaluationBatch(seen, scores, list(zip(batch, seen, strict=True)) if capture_traces else None)

    def make_reflective_dataset(
        self, candidate: dict[str, str], eval_batch: Any, components_to_update: list[str]
    ) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """For each output of a minibatch: request, output, and the feedback."""
        records = [self._record(place, seen) for place, seen in eval_batch.trajectories]
        return dict.fromkeys(components_to_update, records)

    def _record(self, place: Place, seen: _Seen) -> dict[str, str]:
        part, row = place
        request, right = self._tables[part].select("input", "output").row(row)
        feedback = "This answer is right."
        if seen.score != 1:
            rules = "".join(f"\n- {rule}" for rule in seen.rules)
            feedback = f"This answer breaks these rules:{rules}\nA right answer is: {right}"
        return {"Inputs": request, "Generated Outputs": seen.output, "Feedback": feedback}

    def _fetch(self, batch: Sequence[Place], candidate: Mapping[str, str]) -> None:
        """Ask for what is not there yet, part by part, in the order of the rows."""
        for part, table in self._tables.items():
            known = {row for guide, (name, row) in self._seen if guide == candidate[GUIDE] and name == part}
            missing = sorted({row for name, row in batch if name == part} - known)
            if not missing:
                continue
            scored = self._ask(self.variant(candidate), table[missing]).table
            for row, values in zip(missing, scored.iter_rows(named=True), strict=True):
                self._seen[candidate[GUIDE], (part, row)] = self._scored(values)

    def _scored(self, values: Mapping[str, Any]) -> _Seen:
        acceptable = values["acceptable"]
        score = float("nan") if acceptable is None else float(acceptable)
        return _Seen(values["output"] or "", score, tuple(broken_rules(self._style, values["violations"] or ())))
