"""Every variant's outputs: read from files, asked of endpoints, or made by models on this machine."""

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...core import say
from ...evaluate import Raced, Raw, Variant, read_outputs
from ..load import load, model_name, need_training
from ..run import Run
from .asking import ask_endpoints
from .probing import Probes, probe
from .wanted import Asked, Part, limit_of

if TYPE_CHECKING:
    from ...evaluate import Write
    from ...train import LoadedModel

__all__ = ["Gathered", "gather"]


@dataclass(frozen=True)
class Gathered:
    """Raw outputs by (variant, part), and what the tuned model showed beyond them."""

    raw: dict[tuple[str, Part], Raw]
    probes: Probes | None


def gather(
    run: Run,
    asked: Sequence[Asked],
    *,
    loaded: "LoadedModel | None" = None,
    probed: Variant | None = None,
    ray: Any = None,
) -> Gathered:
    """The outputs that are asked for, and the probes of a variant that is `probed` beyond them.

    Files are read first: they cost nothing and may be wrong. Models come one after the other, that of [train] first;
    each leaves memory before the next is loaded, so a model given as `loaded` may be gone afterwards. With `ray`, which
    is connected to a cluster, workers there hold the models, and this process none.
    """
    from ...evaluate import by_model, check_adapters

    own = model_name(run.project)
    found = {(a.variant.name, a.part): _collected(run, a) for a in asked if a.variant.source == "outputs"}
    variants = list({a.variant.name: a.variant for a in asked}.values())
    for notice in check_adapters(variants, own=own):
        run.talk.note(f"warning: {notice}")
    remote = [a for a in asked if a.variant.source == "endpoint"]
    found |= _elsewhere(run, remote) if remote else {}
    probes = None
    groups = by_model(variants, own=own)
    with closing(_in_memory(run, groups, loaded) if ray is None else _on_workers(run, groups, ray)) as models:
        for group, model, write in models:
            found |= _here(run, [a for a in asked if a.variant in group], model, write)
            if probed is not None and probed in group:
                tested = max(len(a.pairs) for a in asked if a.variant == probed)
                probes = probe(run, probed, loaded=model, tested=tested, write=write)
    return Gathered(found, probes)


Models = Generator[tuple[list[Variant], "LoadedModel", "Write | None"]]  # variants, their model, who writes outputs


def _in_memory(run: Run, groups: Sequence[list[Variant]], loaded: "LoadedModel | None") -> Models:
    """The models in this process, one after the other."""
    from ...evaluate import release

    for group in groups:
        model = None if group[0].model == model_name(run.project) else group[0].model
        if model is not None:
            if loaded is not None:
                release(loaded)
            loaded = load(run.project, run.talk, model)
        loaded = loaded or load(run.project, run.talk)
        yield group, loaded, None


def _on_workers(run: Run, groups: Sequence[list[Variant]], ray: Any) -> Models:
    """The models in the workers of a cluster, one after the other."""
    from ...evaluate import start_actors

    need_training(run.project)
    train, cluster = run.project.train, run.project.cluster
    for group in groups:
        name = group[0].model or model_name(run.project)
        run.talk.note(f"model: loading {name} on the cluster")
        with start_actors(
            ray, name, dtype=None if train.dtype == "auto" else train.dtype, quantised=train.quantised,
            workers=None if cluster is None else cluster.workers, say=run.talk.note,
        ) as actors:  # fmt: skip
            run.talk.note(f"model: {actors.words}")
            yield group, actors.loaded, actors.write


def _collected(run: Run, asked: Asked) -> Raw:
    """The outputs of a file; it may hold those of all held-out pairs, whatever part of them is asked for here."""
    variant = asked.variant
    assert variant.file is not None
    held_out = [id for pairs in (run.test, run.validation) for id in pairs["id"]]
    outputs = read_outputs(
        variant.file, variant=variant.name, ids=asked.pairs["id"].to_list(), also=held_out,
        say=lambda text: run.talk.note(f"warning: {text}"),
    )  # fmt: skip
    models = outputs["model"].drop_nulls().unique().to_list()
    return Raw(variant, outputs, model=models[0] if len(models) == 1 else None)


def _elsewhere(run: Run, asked: Sequence[Asked]) -> dict[tuple[str, Part], Raw]:
    """The outputs of endpoints; everything that is wrong with any of them is found before the first request."""
    raced = ask_endpoints(run, asked)
    return {
        (each.variant.name, each.part): _raw(run, each, outputs, each.variant.model or "")
        for each, outputs in zip(asked, raced, strict=True)
    }


def _here(
    run: Run, asked: Sequence[Asked], loaded: "LoadedModel", write: "Write | None"
) -> dict[tuple[str, Part], Raw]:
    """The outputs of one loaded model, one variant after the other; all prompts are measured before the first."""
    from ...evaluate import check_room, race

    settings, limit = run.project.evaluate, limit_of(run, loaded)
    for each in asked:
        check_room(each.variant, each.pairs, loaded=loaded, max_new_tokens=limit)
    found = {}
    for each in asked:
        variant, pairs = each.variant, each.pairs
        title = variant.name if each.part == "test" else f"{variant.name} ({each.part})"
        with run.talk.progress(f"{title:<9}") as advance:
            raced = race(
                variant, pairs, loaded=loaded, settings=settings, max_new_tokens=limit, store=run.generated,
                seed=run.seed,
                progress=lambda name, done, of, show=advance: show(done, of, "outputs"),
                write=write,
            )  # fmt: skip
        whose = "" if write is None else " of the workers' time together"
        seconds = raced.outputs["seconds"].sum()
        run.talk.note(f"evaluate: {title}, {say.count(len(raced.outputs), 'output')} in {say.duration(seconds)}{whose}")
        found[variant.name, each.part] = _raw(run, each, raced, loaded.name, loaded)
    return found


def _raw(run: Run, asked: Asked, raced: Raced, model: str, loaded: "LoadedModel | None" = None) -> Raw:
    from ...evaluate import counter_of

    settings, own = run.project.evaluate, asked.variant.settings.parameters
    used = {
        # What a variant's own parameters say goes over the settings: then the two were asked differently.
        "max_new_tokens": own.get("max_tokens", own.get("max_completion_tokens", settings.max_new_tokens)),
        "temperature": float(own.get("temperature", settings.temperature)),
        "samples": settings.samples,
    }
    return Raw(
        asked.variant,
        raced.outputs,
        raced.fixed_tokens,
        raced.guide_tokens,
        model,
        used,
        raced.few_shot_tokens,
        raced.refused,
        None if loaded is None else counter_of(loaded),
    )
