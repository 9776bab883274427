import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tuneworth.core import RunBroken
from tuneworth.train import TrainSettings, fit, load_model, merged_adapter
from tuneworth.train.loop import DivergenceGuard, is_finite, untuned
from tuneworth.train.model.adapter import adapter_weights
from tuneworth.train.model.kernels import attach_adapter, detach_adapter, replace_forward, restore_forward

NAN, INF = math.nan, math.inf


def course(
    ratios: Sequence[float], *, seed: int = 0, spread: float = 0.5, before: Sequence[float] = ()
) -> tuple[int | None, int]:
    """At which step a fit is stopped whose losses are `ratios` times the untuned model's; how often it was looked at.

    Batches differ: the untuned model's loss scatters by `spread` in logarithm around 3.
    """
    chance = random.Random(seed)
    before = before or [3 * math.exp(chance.gauss(0, spread)) for _ in ratios]
    looks = []
    fit = DivergenceGuard(steps=len(ratios), learning_rate=1e-3)
    for step, (ratio, loss) in enumerate(zip(ratios, before, strict=True), start=1):
        fit.note(loss * ratio, 1.0)
        try:
            fit.check(lambda steps: looks.append(steps) or [before[i - 1] for i in steps])
        except RunBroken:
            return step, len(looks)
    return None, len(looks)


def falling(steps: int, *, to: float, noise: float, seed: int) -> list[float]:
    chance = random.Random(seed)
    return [(to + (1 - to) * math.exp(-8 * i / steps)) * math.exp(chance.gauss(0, noise)) for i in range(steps)]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("to", [1.0, 0.5, 0.001])
def test_no_healthy_fit_is_stopped_however_its_batches_differ(to: float, seed: int) -> None:
    for steps in (5, 40, 400):
        ratios = falling(steps, to=to, noise=0.1, seed=seed)
        assert course(ratios, seed=seed, spread=1.0)[0] is None


@pytest.mark.parametrize("seed", range(20))
def test_single_wild_batches_stop_no_fit(seed: int) -> None:
    chance = random.Random(seed)
    ratios = falling(300, to=0.3, noise=0.1, seed=seed)
    for start in range(0, 300, 4):
        ratios[start + chance.randrange(2)] *= 50
    assert course(ratios, seed=seed)[0] is None


def test_pairs_known_by_heart_may_lose_a_little_again() -> None:
    assert course([1.0] * 5 + [0.001] * 100 + [0.05] * 100)[0] is None


@pytest.mark.parametrize("at", [1, 2, 8, 15, 60, 250])
@pytest.mark.parametrize("seed", range(5))
def test_a_fit_that_becomes_worse_than_none_is_stopped_soon(at: int, seed: int) -> None:
    ratios = falling(400, to=0.4, noise=0.1, seed=seed)
    stopped, _ = course(ratios[:at] + [2.5] * (400 - at), seed=seed)
    assert stopped is not None
    assert stopped <= max(10, at + 12, at + 3 + 0.25 * (at + 3))


def test_hard_pairs_at_the_first_look_hide_nothing_later() -> None:
    before = [30.0] * 12 + [3.0] * 88
    stopped, _ = course([0.7] * 40 + [2.5] * 60, before=before)  # 7.5 a step, and the first look was at 30
    assert stopped is not None
    assert stopped <= 53


def test_a_fit_that_looks_bad_all_the_time_is_rarely_looked_at() -> None:
    stopped, looks = course([1.2] * 5_000)
    assert stopped is None
    assert looks < 35
    assert course(falling(5_000, to=0.9, noise=0, seed=0), spread=0)[1] == 1


@pytest.mark.parametrize(
    "wrong", [(NAN, 1.0), (INF, 1.0), (-INF, 1.0), (2.0, NAN), (2.0, INF), (None, 1.0), (2.0, None)]
)
def test_one_step_without_numbers_is_left_out_and_three_in_a_row_stop_the_fit(wrong: tuple) -> None:
    good = (2.0, 1.0)
    assert not is_finite(*wrong)
    assert is_finite(*good)
    assert stopped_by([wrong] + [good] * 20) is None
    assert stopped_by([good] * 10 + [wrong] + [good] * 9 + [wrong, wrong] + [good] * 20) is None
    assert stopped_by([good] * 10 + [wrong] * 3) == 13


