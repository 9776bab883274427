"""Gathers the outputs of every variant: from files, endpoints, or models on this machine; and those of two probes.

The probes ask the tuned model for more than the test: its training requests, and general prompts before and after.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from ...core import ModelError, install_command, read_stored_lines, say, write_whole
from ...evaluate import (
    GeneralPrompt,
    Outcomes,
    Raw,
    Variant,
    assess_forgetting,
    general_prompts,
    groups_of,
    open_answers,
    prompt_pairs,
    prompts_of,
    read_outputs,
    score_outputs,
)
from ...evaluate.results import Risk
from ..load import lacks_for_training, load, model_name
from ..run import Run
from ..runs import Stopwatch
from .baselines import BaselineRunner, retry_lines, with_rivals
from .output_plan import OutputSet, raw_of
from .sources import LocalModel, sending

if TYPE_CHECKING:
    from ...train import LoadedModel

TRAIN_OUTPUTS = "evaluate/train_outputs.jsonl"  # the tuned model's outputs for train pairs


@dataclass(frozen=True)
class Probes:
    """The results of both probes; None for one that was not made.

    on_train: whether the tuned model's outputs for train pairs are acceptable, with the groups. forgetting: the risk.
    general: a table `id, area, prompt, base, tuned, base_passed, tuned_passed`. train_outputs: as `OUTPUT_SCHEMA`.
    """

    on_train: Outcomes | None
    forgetting: Risk | None
    general: pl.DataFrame | None
    train_outputs: pl.DataFrame | None


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
    runner = BaselineRunner(run, variants)
    raw |= _requested(run, remote, runner) if remote else {}
    probes = None
    for group, loaded_model in _in_memory(run, groups, loaded):
        model = LocalModel(run, loaded_model)
        raw |= _here([a for a in output_sets if a.variant in group], runner, model)
        if probed is not None and probed in group:
            tested = max(len(a.pairs) for a in output_sets if a.variant == probed)
            probes = probe(probed, model, tested=tested)
    names = [*(variant.name for variant in variants), *(baseline.name for baseline in runner.wanted)]
    return Gathered({name: raw[name] for name in names if name in raw}, probes, tuple(runner.left_out.items()))


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


def _requested(run: Run, output_sets: Sequence[OutputSet], runner: BaselineRunner) -> dict[str, Raw]:
    """The outputs of variants at endpoints and of their rivals: announced first, stopped if not allowed, and stored.

    Raises: ConfigError before the first request if there is a problem; RunBroken if `max_cost` or an endpoint stops the
    requests, where answers received so far are kept.
    """
    remote = with_rivals(run, output_sets, runner)
    with open_answers(remote.file) as store:
        remote.check(store)
        for line in [*remote.lines(store), *retry_lines(remote, runner, store)]:
            run.talk.note(f"evaluate: {line}")
        budget = remote.budget(store)
        before = budget.spent
        with sending(run.talk, store, budget, title="endpoints") as session:
            raced = session.race(remote.plans[: len(output_sets)])
            raw = {
                one.variant.name: raw_of(run, one.variant, outputs, one.variant.model or "")
                for one, outputs in zip(output_sets, raced, strict=True)
            }
            raw |= runner.run_elsewhere(raw, {plan.variant.name: plan for plan in remote.plans}, session)
        after = remote.budget(store)
    if summary := session.traffic.summary:
        cost = f"; the answers cost {say.money(after.spent - before, after.currency)}" if after.spent > before else ""
        run.talk.note(f"evaluate: {summary}{cost}")
    return raw


def _here(output_sets: Sequence[OutputSet], runner: BaselineRunner, model: LocalModel) -> dict[str, Raw]:
    """The outputs of one loaded model: of each variant, then of their rivals. All prompts are checked for length first."""
    for output_set in output_sets:
        model.check_room(output_set.variant, output_set.pairs)
    raw = {one.variant.name: model.outputs(one.variant, one.pairs) for one in output_sets}
    if output_sets:
        raw |= runner.run_here(raw, output_sets[0].pairs, model)
    return raw


# --- probes -------------------------------------------------------------------------------------------------------------


def probe(variant: Variant, model: LocalModel, *, tested: int) -> Probes:
    """Probe a tuned variant on this machine in addition to the test, together with its base model.

    It answers up to `train_sample` train pairs, but no more than the `tested` pairs that they are compared with, as more
    would not improve the estimate. The base model and the tuned model get the general prompts without guide, examples or
    sampling.
    """
    run, watch = model.run, Stopwatch()
    on_train, outputs = _on_train(model, variant, most=min(run.project.evaluate.train_sample, tested))
    forgetting, general = _general(model, variant)
    run.talk.note(
        f"evaluate: probes, {0 if on_train is None else len(on_train.acceptable)} train pairs and "
        f"{0 if general is None else len(general)} general prompts in {say.duration(watch.seconds())}"
    )
    return Probes(on_train, forgetting, general, outputs)


def write_probes(probes: Probes, run: Path) -> None:
    """Write the answers of the probes: `evaluate/probes.jsonl`, `evaluate/train_outputs.jsonl`."""
    for name, table in (("evaluate/probes.jsonl", probes.general), (TRAIN_OUTPUTS, probes.train_outputs)):
        if table is not None:
            lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in table.iter_rows(named=True))
            write_whole(run / name, "".join(lines).encode("utf-8", errors="replace"))


# --- train pairs ------------------------------------------------------------------------------------------------


def _on_train(model: LocalModel, variant: Variant, *, most: int) -> tuple[Outcomes | None, pl.DataFrame | None]:
    """Whether the variant's outputs for train pairs are acceptable, prompted and scored as in the test; and the outputs."""
    run = model.run
    if variant.adapter is None or variant.adapter.resolve() != run.adapter.resolve():
        return None, None  # the adapter was trained elsewhere, on other pairs
    pairs = spread(_trained(run, variant), most, seed=run.seed)
    pairs = _fitting(model, variant, pairs, limit=model.limit)
    if not len(pairs):
        return None, None
    settings = replace(run.project.evaluate, samples=1)
    raced = model.race(variant, pairs, settings=settings, title=f"{variant.name + ', train':<9}")
    found = train_outcomes(run, pairs, raced.outputs, variant, count_tokens=model.loaded.count_tokens)
    return found, raced.outputs


