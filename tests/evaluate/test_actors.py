"""Two workers of a real cluster: the same outputs as one process after any kill, and none generated twice."""

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tuneworth.core import ModelError, RunBroken
from tuneworth.evaluate import EvaluateSettings, Variant, race, start_actors
from tuneworth.evaluate.outputs import actors as starting
from tuneworth.evaluate.outputs import generate as generation
from tuneworth.evaluate.outputs.actors import Actors
from tuneworth.evaluate.outputs.workers import Placement

from .local_outputs import adapter_of, finished

pytestmark = pytest.mark.cluster

PAIRS, SAMPLES, LIMIT = 16, 2, 24
BATCHES = PAIRS // 4 * SAMPLES
PROMPTED = Variant("prompted", "base model", guide="Write one line about the part.")
HOME = "127.0.0.2"  # the cluster's one node listens on this machine alone


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    """A connected cluster of this machine alone, with two cores."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        import ray

        folder = tempfile.mkdtemp(prefix="tw-")  # short: it holds sockets
        ray.init(
            address="local", num_cpus=2, object_store_memory=100 * 2**20, include_dashboard=False, log_to_driver=False,
            logging_level=logging.ERROR, _node_ip_address=HOME, _temp_dir=folder,
        )  # fmt: skip
        yield ray
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def actors(ray: Any, tiny_folder: Path) -> Iterator[Actors]:
    """Two workers with the tiny model."""
    with start_actors(ray, str(tiny_folder), dtype="float32", quantised=False, workers=2, say=print) as found:
        yield found


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generation, "BATCH", 4)


def pairs_of(count: int = PAIRS) -> pl.DataFrame:
    rows = [{"id": f"p{n}", "input": "part " * (n % 9) + str(n), "system": None} for n in range(count)]
    return pl.DataFrame(rows, schema_overrides={"system": pl.String})


def raced(variant: Variant, loaded: Any, store: Path, **how: Any) -> list[tuple[Any, ...]]:
    """The outputs without the measured times."""
    temperature = how.pop("temperature", 1.0)
    settings = EvaluateSettings(temperature=temperature, samples=SAMPLES if temperature else 1)
    found = race(variant, pairs_of(), loaded=loaded, settings=settings, max_new_tokens=LIMIT, store=store, **how)
    return found.outputs.drop("seconds").rows()


def kill_worker(ray: Any, actors: Actors, number: int) -> None:
    os.kill(ray.get(actors._slots[number].actor.__ray_call__.remote(lambda worker: os.getpid())), signal.SIGKILL)


def test_two_workers_write_what_one_process_writes_and_each_can_resume_the_other(
    actors: Actors, tiny_model: Any, tmp_path: Path
) -> None:
    tuned = Variant("tuned", "adapter", adapter=adapter_of(tiny_model, tmp_path / "adapter"))
    for variant, temperature in ((PROMPTED, 1.0), (tuned, 0.0), (Variant("plain", "base model"), 0.0)):
        one, two = tmp_path / f"{variant.name}-one", tmp_path / f"{variant.name}-two"
        expected = raced(variant, tiny_model, one, temperature=temperature)
        assert raced(variant, actors.loaded, two, temperature=temperature, write=actors.write) == expected
        batches = finished(one)
        assert sorted(finished(two)) == sorted(batches)
        assert len(batches) == (BATCHES if temperature else BATCHES // SAMPLES)
        # Each reuses the outputs of the other, and half of them are resumed.
        written = two.read_bytes()
        assert raced(variant, tiny_model, two, temperature=temperature) == expected
        assert two.read_bytes() == written
        one.write_bytes(b"".join(one.read_bytes().splitlines(keepends=True)[::2]))
        assert raced(variant, actors.loaded, one, temperature=temperature, write=actors.write) == expected
        assert sorted(finished(one)) == sorted(batches)


def test_a_worker_killed_midway_is_replaced_and_no_stored_batch_is_written_again(
    ray: Any, actors: Actors, tiny_model: Any, tmp_path: Path
) -> None:
    expected, store, killed = raced(PROMPTED, tiny_model, tmp_path / "one"), tmp_path / "two", []

    def kill(name: str, done: int, of: int) -> None:
        if done >= of // 4 * (len(killed) + 1) and len(killed) < 2:
            kill_worker(ray, actors, len(killed))
            killed.append(done)

    assert raced(PROMPTED, actors.loaded, store, write=actors.write, progress=kill) == expected
    assert len(killed) == 2
    assert len(finished(store)) == len(set(finished(store))) == BATCHES
    # The other workers and the new ones still work.
    assert raced(PROMPTED, actors.loaded, tmp_path / "three", write=actors.write) == expected


def test_a_part_that_kills_every_worker_ends_the_run_with_the_stored_outputs(
    ray: Any, tiny_folder: Path, tiny_model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starting, "LOSSES", 1)
    said: list[str] = []
    # No cores are reserved, as the workers of the other tests use those of the cluster.
    actors = Actors(
        ray, Placement(1, 0, 0, None), name=str(tiny_folder), dtype="float32", quantised=False, say=said.append
    )

    fill = actors._fill

    def fill_and_kill(slot: Any) -> None:
        fill(slot)
        kill_worker(ray, actors, 0)  # once the model is loaded, before it writes

    try:
        actors.start()
        kill_worker(ray, actors, 0)
        monkeypatch.setattr(actors, "_fill", fill_and_kill)
        with pytest.raises(RunBroken, match="Workers were lost 2 times at the same point: The actor is dead because"):
            raced(PROMPTED, actors.loaded, tmp_path / "store", write=actors.write)
    finally:
        actors.close()
    assert sum("a worker was lost and is being restarted" in line for line in said) == 1


def test_a_model_that_no_node_can_load_is_one_error_with_the_node(ray: Any) -> None:
    actors = Actors(ray, Placement(1, 0, 0, None), name="/nowhere/model", dtype=None, quantised=False, say=print)
    try:
        with pytest.raises(ModelError, match=r"On the node .*There is no model"):
            actors.start()
    finally:
        actors.close()


DRIVER = """
import json, sys
from pathlib import Path

