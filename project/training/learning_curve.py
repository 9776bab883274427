"""`tuneworth train --learning-curve`: models trained on parts of the examples, and the gain from twice as many."""

import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from msgspec import structs

from ...core import ConfigError, DataError, as_json, read_stored, say, write_whole
from ...evaluate import Variant, fit_curve, good_outputs, groups_of, score_outputs
from ...evaluate.results import LearningCurve
from ..gather.output_plan import limit_of
from ..run import Run
from ..runs import Stopwatch
from .train import shown_fit, stated_settings
from .trained import CURVE

if TYPE_CHECKING:
    from ...train import LoadedModel, TrainSettings

PARTS = (0.125, 0.25, 0.5)  # of the train pairs; the run's adapter is trained on all of them
FEWEST_PAIRS = 20  # in the smallest part: fewer are not enough to train on
FEWEST_GROUPS = 10  # in the smallest part; with fewer the curve depends on the choice of groups


def learn_curve(run: Run, *, loaded: "LoadedModel") -> LearningCurve:
    """Train on an eighth, a quarter and a half of the train pairs, and write `train/learning_curve.json`.

    Each adapter, and the run's own, generates outputs for the test pairs. The parts are nested, keep groups together and use
    the settings of the run's training. Existing adapters and outputs are reused, so an interrupted run resumes. The curve
    is for information only: nothing is chosen by it, so using the test set is safe.

    Raises: DataError if the run has too few pairs for the smallest part.
    """
    stated = _stated(run)
    train, parts, test = curve_parts(run)
    watch, seconds = Stopwatch(), _summary(run.folder / "train")["seconds"]
    run.talk.note(
        f"learning curve: {len(PARTS)} more fits on parts of the pairs take about {say.duration(sum(PARTS) * seconds)}, "
        f"plus validation and {len(test):,} outputs each"
    )
    adapters = {}
    for share, pairs in parts.items():
        adapters[len(pairs)] = _fitted(run, pairs, share, stated, loaded)
    adapters[train] = run.adapter
    outcomes = [_acceptable(run, test, size, adapter, loaded) for size, adapter in adapters.items()]
    scored = np.logical_and.reduce([~np.isnan(column) for column in outcomes])
    groups = groups_of(test)
    curve = fit_curve(
        list(adapters), np.array(outcomes).T[scored], None if groups is None else groups[scored], seed=run.seed
    )  # fmt: skip
    evidence = (
        f"{len(adapters)} adapters with the same settings and seed on the same {int(scored.sum())} test pairs; "
        "the interval does not include the effect of another training seed"
    )
    curve = structs.replace(curve, good=good_outputs(run.style), evidence=evidence)
    with run.changing() as staged:
        write_whole(staged.folder / CURVE, json.dumps(as_json(curve), ensure_ascii=False, indent=1) + "\n")
        staged.update(seconds={"learning curve": watch.seconds()})
    return curve


def curve_parts(run: Run) -> tuple[int, dict[float, pl.DataFrame], pl.DataFrame]:
    """The number of pairs that the run trains on, the parts by share, and the pairs to generate outputs for.

    Raises: DataError if the run has too few pairs for the smallest part.
    """
    train = run.sample(run.train, run.project.train.max_pairs)
    test = run.sample(run.test, run.project.evaluate.max_pairs)
    parts = {share: nested_part(train, share, seed=run.seed) for share in PARTS}
    _check_parts(parts[PARTS[0]], test, run.folder)
    return len(train), parts, test


def _stated(run: Run) -> "TrainSettings":
    """The settings of the run's training; long pairs are dropped if it dropped them."""
    dropped = bool(_summary(run.folder / "train")["settings"]["drop_long"])
    return stated_settings(run, drop_long=dropped)


def nested_part(train: pl.DataFrame, share: float, *, seed: int) -> pl.DataFrame:
    """This share of the pairs, group by group, in the order of a hash: each larger part contains the smaller ones.

    The order of the rows does not matter. Only the last group may be cut.
    """

    def rank(text: str) -> str:
        return hashlib.sha256(f"{seed}\0curve\0{text}".encode(errors="surrogatepass")).hexdigest()

    ids, groups = train["id"].to_list(), train["group"].to_list()
    keys = [(rank(f"g{id}" if group is None else f"G{group}"), rank(id)) for id, group in zip(ids, groups, strict=True)]
    order = sorted(range(len(ids)), key=keys.__getitem__)
    return train[sorted(order[: round(share * len(ids))])]


