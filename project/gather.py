"""Every variant's outputs: read from files, asked of endpoints, or made by models on this machine."""

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from ..core import Talk, say
from ..curate import read_split
from ..evaluate import Raced, Raw, Variant, plan_variants, read_outputs
from .project import Project
from .runs import read_run
from .stages import load, load_other, model_name, need_training, sample, seed_of

if TYPE_CHECKING:
    from ..evaluate import Write
    from ..train import LoadedModel
    from .probing import Probes

__all__ = ["Asked", "Gathered", "check_prompts", "gather", "limit_of", "variants_of", "wanted_outputs"]

Part = str  # "test", or "validation" for choosing the baseline


@dataclass(frozen=True)
class Asked:
    """Outputs that are wanted: of this variant, for these pairs."""

    variant: Variant
    part: Part
    pairs: pl.DataFrame


@dataclass(frozen=True)
class Gathered:
    """Raw outputs by (variant, part), and what the tuned model showed beyond them."""

    raw: dict[tuple[str, Part], Raw]
    probes: "Probes | None"


@dataclass(frozen=True)
class _Work:
    """What all variants of one evaluation share."""

    project: Project
    run: Path
    train: pl.DataFrame
    talk: Talk

    @property
    def own(self) -> str:
        """The model of [train]."""
        return model_name(self.project)

    @property
    def store(self) -> Path:
        return self.run / "evaluate" / "generated.jsonl"


def variants_of(project: Project, run: Path, train: pl.DataFrame, *, adapter: Path | None, seed: int) -> list[Variant]:
    """The project's variants, with few-shot examples from this run's train split."""
    return plan_variants(
        project.evaluate,
        folder=project.folder,
        style=project.style,
        train=train,
        data_guide=read_run(run).get("data_guide"),
        adapter=adapter,
        seed=seed,
    )


def wanted_outputs(project: Project, run: Path, talk: Talk, *, adapter: Path | None) -> list[Asked]:
    """Every variant with the test pairs, and the contenders with validation pairs where the baseline is to be chosen.

    Files of outputs are asked for the test alone.
    """
    settings, seed = project.evaluate, seed_of(run, talk)
    variants = variants_of(project, run, read_split(run, "train"), adapter=adapter, seed=seed)
    test, validation = (sample(read_split(run, s), settings.max_pairs, seed=seed) for s in ("test", "validation"))
    chosen = settings.contenders if len(settings.contenders) > 1 else ()
    contending = [v for v in variants if v.name in chosen and v.source != "outputs"]
    return [Asked(v, "test", test) for v in variants] + [Asked(v, "validation", validation) for v in contending]


def check_prompts(project: Project, run: Path, talk: Talk, loaded: "LoadedModel") -> None:
    """Before anything is trained: every prompt for the model of [train] leaves room for an answer.

    Raises: ModelError where one does not.
    """
    from ..evaluate import check_room

    train, test = read_split(run, "train"), read_split(run, "test")
    limit = limit_of(project, train, loaded)
    for variant in variants_of(project, run, train, adapter=run / "train" / "adapter", seed=seed_of(run, talk)):
        if variant.local and variant.model is None:
            check_room(variant, test, loaded=loaded, max_new_tokens=limit)


def limit_of(project: Project, train: pl.DataFrame, loaded: "LoadedModel") -> int:
    """The most tokens of an output: as stated, or by the longest training output; the same for all that are compared."""
    from ..evaluate import token_limit
    from .asking import remote_limit

    if any(project.evaluate.of(name).source == "endpoint" for name in project.evaluate.variants):
        return remote_limit(project, train)
    limit = project.evaluate.max_new_tokens
    return token_limit(loaded.tokenizer, train["output"].to_list()) if limit == "auto" else limit


def gather(
    project: Project, run: Path, asked: Sequence[Asked], talk: Talk, *, loaded: "LoadedModel | None" = None,
    probed: Variant | None = None, ray: Any = None,
) -> Gathered:  # fmt: skip
    """The outputs that are asked for, and the probes of a variant that is `probed` beyond them.

    Files are read first: they cost nothing and may be wrong. Models come one after the other, that of [train] first;
    each leaves memory before the next is loaded, so a model given as `loaded` may be gone afterwards. With `ray`, which
    is connected to a cluster, workers there hold the models, and this process none.
    """
    from ..evaluate import by_model, check_adapters

    work = _Work(project, run, read_split(run, "train"), talk)
    found = {(a.variant.name, a.part): _collected(work, a) for a in asked if a.variant.source == "outputs"}
    variants = list({a.variant.name: a.variant for a in asked}.values())
    for notice in check_adapters(variants, own=work.own):
        talk.note(f"warning: {notice}")
    remote = [a for a in asked if a.variant.source == "endpoint"]
    found |= _elsewhere(work, remote) if remote else {}
    probes = None
    groups = by_model(variants, own=work.own)
    with closing(_in_memory(work, groups, loaded) if ray is None else _on_workers(work, groups, ray)) as models:
        for group, model, write in models:
            found |= _here(work, [a for a in asked if a.variant in group], model, write)
            if probed is not None and probed in group:
                from .probing import probe

                tested = max(len(a.pairs) for a in asked if a.variant == probed)
                probes = probe(project, run, probed, talk, loaded=model, tested=tested, write=write)
    return Gathered(found, probes)


