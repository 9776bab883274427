"""The outputs that an evaluation requires: variants, pairs and the maximum length."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from ...core import ConfigError
from ...curate import split_files
from ...evaluate import (
    RUN_ADAPTER,
    SEARCHED,
    Raced,
    Raw,
    Variant,
    plan_variants,
    read_searched,
    searched_variant,
    token_limit_without_tokenizer,
)  # fmt: skip
from ..run import Run

if TYPE_CHECKING:
    from ...train import LoadedModel


@dataclass(frozen=True)
class OutputSet:
    """The outputs of one variant that are required for these pairs."""

    variant: Variant
    pairs: pl.DataFrame


def variants_of(run: Run, *, adapter: Path | None) -> Sequence[Variant]:
    """The project's variants, with few-shot examples from this run's train split, which are chosen once."""
    project = run.project
    return run.once(
        ("variants", adapter, run.seed),
        split_files(run.folder, "train"),
        lambda: plan_variants(
            project.evaluate, folder=project.folder, style=project.style, train=run.train,
            data_guide=run.facts.get("data_guide"), adapter=adapter, seed=run.seed,
        ),
    )  # fmt: skip


def required_outputs(run: Run, *, adapter: Path | None) -> list[OutputSet]:
    """Every variant with the test pairs, including the prompt that a search found.

    Raises: ConfigError if the run was trained at a provider, and no endpoint of the tuned model is stated.
    """
    settings = run.project.evaluate
    _check_endpoint(run)
    variants = variants_of(run, adapter=adapter)
    test = run.sample(run.test, settings.max_pairs)
    found = searched_of(run, variants)
    return [OutputSet(v, test) for v in (*variants, *filter(None, [found]))]


def _check_endpoint(run: Run) -> None:
    """Raises: ConfigError if an adapter that a provider trained would run on a different base model here."""
    project, hosted = run.project, run.facts.get("hosted")
    tuned = project.evaluate.of(project.evaluate.candidate)
    if not hosted or tuned.source is not None or tuned.adapter not in (None, RUN_ADAPTER):
        return
    if tuned.model == hosted["model"] or (tuned.model is None and project.train.model == hosted["model"]):
        return
    here = f', or model = "{hosted["model"]}" in [train] to run its adapter here' if run.adapter.is_dir() else ""
    raise ConfigError(
        f"{run.folder} was trained at {hosted['title']} on {hosted['model']}, and "
        f'[evaluate.{project.evaluate.candidate}] names no endpoint\nState endpoint = "{hosted["endpoint"]}", model = '
        f'"{hosted["tuned_model"]}" and key_env there{here}.'
    )


def check_prompts(run: Run, loaded: "LoadedModel") -> None:
    """Check before training that every prompt for the model of [train] leaves room for an answer.

    Raises: ModelError if one does not.
    """
    from ...evaluate import check_room

    limit = limit_of(run, loaded)
    for variant in variants_of(run, adapter=run.adapter):
        if variant.local and variant.model is None:
            check_room(variant, run.test, loaded=loaded, max_new_tokens=limit)


def limit_of(run: Run, loaded: "LoadedModel", train: pl.DataFrame | None = None) -> int:
    """The maximum tokens of an output, as stated or by the longest training output; the same for all variants.

    `train` are the pairs that were trained on, by default all train pairs of the run.
    """
    from ...evaluate import token_limit

    settings = run.project.evaluate
    if any(settings.of(name).source == "endpoint" for name in settings.variants):
        return remote_limit(run, train)
    limit, train = settings.max_new_tokens, run.train if train is None else train
    return token_limit(loaded.tokenizer, train["output"].to_list()) if limit == "auto" else limit


def remote_limit(run: Run, train: pl.DataFrame | None = None) -> int:
    """The maximum tokens of an output if there is an endpoint: as stated, or enough for the longest training output."""
    limit, train = run.project.evaluate.max_new_tokens, run.train if train is None else train
    return token_limit_without_tokenizer(train["output"].to_list()) if limit == "auto" else limit


def raw_of(run: Run, variant: Variant, raced: Raced, model: str, loaded: "LoadedModel | None" = None) -> Raw:
    """The outputs of a variant in the form that the evaluation takes, with the settings used."""
    from ...evaluate import counter_of

    settings, parameters = run.project.evaluate, variant.settings.parameters
    used = {
        # A variant's parameters override the settings, so variants may have been prompted differently.
        "max_new_tokens": parameters.get(
            "max_tokens", parameters.get("max_completion_tokens", settings.max_new_tokens)
        ),
        "temperature": float(parameters.get("temperature", settings.temperature)),
        "samples": settings.samples,
    }
    return Raw(
        variant,
        raced.outputs,
        raced.fixed_tokens,
        raced.guide_tokens,
        model,
        used,
        raced.few_shot_tokens,
        raced.refused,
        None if loaded is None else counter_of(loaded),
        doubt=raced.doubt,
    )


def searched_of(run: Run, variants: Sequence[Variant]) -> Variant | None:
    """The variant `searched`, from the search in the run's folder, or in the project's newest run that has one.

    The search of another run counts only if it saw none of this run's test pairs. None without a search, or if `rivals`
    excludes it.
    """
    rivals = run.project.evaluate.rivals
    if rivals == "none" or (isinstance(rivals, tuple) and SEARCHED not in rivals):
        return None
    own = searched_variant(run.folder, variants, run.train)
    return own or next(filter(None, (searched_variant(f, variants, run.train) for f in _other_searches(run))), None)


def _other_searches(run: Run) -> list[Path]:
    """The folders of other runs whose searches saw no test pair of this one, the newest first."""
    tested = set(run.test["id"])
    others = sorted((f for f in run.folder.resolve().parent.iterdir() if f != run.folder.resolve()), reverse=True)
    return [f for f in others if (found := read_searched(f)) and tested.isdisjoint(found["used"])]
