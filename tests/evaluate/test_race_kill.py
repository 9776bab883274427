"""Real processes, killed while they generate: what they leave, and how the next one resumes."""

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .local_outputs import finished

# Starting Python with torch takes seconds, so one process prepares and each race is a fork of it. A job is a store, the
# place for the outputs, and the moment at which the race is killed: a number of batches in the store, and later by a share
# of what a batch took in the last whole race; null for never. Counting in batches makes the moment independent of the
# load of the machine.
NURSERY = """
import json, os, signal, sys, time
from pathlib import Path

import polars as pl
import torch

torch.set_num_threads(1)
from tuneworth.evaluate import EvaluateSettings, Variant
from tuneworth.evaluate.outputs import decode, race as racing
from tuneworth.evaluate import race
from tuneworth.train.model import adapter
from tuneworth.train import load_model

model_folder, jobs, each = json.loads(sys.stdin.read())
took = 0.0
racing.BATCH = 4
model = load_model(model_folder, dtype="bfloat16")
rows = [{"id": f"p{n}", "input": "part " * (n % 9) + str(n), "system": None} for n in range(24)]
variant = Variant("prompted", "base model", guide="Write one line about the part.")
settings = EvaluateSettings(temperature=1.0, samples=2)

for store, out, moment in jobs:
    started, fresh = time.perf_counter(), not Path(store).exists()
    child = os.fork()
    if not child:
        pairs = pl.DataFrame(rows, schema_overrides={"system": pl.String})  # polars' threads do not survive a fork
        found = race(variant, pairs, loaded=model, settings=settings, max_new_tokens=8, store=Path(store))
        Path(out).write_text(json.dumps(found.outputs.drop("seconds").rows()))
        os._exit(0)
    ended, status = 0, 0
    if moment is not None:
        batches, later = moment
        while not ended and (Path(store).read_bytes() if Path(store).exists() else b"").count(b"\\n") < batches:
            ended, status = os.waitpid(child, os.WNOHANG)
            time.sleep(0.001)  # the race needs the core
        time.sleep(later * took / each)
        if not ended:
            os.kill(child, signal.SIGKILL)
    if not ended:
        _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status)
    if fresh and not killed:
        took = time.perf_counter() - started
    print(json.dumps({"killed": killed}), flush=True)
"""
BATCHES = 6 * 2  # 24 pairs in fours, two samples
Moment = tuple[int, float] | None


def races(model: Path, jobs: list[tuple[Path, Path, Moment]]) -> list[dict[str, Any]]:
    """Run the jobs one after another; returns whether each was killed."""
    told = json.dumps([str(model), [(str(store), str(out), moment) for store, out, moment in jobs], BATCHES])
    done = subprocess.run(
        [sys.executable, "-c", NURSERY], input=told, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow(10)
def test_a_race_killed_at_random_moments_ends_like_an_uninterrupted_one(tiny_folder: Path, tmp_path: Path) -> None:
    chance = random.Random(3)
    whole, out = tmp_path / "whole", tmp_path / "out"
    # Three stores, each killed four times: at the start, and within a batch in each third of the rest.
    stores = [tmp_path / f"{n}" for n in range(3)]
    jobs: list[tuple[Path, Path, Moment]] = [(tmp_path / "warm", out, None), (whole, out, None)]
    for store in stores:
        ended = store.with_suffix(".out")
        for batches in (0, *(third + chance.randrange(3) for third in (1, 4, 7))):
            jobs.append((store, ended, (batches, chance.uniform(0, 1))))
        jobs.append((store, ended, None))
    told = races(tiny_folder, jobs)
    assert sum(one["killed"] for one in told) >= 8  # of twelve: a process may end while its killer waits for its turn
    expected = json.loads(out.read_text())
    assert len(set(finished(whole))) == len(finished(whole)) == BATCHES
    for store in stores:
        assert json.loads(store.with_suffix(".out").read_text()) == expected
        assert sorted(finished(store)) == sorted(set(finished(store)))
        assert len(finished(store)) == BATCHES
