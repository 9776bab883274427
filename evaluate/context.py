"""What an evaluation takes over from earlier stages."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from ..curate import Curation
from .results import IntegrityFinding, LearningCurve, Problem, Provenance, Risk, Training
from .risks.overfitting import Outcomes


@dataclass(frozen=True)
class RunContext:
    """Results of earlier stages that the evaluation includes; any may be None.

    `left_out` are the rivals that were not measured, each with the reason; `on_train` are the candidate's outcomes on
    train pairs; `forgetting` compares its general abilities with those of its base model. `identifiers`
    are the fields that do not make a request another one. `copied` are the ids of held-out pairs that rows stated for train
    repeat: a model trained elsewhere is compared without them; `leaked` says that this was done in
    an earlier evaluation of the same outputs.
    """

    data: Curation | None = None
    training: Training | None = None
    provenance: Provenance | None = None
    train: pl.DataFrame | None = None
    validity: Sequence[Problem] = ()
    left_out: Sequence[tuple[str, str]] = ()
    on_train: Outcomes | None = None
    forgetting: Risk | None = None
    learning_curve: LearningCurve | None = None
    copied: Sequence[str] = ()
    leaked: Sequence[IntegrityFinding] = ()
    identifiers: Sequence[str] = ()
    project: str = ""
    created: str = ""
