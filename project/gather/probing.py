"""Probes of the tuned model in addition to the test: its training requests, and general prompts before and after."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from ...core import read_stored_lines, say, write_whole
from ...evaluate import (
    GeneralPrompt,
    Outcomes,
    Variant,
    assess_forgetting,
    general_prompts,
    groups_of,
    prompt_pairs,
    score_outputs,
)
from ...evaluate.results import Risk
from ..run import Run
from ..runs import Stopwatch
from .required import limit_of

if TYPE_CHECKING:
    from ...evaluate import EvaluateSettings, Raced
    from ...train import LoadedModel

__all__ = ["TRAIN_OUTPUTS", "Probes", "probe", "train_outcomes", "write_probes"]

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
class _Prober:
    """Prompts the model in memory for both probes."""

    run: Run
    loaded: "LoadedModel"

    def race(
        self, variant: Variant, pairs: pl.DataFrame, *, limit: int, settings: "EvaluateSettings", title: str
    ) -> "Raced":
        """One output for each pair, stored with the outputs of the test, so that none is generated twice."""
        from ...evaluate import race

        with self.run.talk.progress(f"{title:<9}") as advance:
            return race(
                variant, pairs, loaded=self.loaded, settings=settings, max_new_tokens=limit,
                store=self.run.generated, seed=self.run.seed,
                progress=lambda name, done, of: advance(done, of, "outputs"),
            )  # fmt: skip


def probe(run: Run, variant: Variant, *, loaded: "LoadedModel", tested: int) -> Probes:
    """Probe a tuned variant on this machine in addition to the test, together with its base model.

    It answers up to `train_sample` train pairs, but no more than the `tested` pairs that they are compared with, as more
    would not improve the estimate. The base model and the tuned model get the general prompts without guide, examples or
    sampling.
    """
    prober, watch = _Prober(run, loaded), Stopwatch()
    on_train, outputs = _on_train(prober, variant, most=min(run.project.evaluate.train_sample, tested))
    forgetting, general = _general(prober, variant)
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


def _on_train(prober: _Prober, variant: Variant, *, most: int) -> tuple[Outcomes | None, pl.DataFrame | None]:
    """Whether the variant's outputs for train pairs are acceptable, prompted and scored as in the test; and the outputs."""
    run = prober.run
    if variant.adapter is None or variant.adapter.resolve() != run.adapter.resolve():
        return None, None  # the adapter was trained elsewhere, on other pairs
    limit = limit_of(run, prober.loaded)
    pairs = spread(_trained(run, variant), most, seed=run.seed)
    pairs = _fitting(variant, pairs, loaded=prober.loaded, limit=limit)
    if not len(pairs):
        return None, None
    settings = replace(run.project.evaluate, samples=1)
    raced = prober.race(variant, pairs, limit=limit, settings=settings, title=f"{variant.name}, train")
    found = train_outcomes(run, pairs, raced.outputs, variant, count_tokens=prober.loaded.count_tokens)
    return found, raced.outputs


def train_outcomes(
    run: Run, pairs: pl.DataFrame, outputs: pl.DataFrame, variant: Variant, *,
    count_tokens: Callable[[Sequence[str]], Sequence[int]] | None,
) -> Outcomes:  # fmt: skip
    """Whether a variant's outputs for these train pairs are acceptable, with the groups."""
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


def _fitting(variant: Variant, pairs: pl.DataFrame, *, loaded: "LoadedModel", limit: int) -> pl.DataFrame:
    """The pairs whose prompts leave room for an answer; the others are skipped."""
    from ...evaluate import prompt_tokens, prompts_of

    room = loaded.context - limit
    bare = replace(variant, nearest=None)  # nearest examples are dropped when they do not fit
    fits = [tokens <= room for tokens in prompt_tokens(loaded, prompts_of(bare, pairs))]
    return pairs.filter(pl.Series(fits, dtype=pl.Boolean))


# --- general prompts --------------------------------------------------------------------------------------------


def _general(prober: _Prober, variant: Variant) -> tuple[Risk | None, pl.DataFrame | None]:
    """The risk `forgetting` and the answers that it is based on."""
    before = Variant("base", "base model")
    after = Variant(variant.name, variant.source, adapter=variant.adapter)
    prompts = _fitting_prompts(prober, before)
    if not prompts:
        return None, None
    (base, cut), (tuned, _) = (_answers(prober, model, prompts) for model in (before, after))
    rows = [
        (p.id, p.area, p.prompt, was, now, p.passes(was), p.passes(now))
        for p, was, now in zip(prompts, base, tuned, strict=True)
    ]
    columns = {
        **dict.fromkeys(("id", "area", "prompt", "base", "tuned"), pl.String), "base_passed": pl.Boolean,
        "tuned_passed": pl.Boolean,
    }  # fmt: skip
    return assess_forgetting(base, tuned, prompts, cut=cut, seed=prober.run.seed), pl.DataFrame(
        rows, schema=columns, orient="row"
    )


def _fitting_prompts(prober: _Prober, variant: Variant) -> tuple[GeneralPrompt, ...]:
    """The prompts that fit the model's context."""
    every = general_prompts()
    longest = max(prompt.max_new_tokens for prompt in every)
    fit = set(_fitting(variant, prompt_pairs(every), loaded=prober.loaded, limit=longest)["id"])
    return tuple(prompt for prompt in every if prompt.id in fit)


def _answers(
    prober: _Prober, variant: Variant, prompts: Sequence[GeneralPrompt]
) -> tuple[list[str | None], list[bool]]:
    """The answer to each prompt, and whether it was cut at the limit. Prompts with the same limit run together."""
    settings = replace(prober.run.project.evaluate, temperature=0.0, samples=1)
    answers: dict[str, tuple[str | None, bool]] = {}
    for limit in sorted({prompt.max_new_tokens for prompt in prompts}):
        pairs = prompt_pairs(tuple(prompt for prompt in prompts if prompt.max_new_tokens == limit))
        raced = prober.race(variant, pairs, limit=limit, settings=settings, title=f"{variant.name}, general")
        for id, output, reason in raced.outputs.select("id", "output", "finish_reason").iter_rows():
            answers[id] = (output or "", reason == "length")
    return [answers[p.id][0] for p in prompts], [answers[p.id][1] for p in prompts]