Models = Generator[tuple[list[Variant], "LoadedModel", "Write | None"]]  # variants, their model, who writes outputs


def _in_memory(work: _Work, groups: Sequence[list[Variant]], loaded: "LoadedModel | None") -> Models:
    """The models in this process, one after the other."""
    from ..evaluate import release

    for group in groups:
        model = None if group[0].model == work.own else group[0].model
        if model is not None:
            if loaded is not None:
                release(loaded)
            loaded = load_other(work.project, model, work.talk)
        loaded = loaded or load(work.project, work.talk)
        yield group, loaded, None


def _on_workers(work: _Work, groups: Sequence[list[Variant]], ray: Any) -> Models:
    """The models in the workers of a cluster, one after the other."""
    from ..evaluate import start_actors

    need_training(work.project)
    train, cluster = work.project.train, work.project.cluster
    for group in groups:
        name = group[0].model or work.own
        work.talk.note(f"model: loading {name} on the cluster")
        with start_actors(
            ray, name, dtype=None if train.dtype == "auto" else train.dtype, quantised=train.quantised,
            workers=None if cluster is None else cluster.workers, say=work.talk.note,
        ) as actors:  # fmt: skip
            work.talk.note(f"model: {actors.words}")
            yield group, actors.loaded, actors.write


def _collected(work: _Work, asked: Asked) -> Raw:
    """The outputs of a file; it may hold those of all held-out pairs, whatever part of them is asked for here."""
    variant = asked.variant
    assert variant.file is not None
    held_out = [id for split in ("test", "validation") for id in read_split(work.run, split)["id"]]
    outputs = read_outputs(
        variant.file, variant=variant.name, ids=asked.pairs["id"].to_list(), also=held_out,
        say=lambda text: work.talk.note(f"warning: {text}"),
    )  # fmt: skip
    models = outputs["model"].drop_nulls().unique().to_list()
    return Raw(variant, outputs, model=models[0] if len(models) == 1 else None)


def _elsewhere(work: _Work, asked: Sequence[Asked]) -> dict[tuple[str, Part], Raw]:
    """The outputs of endpoints; everything that is wrong with any of them is found before the first request."""
    from .asking import ask_endpoints

    raced = ask_endpoints(work.project, work.run, asked, work.train, work.talk)
    return {
        (each.variant.name, each.part): _raw(work, each, outputs, each.variant.model or "")
        for each, outputs in zip(asked, raced, strict=True)
    }


def _here(
    work: _Work, asked: Sequence[Asked], loaded: "LoadedModel", write: "Write | None"
) -> dict[tuple[str, Part], Raw]:
    """The outputs of one loaded model, one variant after the other; all prompts are measured before the first."""
    from ..evaluate import check_room, race

    settings, limit = work.project.evaluate, limit_of(work.project, work.train, loaded)
    for each in asked:
        check_room(each.variant, each.pairs, loaded=loaded, max_new_tokens=limit)
    found = {}
    for each in asked:
        variant, pairs = each.variant, each.pairs
        title = variant.name if each.part == "test" else f"{variant.name} ({each.part})"
        with work.talk.progress(f"{title:<9}") as advance:
            raced = race(
                variant, pairs, loaded=loaded, settings=settings, max_new_tokens=limit, store=work.store,
                seed=seed_of(work.run, work.talk),
                progress=lambda name, done, of, show=advance: show(done, of, "outputs"),
                write=write,
            )  # fmt: skip
        whose = "" if write is None else " of the workers' time together"
        seconds = raced.outputs["seconds"].sum()
        work.talk.note(
            f"evaluate: {title}, {say.count(len(raced.outputs), 'output')} in {say.duration(seconds)}{whose}"
        )
        found[variant.name, each.part] = _raw(work, each, raced, loaded.name, loaded)
    return found


def _raw(work: _Work, asked: Asked, raced: Raced, model: str, loaded: "LoadedModel | None" = None) -> Raw:
    from ..evaluate import counter_of

    settings, own = work.project.evaluate, asked.variant.settings.parameters
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
