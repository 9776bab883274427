"""Measures how fast this machine can do the work of a demo, by a few training steps and a few generated tokens."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from ...core import Console
from ...evaluate import (
    GenerationWork,
    Variant,
    general_prompts,
    plan_baselines,
    plan_variants,
    prompt_pairs,
    retry_name,
)
from ..curation.curate import curate_unwritten
from ..project import Project
from ..run import QUIET
from ..runs import Stopwatch
from .example import recorded_outputs
from .sizing import DemoSizes, DemoSpeed, DemoWork

if TYPE_CHECKING:
    from ...evaluate import Requests
    from ...train import LoadedModel, Preflight

RULES = 60  # tokens in which a retry names the broken rules


def measure_demo(
    project: Project, *, most: tuple[int | None, int | None], loaded: "LoadedModel", talk: Console, watch: Stopwatch
) -> tuple[DemoWork, DemoSpeed, "Preflight"]:
    """The work of a demo, the speed of this machine, and the preflight that measured it; nothing is written.

    `most`: the maximum number of train pairs and test requests, None for all. `watch` started with the demo. Raises: as
    curating and `preflight` do.
    """
    from ...evaluate import measure_generation
    from ...train import preflight

    curating = Stopwatch()
    with talk.progress("measuring"):
        curated = curate_unwritten(project, talk=replace(QUIET, seed=talk.seed, seed_given=talk.seed_given))
        curation_seconds, splits = curating.seconds(), curated.splits
        train, test = (_sample(splits[name], n, talk.seed) for name, n in zip(("train", "test"), most, strict=True))
        sizes = DemoSizes(len(train), len(test))
        share = len(train) / max(1, len(splits["train"]))
        validation = _sample(splits["validation"], round(len(splits["validation"]) * share), talk.seed)
        trial = preflight(train, validation, model=loaded, settings=project.train)
        work, requests = _work(project, splits["train"], test, sizes, loaded, seed=talk.seed)
        generation = measure_generation(loaded, requests)
    speed = DemoSpeed(
        elapsed_seconds=watch.seconds(), curation_seconds=curation_seconds,
        preflight_seconds=trial.seconds - trial.measured.seconds,  # the demo's preflight reuses the measured steps
        training_seconds=trial.time.seconds, tokens_per_second=trial.time.tokens_per_second, generation=generation,
    )  # fmt: skip
    return work, speed, trial


def _sample(pairs: pl.DataFrame, most: int | None, seed: int) -> pl.DataFrame:
    return pairs if most is None or len(pairs) <= most else pairs.sample(most, seed=seed)


def _work(
    project: Project, train: pl.DataFrame, test: pl.DataFrame, sizes: DemoSizes, loaded: "LoadedModel", *, seed: int
) -> tuple[DemoWork, "Requests"]:
    """The sets of outputs of a demo, and the requests with the longest prompts, to time generation with."""
    from ...evaluate import fitted_prompts, left_out_by_settings, plan_requests, token_limit

    settings, limit = project.evaluate, project.evaluate.max_new_tokens
    limit = token_limit(loaded.tokenizer, train["output"].to_list()) if limit == "auto" else limit
    recorded = _recorded_lengths()

    def requests_of(variant: Variant) -> "Requests":
        chats, _ = fitted_prompts(variant, test, loaded=loaded, max_new_tokens=limit)
        return plan_requests(loaded, chats, max_new_tokens=limit)

    def work_of(variant: Variant, requests: "Requests") -> GenerationWork:
        mean, longest = recorded.get(variant.name, (limit, limit))
        return GenerationWork.asked(requests, written=min(mean, limit), longest=min(longest, limit))

    variants = [
        variant
        for variant in plan_variants(
            settings, folder=project.folder, style=project.style, train=train, adapter=Path("adapter"), seed=seed
        )
        if variant.local  # another model is assumed to be as fast
    ]
    sets = {variant.name: requests_of(variant) for variant in variants}
    works = {variant.name: work_of(variant, sets[variant.name]) for variant in variants}
    rivals = {}
    for baseline in plan_baselines(settings, variants, style=project.style, train=train, folder=project.folder):
        if left_out_by_settings(baseline, settings, project.roi_settings) is not None:
            continue
        base = works[baseline.base.name]
        if baseline.retry is None:
            rivals[baseline.name] = work_of(
                replace(baseline.variant, name=baseline.base.name), requests_of(baseline.variant)
            )
        else:  # every output is assumed to break a rule; the next chat repeats it and names the rules
            rivals[f"{retry_name(baseline.base.name)} 2"] = replace(
                base, own=base.own + base.written + RULES * base.outputs
            )
    probed = [v.name for v in variants if settings.probes and v.name == settings.candidate]
    train_probe = {f"{name}, train": works[name] for name in probed}
    general = [work for name in probed for work in (*_general("base", loaded), *_general(name, loaded))]
    longest = max(sets.values(), key=lambda requests: requests.longest)
    return DemoWork(sizes, works, rivals, train_probe, general), longest


def _general(name: str, loaded: "LoadedModel") -> list[tuple[str, GenerationWork]]:
    """The work of a model's answers to the general prompts; those with the same limit run together."""
    from ...evaluate import plan_requests, prompts_of

    works, prompts = [], general_prompts()
    for limit in sorted({prompt.max_new_tokens for prompt in prompts}):
        pairs = prompt_pairs(tuple(prompt for prompt in prompts if prompt.max_new_tokens == limit))
        requests = plan_requests(loaded, prompts_of(Variant(name, "base model"), pairs), max_new_tokens=limit)
        works.append((f"{name}, general", GenerationWork.asked(requests, written=limit, longest=limit)))
    return works


def _recorded_lengths() -> dict[str, tuple[float, int]]:
    """The mean and maximum tokens of an output in the recorded demo, by variant."""
    lengths = {}
    for name, file in recorded_outputs().items():
        counts = [json.loads(line)["output_tokens"] for line in file.read_text(encoding="utf-8").splitlines()]
        lengths[name] = (sum(counts) / len(counts), max(counts))
    return lengths