import polars as pl

from tuneworth.curate import ClusterSettings
from tuneworth.evaluate import EvaluateSettings, Variant
from tuneworth.evaluate.outputs import generate
from tuneworth.evaluate.outputs.actors import Actors
from tuneworth.evaluate import connected
from tuneworth.evaluate import race
from tuneworth.evaluate.outputs.workers import Placement

address, model, store, out, rows, guide, samples, limit = json.loads(sys.argv[1])
generate.BATCH = 4
pairs = pl.DataFrame(rows, schema_overrides={"system": pl.String})
settings = EvaluateSettings(temperature=1.0, samples=samples)
with connected(ClusterSettings(address=address)) as ray:
    actors = Actors(ray, Placement(1, 0, 0, None), name=model, dtype="float32", quantised=False, say=print)
    actors.start()
    found = race(
        Variant("prompted", "base model", guide=guide), pairs, loaded=actors.loaded, settings=settings,
        max_new_tokens=limit, store=Path(store), write=actors.write,
    )
    actors.close()
Path(out).write_text(json.dumps(found.outputs.drop("seconds").rows()))
"""


def test_a_killed_driver_resumes_where_it_stopped(ray: Any, tiny_folder: Path, tiny_model: Any, tmp_path: Path) -> None:
    expected = raced(PROMPTED, tiny_model, tmp_path / "one")
    store, out = tmp_path / "store", tmp_path / "out"
    address = ray.get_runtime_context().gcs_address
    told = [
        address, str(tiny_folder), str(store), str(out), pairs_of().rows(named=True), PROMPTED.guide, SAMPLES, LIMIT
    ]  # fmt: skip
    command = [sys.executable, "-c", DRIVER, json.dumps(told)]
    driver = subprocess.Popen(command)
    while driver.poll() is None and (store.read_bytes() if store.exists() else b"").count(b"\n") < BATCHES // 4:
        time.sleep(0.02)  # the workers need the core
    driver.kill()
    assert driver.wait() == -signal.SIGKILL
    kept = store.read_bytes()
    assert BATCHES // 4 <= len(finished(store)) < BATCHES
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(out.read_text()) == [list(row) for row in expected]
    assert store.read_bytes().startswith(kept)
    assert len(finished(store)) == len(set(finished(store))) == BATCHES