def train_outcomes(
    run: Run, pairs: pl.DataFrame, outputs: pl.DataFrame, variant: Variant, *,
    count_tokens: Callable[[Sequence[str]], Sequence[int]] | None,
) -> Outcomes:  # fmt: skip
    """Whether a variant's outputs for these train pairs are acceptable, with the groups."""
    pairs = run.referenced(pairs, run.train)
    scores = score_outputs(pairs, outputs, run.style, count_tokens=count_tokens, repair=variant.settings.repair)
    acceptable = scores.table["acceptable"].cast(pl.Float64).fill_null(float("nan"))
    return Outcomes(acceptable.to_numpy(), groups_of(pairs))


def _trained(run: Run, variant: Variant) -> pl.DataFrame:
    """The pairs that the adapter was trained on, without those used as examples in the variant's prompt."""
    pairs = run.sample(run.train, run.project.train.max_pairs)
    dropped = read_stored_lines(run.folder / "train" / "dropped.jsonl", "train/dropped.jsonl")
    pairs = pairs.filter(~pl.col("id").is_in([pair["id"] for pair in dropped]))
    shown = [text for text, _ in variant.examples]
    return pairs.filter(~pl.col("input").is_in(shown))


def spread(pairs: pl.DataFrame, most: int, *, seed: int) -> pl.DataFrame:
    """At most `most` pairs, evenly spaced over the groups in random order.

    Every pair is equally likely, and no group has more than its share. The order of the rows does not matter.
    """
    if len(pairs) <= most or most < 1:
        return pairs.head(max(most, 0))
    keys = [_key(seed, group if group is not None else id, id) for group, id in pairs.select("group", "id").iter_rows()]
    ordered = pairs.with_columns(_key=pl.Series(keys)).sort("_key").drop("_key")
    start = int(_key(seed, "start", "")[:12], 16) / 16**12
    return ordered[[int((number + start) * len(pairs) / most) for number in range(most)]]


def _key(seed: int, group: Any, id: str) -> str:
    """The position of the group in a random order, then of the pair within the group."""
    parts = (f"{seed}\0probe\0{group}", f"{seed}\0probe\0{group}\0{id}")
    return "".join(hashlib.sha256(part.encode(errors="surrogatepass")).hexdigest()[:16] for part in parts)


def _fitting(model: LocalModel, variant: Variant, pairs: pl.DataFrame, *, limit: int) -> pl.DataFrame:
    """The pairs whose prompts leave room for an answer; the others are skipped."""
    room = model.loaded.context - limit
    bare = replace(variant, nearest=None)  # nearest examples are dropped when they do not fit
    fits = [tokens <= room for tokens in model.tokens(prompts_of(bare, pairs))]
    return pairs.filter(pl.Series(fits, dtype=pl.Boolean))


# --- general prompts --------------------------------------------------------------------------------------------


def _general(model: LocalModel, variant: Variant) -> tuple[Risk | None, pl.DataFrame | None]:
    """The risk `forgetting` and the answers that it is based on."""
    before = Variant("base", "base model")
    after = Variant(variant.name, variant.source, adapter=variant.adapter)
    prompts = _fitting_prompts(model, before)
    if not prompts:
        return None, None
    (base, cut), (tuned, _) = (_answers(model, one, prompts) for one in (before, after))
    rows = [
        (p.id, p.area, p.prompt, was, now, p.passes(was), p.passes(now))
        for p, was, now in zip(prompts, base, tuned, strict=True)
    ]
    columns = {
        **dict.fromkeys(("id", "area", "prompt", "base", "tuned"), pl.String), "base_passed": pl.Boolean,
        "tuned_passed": pl.Boolean,
    }  # fmt: skip
    return assess_forgetting(base, tuned, prompts, cut=cut, seed=model.run.seed), pl.DataFrame(
        rows, schema=columns, orient="row"
    )


def _fitting_prompts(model: LocalModel, variant: Variant) -> tuple[GeneralPrompt, ...]:
    """The prompts that fit the model's context."""
    every = general_prompts()
    longest = max(prompt.max_new_tokens for prompt in every)
    fit = set(_fitting(model, variant, prompt_pairs(every), limit=longest)["id"])
    return tuple(prompt for prompt in every if prompt.id in fit)


def _answers(
    model: LocalModel, variant: Variant, prompts: Sequence[GeneralPrompt]
) -> tuple[list[str | None], list[bool]]:
    """The answer to each prompt, and whether it was cut at the limit. Prompts with the same limit run together."""
    settings = replace(model.run.project.evaluate, temperature=0.0, samples=1)
    answers: dict[str, tuple[str | None, bool]] = {}
    for limit in sorted({prompt.max_new_tokens for prompt in prompts}):
        pairs = prompt_pairs(tuple(prompt for prompt in prompts if prompt.max_new_tokens == limit))
        raced = model.race(variant, pairs, limit=limit, settings=settings, title=f"{variant.name + ', general':<9}")
        for id, output, reason in raced.outputs.select("id", "output", "finish_reason").iter_rows():
            answers[id] = (output or "", reason == "length")
    return [answers[p.id][0] for p in prompts], [answers[p.id][1] for p in prompts]