def _check_parts(smallest: pl.DataFrame, test: pl.DataFrame, run: Path) -> None:
    groups = smallest["group"].n_unique() if smallest["group"].null_count() == 0 else len(smallest)
    if not len(test):
        raise DataError(f"{run} has no test pairs to measure a learning curve on; see its curate/summary.json")
    if len(smallest) < FEWEST_PAIRS or groups < FEWEST_GROUPS:
        raise DataError(
            f"an eighth of the train pairs of {run} is {len(smallest)} pairs in {groups} groups: too few for a "
            f"learning curve.\nIt needs at least {FEWEST_PAIRS} pairs in {FEWEST_GROUPS} groups, which takes "
            f"{8 * FEWEST_PAIRS} train pairs in total."
        )


def _fitted(run: Run, pairs: pl.DataFrame, share: float, stated: "TrainSettings", loaded: "LoadedModel") -> Path:
    """The adapter of a part of the pairs: the existing one if its inputs match, otherwise a new one."""
    from ...train import fit

    out = run.folder / "train" / "curve" / f"{100 * share:g}"
    validation = run.validation
    key = _key(pairs, validation, stated, loaded)
    done = read_stored(out / "summary.json", "train/summary.json").get("key") == key and (out / "adapter").is_dir()
    if done and not (out / "checkpoint.safetensors").is_file():
        return out / "adapter"
    run.talk.note(f"learning curve: training on {len(pairs)} pairs ({say.percent(share)})")
    with shown_fit(run.talk, validates=bool(len(validation))) as show:
        result = fit(
            pairs, validation, model=loaded, settings=replace(stated, trackers=()), out=out, callbacks=[show],
            resume=(out / "checkpoint.safetensors").is_file(), more={"key": key, "share": share},
        )  # fmt: skip
    return result.adapter


def _key(pairs: pl.DataFrame, validation: pl.DataFrame, stated: "TrainSettings", loaded: "LoadedModel") -> str:
    texts = [table.select("id", "input", "output", "system").rows() for table in (pairs, validation)]
    content = json.dumps([texts, asdict(stated), loaded.sha256, loaded.dtype], default=str)
    return hashlib.sha256(content.encode(errors="surrogatepass")).hexdigest()[:24]


def _acceptable(run: Run, test: pl.DataFrame, size: int, adapter: Path, loaded: "LoadedModel") -> np.ndarray:
    """Whether each output of one adapter is acceptable; NaN if it could not be scored."""
    from ...evaluate import check_room, race

    variant = Variant("tuned", "adapter", adapter=adapter, tuned=True)
    limit = limit_of(run, loaded)
    check_room(variant, test, loaded=loaded, max_new_tokens=limit)
    with run.talk.progress(f"{size:,} pairs") as advance:
        raced = race(
            variant, test, loaded=loaded, settings=run.project.evaluate, max_new_tokens=limit,
            store=run.generated, seed=run.seed,
            progress=lambda name, done, of, show=advance: show(done, of, "outputs"),
        )  # fmt: skip
    settings = run.project.evaluate
    scores = score_outputs(
        run.referenced(test, run.test), raced.outputs, run.style,
        count_tokens=loaded.count_tokens, repair=settings.of(settings.candidate).repair
    )  # fmt: skip
    acceptable = scores.items["acceptable"].fill_null(float("nan")).to_numpy()
    run.talk.note(
        f"learning curve: trained on {size:,} pairs, {good_outputs(run.style)} {say.percent(float(np.nanmean(acceptable)))}"
    )
    return acceptable


def _summary(folder: Path) -> dict[str, Any]:
    summary = read_stored(folder / "summary.json", "train/summary.json")
    if "settings" not in summary or "seconds" not in summary:
        raise ConfigError(f"{folder} has no finished training; run `tuneworth train` first")
    return summary


def curve_text(curve: LearningCurve) -> str:
    """The curve as lines for a terminal."""
    lines = ["", f"Trained on   {curve.good} on the test pairs"]
    for size, share in zip(curve.sizes, curve.acceptable, strict=True):
        span = say.percent_range(share.low, share.high)
        lines.append(f"{size:>6,} pairs   {say.percent(share.share):>6} ({span})")
    return "\n".join([*lines, curve.sentence])
