"""The outputs that a run judged, and the requests that led to them."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from ...core import Console, DataError, ModelError, nearest
from ...curate import read_tested
from ...evaluate import AUTO, RUN_ADAPTER, NearestExamples, Raw, Variant, read_raws, token_limit
from ...evaluate.results import Results
from ...project import Run, read_project, remote_limit

CALLED = ("model", "nearest", "searched", "short guide")  # variants that are a plain call of a model with a prompt


@dataclass(frozen=True)
class Recorded:
    """A variant as it was judged.

    `pairs` are the tested pairs; `outputs` (columns of OUTPUT_SCHEMA) are the variant's, before any repair: `samples` rows
    for each pair, in the order of the pairs. `results` is the content of results.json. `max_new_tokens` and `temperature`
    are those of the calls; `model` is the name under which the model was loaded.
    """

    variant: Variant
    pairs: pl.DataFrame
    outputs: pl.DataFrame
    results: Results
    max_new_tokens: int
    temperature: float
    samples: int
    model: str | None

    @property
    def first(self) -> pl.DataFrame:
        """The first output of each pair."""
        return self.outputs.unique("id", keep="first", maintain_order=True)


def open_judged(path: str | Path, *, allow_code: bool, talk: Console) -> Run:
    """The run at a path, or the newest one of a project there; with `allow_code`, its style may run code.

    Raises: as `Run`; ConfigError if the project has errors.
    """
    run = Run(path, talk=talk)
    if not allow_code:
        return run
    return Run(run.folder, project=read_project(run.folder.resolve().parent.parent, allow_code=True), talk=talk)


def recorded(run: Run, name: str | None = None) -> Recorded:
    """The requests and outputs of the variant `name` of a run, by default of the comparison's candidate.

    For a variant that is made of others, such as `tuned + repair` or a cascade, those of the first model that it calls. The
    variant's settings include the repair with which its outputs were scored.

    Raises: DataError if the run was not evaluated, has no such variant, or its outputs did not come from a model.
    """
    results = run.results
    if results is None:
        raise DataError(
            f"{run.folder} was not evaluated, so there are no outputs to compare with\nRun `tuneworth evaluate`."
        )
    settings = None if run.facts.get("judged") is not None else run.project.evaluate  # None: collected outputs
    raws = {raw.variant.name: raw for raw in read_raws(run.folder / "evaluate", settings=settings)}
    raw = _called(results, raws, name or _candidate(results, raws))
    ids = raw.outputs["id"].unique(maintain_order=True).to_frame()
    judged = raw.settings or {}
    return Recorded(
        _as_called(run, raw.variant),
        ids.join(read_tested(run.folder), on="id", how="left", maintain_order="left"),
        raw.outputs,
        results,
        _limit(run, raw),
        float(judged.get("temperature") or 0.0),
        int(judged.get("samples") or 1),
        raw.model,
    )


def _candidate(results: Results, raws: dict[str, Raw]) -> str:
    """The compared candidate; the tuned variant if nothing was compared."""
    if results.comparison is not None:
        return results.comparison.candidate
    return next((name for name, raw in raws.items() if raw.variant.tuned), "tuned")


def _called(results: Results, raws: dict[str, Raw], name: str) -> Raw:
    """The outputs of the variant, or of the first model that it is made of, with the variant's repair."""
    described = results.variants
    repair = described[name].repair if name in described else None
    while name not in raws or (raws[name].variant.way not in CALLED and raws[name].variant.of):
        of = raws[name].variant.of if name in raws else described[name].of if name in described else ()
        if not of:
            raise DataError(f'the run has no variant "{name}"; {nearest(name, [*raws, *described])}')
        name = of[0]
    raw = raws[name]
    if raw.variant.source in ("outputs", "template"):
        raise DataError(
            f'"{name}": its outputs did not come from a model that this run called, so it cannot be called again\n'
            "Name a variant whose outputs came from a model on this machine or an endpoint."
        )
    settings = replace(raw.variant.settings, repair=repair or raw.variant.settings.repair)
    return replace(raw, variant=replace(raw.variant, settings=settings))


def _as_called(run: Run, variant: Variant) -> Variant:
    """The variant with its adapter, and with the pairs that its nearest examples come from."""
    if variant.source == "adapter":
        stated = variant.settings.adapter
        own = stated in (None, RUN_ADAPTER)
        variant = replace(variant, adapter=run.adapter if own else run.project.folder / str(stated))
    if variant.nearest is not None:
        variant = replace(variant, nearest=NearestExamples(run.train, variant.nearest.count))
    return variant


def _limit(run: Run, raw: Raw) -> int:
    """The token limit of an output at judging.

    "auto" was computed from the train split and not recorded: an output that reached the limit reveals it; otherwise it is
    computed again, and without the model's tokenizer from bytes, which gives at least as high a limit.
    """
    stated = (raw.settings or {}).get("max_new_tokens", AUTO)
    if stated != AUTO:
        return int(stated)
    cut = raw.outputs.filter(pl.col("finish_reason") == "length")["output_tokens"].drop_nulls()
    if len(cut):
        return max(cut.to_list())
    evaluate = run.project.evaluate
    hosted = any(evaluate.of(name).source == "endpoint" for name in evaluate.variants)
    if not hosted and raw.model and (tokenizer := tokenizer_of(run, raw.model)) is not None:
        return token_limit(tokenizer, run.train["output"].to_list())
    return remote_limit(run)


def tokenizer_of(run: Run, model: str) -> Any | None:
    """The tokenizer and chat template of the run's model: those stored with its adapter, or the model's own.

    None if neither is on this machine.
    """
    from ...train import read_tokenizer

    for name in (str(run.adapter), model):
        try:
            return read_tokenizer(name)
        except (ModelError, ImportError):
            continue
    return None
