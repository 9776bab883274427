"""What is wrong with outputs, as the files alone show it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from ...curate import enough_cases
from ..context import RunContext
from ..outputs.table import Raw
from ..results import NO_MODEL, IntegrityEffect, IntegrityFinding, IntegrityKind
from ..risks.memorisation import MORE_WHOLE, REFERENCES_COPY, recitable, recited
from ..scores.causes import MOST_IDS, as_written
from ..scores.groups import groups_of
from ..scores.score import Scores
from .assignment import SHIFTS, Assignment, Requests
from .cut import find_cut

# Benchmarks/integrity.md has these shares for honest outputs of many kinds: texts of the nearest training request, which
# may answer another request, reach 12% of outputs that clearly do, and 21% of outputs that seem to.
FEWEST = 5
NEAR = 0.02  # of the outputs, most of those elsewhere, answer the request at one place nearby
RANDOM = 0.25  # of the outputs answer others, while they fit their own requests no better than any
CLEAR, DOUBTFUL = 0.25, 0.02  # of the outputs answer another request clearly
HALF = 0.5


def find_integrity(
    raws: Mapping[str, Raw], scores: Mapping[str, Scores], pairs: pl.DataFrame, train: pl.DataFrame | None = None
) -> list[IntegrityFinding]:
    """What is wrong with the outputs of each variant that has outputs of its own, from a model.

    Of several samples, the first is checked. Outputs of files may be in another order than the requests, those of an
    endpoint answers to the request before, or cut without a word. What recites a text of `train` answers no request.
    """
    own = [name for name, raw in raws.items() if not raw.variant.of and raw.variant.way not in NO_MODEL]
    if not len(pairs) or not own:
        return []
    references, inputs, found = pairs["output"].to_list(), pairs["input"].to_list(), []
    requests = Requests(references, inputs)
    known = set() if train is None else recitable(train["output"].to_list(), groups_of(train))
    usual = recited(references, known, inputs).mean()
    for name in own:
        table = scores[name].table.gather_every(scores[name].samples)
        outputs = own_answers = as_written(table)
        learnt = recited(outputs.to_list(), known, inputs)
        if usual <= REFERENCES_COPY and learnt.mean() - usual > MORE_WHOLE:
            found.append(_finding("recited", name, pairs["id"], np.flatnonzero(learnt), len(pairs), "doubt"))
            learnt &= (outputs != pairs["output"]).fill_null(True).to_numpy()
            own_answers = pl.select(pl.when(~pl.lit(pl.Series(learnt))).then(pl.lit(outputs))).to_series()
        found += _elsewhere(name, requests.assign(own_answers.to_list()), pairs["id"])
        unknown = table.select(pl.col("finish_reason").is_null() & pl.col("error").is_null()).to_series().to_numpy()
        cut = find_cut(
            outputs,
            table["output_tokens"] - table["reasoning_tokens"].fill_null(0),
            pairs["output"],
            pairs["input"],
            unknown,
        )
        if cut is not None:
            found.append(
                _finding("cut", name, pairs["id"], cut.rows, len(pairs), "invalid", length=cut.length, unit=cut.unit)
            )
    return found


def without_copied(
    pairs: pl.DataFrame, raw: Sequence[Raw], context: RunContext, candidate: str
) -> tuple[pl.DataFrame, Sequence[Raw], list[IntegrityFinding]]:
    """The pairs and outputs without those that rows stated for train repeat, if the candidate was trained elsewhere.

    Where too few pairs would remain for a verdict, they are all kept, and the comparison is invalid.
    """
    ours = next((one for one in raw if one.variant.name == candidate), None)
    elsewhere = ours is not None and ours.variant.source in ("outputs", "endpoint") and context.training is None
    copied = pairs.filter(pl.col("id").is_in(context.copied))["id"].to_list() if elsewhere else []
    if not copied:
        return pairs, raw, []
    enough = enough_cases(len(pairs) - len(copied)).enough
    effect = "left out" if enough else "invalid"
    found = [_finding("leaked", candidate, pl.Series(copied), np.arange(len(copied)), len(pairs), effect)]
    if not enough:
        return pairs, raw, found
    return pairs.filter(~pl.col("id").is_in(copied)), [one.without(copied) for one in raw], found


def _elsewhere(name: str, found: Assignment, ids: pl.Series) -> list[IntegrityFinding]:
    """Outputs that answer other requests: a run of them shifted, single ones from nearby, or any order."""
    if len(found.shifted):
        return [_finding("shifted", name, ids, found.shifted, len(ids), "invalid", shift=found.shift)]
    if len(found.elsewhere) < FEWEST:
        return []
    places = {shift: (found.target - found.elsewhere) % len(ids) == shift % len(ids) for shift in SHIFTS}
    shift = max(places, key=lambda place: int(places[place].sum()))
    near = found.elsewhere[places[shift]]
    if len(near) >= max(FEWEST, NEAR * found.looked) and len(near) >= HALF * len(found.elsewhere):
        return [_finding("shifted", name, ids, near, found.looked, "invalid", shift=shift)]
    clear, effect = found.elsewhere[found.clear], "doubt"
    if found.at_random and len(found.elsewhere) >= RANDOM * found.looked:
        clear, effect = found.elsewhere, "invalid"
    elif len(clear) >= CLEAR * found.looked:
        effect = "invalid"
    elif len(clear) < max(FEWEST, DOUBTFUL * found.looked):
        return []
    return [_finding("other requests", name, ids, clear, found.looked, effect)]


def _finding(
    what: IntegrityKind, name: str, ids: pl.Series, rows: np.ndarray, of: int, effect: IntegrityEffect, **more: Any
) -> IntegrityFinding:
    named = ids.gather(rows[:MOST_IDS]).to_list()
    return IntegrityFinding(what=what, variant=name, n=len(rows), of=of, ids=named, effect=effect, **more)
