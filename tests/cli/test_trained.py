"""What results.json says of a fit, however long it was."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.core import DataError, as_json
from tuneworth.evaluate.results import Training
from tuneworth.project import trained
from tuneworth.project.training.trained import thinned

from ..shared import record_of


def line(step: int, loss: float | None = 1.0, validation: float | None = None) -> dict[str, Any]:
    return {"step": step, "epoch": 0.1, "train_loss": loss, "validation_loss": validation, "learning_rate": 1e-3}


def fitted(run: Path, *, log: str = "", **summary: Any) -> Path:
    (run / "train").mkdir()
    whole = as_json(record_of(summary, Training))
    (run / "train" / "summary.json").write_text(json.dumps({**whole, "tokens": 9, "seconds": 1.5}))
    (run / "train" / "log.jsonl").write_text(log)
    return run


@given(st.integers(0, 2000), st.sets(st.integers(0, 1999), max_size=20), st.integers(2, 300))
def test_a_thinned_log_keeps_ends_and_validation_losses_and_stays_short(n: int, looks: set[int], most: int) -> None:
    log = [line(step, float(step), 0.5 if step in looks else None) for step in range(n)]
    kept = thinned(log, most=most)
    assert len(kept) <= most + len(looks) + 1
    steps = [found["step"] for found in kept]
    assert steps == sorted(set(steps))
    assert {0, n - 1} & set(range(n)) <= set(steps)
    assert looks & set(range(n)) <= set(steps)
    for found in kept:
        assert log[found["step"]].items() <= found.items()


def test_the_means_of_a_thinned_log_weigh_every_step_once() -> None:
    log = [line(step, step / 7 if step % 7 else None) for step in range(1000)]
    kept = thinned(log, most=100)
    begins = [0, *(found["step"] + 1 for found in kept[:-1])]
    for begin, found in zip(begins, kept, strict=True):
        seen = [x["train_loss"] for x in log[begin : found["step"] + 1] if x["train_loss"] is not None]
        assert found["mean_train_loss"] == (pytest.approx(sum(seen) / len(seen)) if seen else None)


def test_a_short_log_stays_as_it_is() -> None:
    log = [line(step) for step in range(300)]
    assert thinned(log) == log


@pytest.mark.slow
def test_a_hundred_thousand_steps_stay_small(tmp_path: Path) -> None:
    log = "".join(
        json.dumps(line(step, validation=1.0 if step % 5000 == 0 else None)) + "\n" for step in range(100_000)
    )
    found = trained(fitted(tmp_path, log=log, steps=100_000, notices=[f"notice {n}" for n in range(2000)]))
    assert found is not None
    assert len(json.dumps(as_json(found))) < 60_000
    assert found.notices[-1] == "1981 more notices are in train/summary.json"
    assert sum(x.validation_loss is not None for x in found.log) == 20


def test_nothing_fitted_is_none(tmp_path: Path) -> None:
    assert trained(tmp_path) is None


def test_everything_of_the_summary_is_passed_on(tmp_path: Path) -> None:
    worst = [{"id": "p1", "loss": 2.0, "first_loss": 3.0, "tokens": 7}]
    found = trained(fitted(tmp_path, steps=3, highest_losses=worst, skipped_steps=1))
    assert found is not None
    assert (found.steps, found.skipped_steps, found.notices, found.log) == (3, 1, [], [])
    assert as_json(found.highest_losses) == worst


def test_a_line_torn_by_a_kill_is_left_out_and_what_is_no_number_is_null(tmp_path: Path) -> None:
    log = '{"step": 1, "train_loss": NaN}\n{"step": 2, "train'
    found = trained(fitted(tmp_path, log=log))
    assert found is not None
    assert [(line.step, line.train_loss) for line in found.log] == [(1, None)]


@pytest.mark.parametrize(("name", "text"), [
    ("summary.json", "{"), ("summary.json", ""), ("summary.json", "[]"), ("log.jsonl", "{broken\n{}\n"),
])  # fmt: skip
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str, text: str) -> None:
    run = fitted(tmp_path)
    (run / "train" / name).write_text(text)
    with pytest.raises(DataError, match=name.replace(".", r"\.")):
        trained(run)