def test_a_fit_that_loses_every_second_step_is_stopped() -> None:
    assert stopped_by([(2.0, 1.0), (NAN, 1.0)] * 10) == 8


def stopped_by(steps: Sequence[tuple]) -> int | None:
    fit = DivergenceGuard(steps=len(steps), learning_rate=1e-3)
    for step, (loss, norm) in enumerate(steps, start=1):
        fit.note(loss, norm)
        try:
            fit.check(lambda asked: [3.0] * len(asked))
        except RunBroken:
            return step
    return None


def test_what_to_change_depends_on_whether_anything_was_learnt() -> None:
    broken, learnt = DivergenceGuard(steps=9, learning_rate=1e-3), DivergenceGuard(steps=9, learning_rate=1e-3)
    learnt.note(2.0, 1.0)
    for one in (broken, learnt):
        for _ in range(3):
            one.note(NAN, NAN)
    with pytest.raises(
        RunBroken, match=r"step 3 of 9: .* 3 of 3 steps, starting with the first.\nThe learning rate is"
    ):
        broken.check(lambda steps: [3.0] * len(steps))
    with pytest.raises(RunBroken, match=r'3 of 4 steps.\nLower "learning_rate" \(now 0.001\) to a third'):
        learnt.check(lambda steps: [3.0] * len(steps))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_without_its_adapter_the_model_is_the_base_and_afterwards_what_it_was(
    tiny_model: Any, dtype: torch.dtype
) -> None:
    base, ids = tiny_model.model.to(dtype), torch.arange(20)[None]
    plain = base(input_ids=ids).logits
    adapted = attach_adapter(base, rank=4, alpha=8, seed=0, name="tiny")
    for parameter in adapter_weights(adapted).values():
        parameter.normal_()
    replace_forward(adapted)
    kept = {name: p.clone() for name, p in adapter_weights(adapted).items()}
    tuned = base(input_ids=ids).logits
    with untuned(adapted), torch.no_grad():
        assert torch.equal(base(input_ids=ids).logits, plain)
    assert torch.equal(base(input_ids=ids).logits, tuned)
    assert all(torch.equal(p, kept[name]) for name, p in adapter_weights(adapted).items())
    restore_forward(adapted)
    detach_adapter(base)


PAIRS = [
    {"input": f"{word} {i}", "output": f"yes, {word}"}
    for i, word in enumerate(["resistor", "diode", "relay", "fuse", "lamp", "switch", "coil", "motor"] * 3)
]
LEARNS = TrainSettings(rank=8, alpha=16, max_steps=45, batch_size=8, learning_rate=4e-2, checkpoint_steps=0)


@pytest.fixture(scope="module")
def lesson(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter that teaches the tiny model to speak: a random one is so bad that nothing makes it worse."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    model = load_model(str(tiny_folder), dtype="float32")
    result = fit(PAIRS, model=model, settings=LEARNS, out=tmp_path_factory.mktemp("lesson"))
    torch.set_num_threads(threads)
    assert result.train_loss < 2
    return result.adapter


@pytest.fixture
def taught_model(tiny_model: Any, lesson: Path) -> Iterator[Any]:
    with merged_adapter(tiny_model, lesson) as merged:
        yield replace(tiny_model, model=merged)


@pytest.mark.slow
def test_a_rate_that_is_far_too_high_ends_the_run_and_says_what_to_change(taught_model: Any, tmp_path: Path) -> None:
    settings = replace(LEARNS, learning_rate=1.0, checkpoint_steps=5)
    with pytest.raises(RunBroken, match=r'diverged at step 10 of 45: (.|\n)*Lower "learning_rate" \(now 1\)'):
        fit(PAIRS, model=taught_model, settings=settings, out=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint.safetensors", "log.jsonl"]
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 10
    with pytest.raises(RunBroken, match="diverged at step 10 "):  # and again, from the checkpoint on
        fit(PAIRS, model=taught_model, settings=settings, out=tmp_path, resume=True)
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 10


@pytest.mark.slow
def test_a_sensible_rate_on_the_same_model_is_left_alone(taught_model: Any, tmp_path: Path) -> None:
    others = [{**pair, "output": pair["output"].replace("yes", "no")} for pair in PAIRS]
    settings = replace(LEARNS, learning_rate=5e-3, max_steps=20)
    result = fit(others, model=taught_model, settings=settings, out=tmp_path)
    assert result.train_loss < result.log[0]["train_loss"]
