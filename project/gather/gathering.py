"""Gathers the outputs of every variant: from files, endpoints, or models on this machine."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...core import ModelError, install_command
from ...evaluate import Raw, Variant, read_outputs
from ..load import lacks_for_training, load, model_name
from ..run import Run
from .probing import Probes, probe, write_probes
from .requests import request_outputs
from .required import OutputSet
from .rivals import Climb, LocalModel

if TYPE_CHECKING:
    from ...train import LoadedModel

__all__ = ["Gathered", "gather"]


@dataclass(frozen=True)
class Gathered:
    """Raw outputs by variant, including rivals; the results of the probes; and the rivals that were not measured, with the
    reasons."""

    raw: dict[str, Raw]
    probes: Probes | None
    left_out: tuple[tuple[str, str], ...] = ()

    def write_probes(self, run: Path) -> None:
        """Write the answers of the probes into a run, if there are some."""
        if self.probes is not None:
            write_probes(self.probes, run)


def gather(
    run: Run,
    output_sets: Sequence[OutputSet],
    *,
    loaded: "LoadedModel | None" = None,
    probed: Variant | None = None,
) -> Gathered:
    """The required outputs, those of rivals by the models in memory, and the probes of the variant `probed`.

    Files are read first: they cost nothing and may be invalid. Models run one after another, the one of [train] first; each
    is released before the next is loaded, so a model passed as `loaded` may be unusable afterwards.
    """
    from ...evaluate import by_model, check_adapters

    train_model = model_name(run.project)
    raw = {a.variant.name: _collected(run, a) for a in output_sets if a.variant.source == "outputs"}
    variants = [a.variant for a in output_sets]
    for notice in check_adapters(variants, own=train_model):
        run.talk.note(f"warning: {notice}")
    groups = by_model(variants, own=train_model)
    _need_packages(groups)
    remote = [a for a in output_sets if a.variant.source == "endpoint"]
    climb = Climb(run, variants)
    raw |= request_outputs(run, remote, climb) if remote else {}
    probes = None
    for group, model in _in_memory(run, groups, loaded):
        raw |= _here(run, [a for a in output_sets if a.variant in group], climb, model)
        if probed is not None and probed in group:
            tested = max(len(a.pairs) for a in output_sets if a.variant == probed)
            probes = probe(run, probed, loaded=model, tested=tested)
    names = [*(variant.name for variant in variants), *(rung.name for rung in climb.wanted)]
    return Gathered({name: raw[name] for name in names if name in raw}, probes, tuple(climb.left_out.items()))


def _need_packages(groups: Sequence[list[Variant]]) -> None:
    """Check, before any request is paid for, that the local models can run.

    Raises: ModelError with the variants that need a missing package.
    """
    if groups and (missing := lacks_for_training()):
        names = ", ".join(f'"{variant.name}"' for group in groups for variant in group)
        raise ModelError(
            f"{names}: a model on this machine generates these outputs, which needs {', '.join(missing)}\n"
            f"Install with: {install_command('train')}\n"
            "Or list only variants with outputs or an endpoint under variants in [evaluate]."
        )


def _in_memory(
    run: Run, groups: Sequence[list[Variant]], loaded: "LoadedModel | None"
) -> Iterator[tuple[list[Variant], "LoadedModel"]]:
    """The variants of each model with the model, which is in memory until the next one is asked for."""
    from ...evaluate import release

    for group in groups:
        model = None if group[0].model == model_name(run.project) else group[0].model
        if model is not None:
            if loaded is not None:
                release(loaded)
            loaded = load(run.project, run.talk, model)
        loaded = loaded or load(run.project, run.talk)
        yield group, loaded


def _collected(run: Run, output_set: OutputSet) -> Raw:
    """The outputs of a file, which may cover all held-out pairs even if only some are required."""
    variant = output_set.variant
    assert variant.file is not None
    held_out = [id for pairs in (run.test, run.validation) for id in pairs["id"]]
    outputs = read_outputs(
        variant.file, variant=variant.name, ids=output_set.pairs["id"].to_list(),
        inputs=output_set.pairs["input"].to_list(), also=held_out,
        limits=run.project.data.limits, say=lambda text: run.talk.note(f"warning: {text}"),
    )  # fmt: skip
    models = outputs["model"].drop_nulls().unique().to_list()
    return Raw(variant, outputs, model=models[0] if len(models) == 1 else None)


def _here(run: Run, output_sets: Sequence[OutputSet], climb: Climb, loaded: "LoadedModel") -> dict[str, Raw]:
    """The outputs of one loaded model: of each variant, then of their rivals. All prompts are checked for length first."""
    from ...evaluate import check_room

    local = LocalModel(run, loaded)
    for output_set in output_sets:
        check_room(output_set.variant, output_set.pairs, loaded=loaded, max_new_tokens=local.limit)
    raw = {one.variant.name: local.outputs(one.variant, one.pairs) for one in output_sets}
    if output_sets:
        raw |= climb.here(raw, output_sets[0].pairs, local)
    return raw
