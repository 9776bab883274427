"""The parts of evaluating on a cluster, without one: a worker in this process, room on nodes, addresses."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.core import ConfigError, ModelError, sha256_file
from tuneworth.curate import ClusterSettings
from tuneworth.evaluate import connected
from tuneworth.evaluate.outputs.generate import generate_outputs, plan_requests
from tuneworth.evaluate.outputs.race import ADAPTER
from tuneworth.evaluate.outputs.workers import (
    GenerationJob,
    Worker,
    count_parameters,
    outline,
    plan_placement,
    worker_bytes,
)
from tuneworth.train import LoadedModel

from .local_outputs import adapter_of

GB = 10**9


def node(cores: int, gpus: int = 0, memory: int = 64 * GB, *, alive: bool = True) -> dict[str, Any]:
    has = {"CPU": float(cores), "GPU": float(gpus), "memory": float(memory)}
    return {"Alive": alive, "NodeManagerAddress": f"10.0.0.{cores}", "Resources": {k: v for k, v in has.items() if v}}


def chats(count: int) -> list[list[dict[str, str]]]:
    return [[{"role": "user", "content": "part " * (n % 5) + str(n)}] for n in range(count)]


def wanted_of(loaded: LoadedModel, adapter: Path | None) -> GenerationJob:
    requests = plan_requests(loaded, chats(14), max_new_tokens=6, batch_size=4)
    files = () if adapter is None else tuple((name, sha256_file(adapter / name)) for name in ADAPTER)
    return GenerationJob(requests, adapter, files, 1.0, 3, None)


def ready(folder: Path) -> Worker:
    worker = Worker()
    worker.load(str(folder), dtype="float32", quantised=False, threads=1)
    return worker


# --- a worker ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_batches_in_any_order_and_call_equal_those_of_one_call(
    tiny_model: LoadedModel, tiny_folder: Path, tmp_path: Path
) -> None:
    worker = ready(tiny_folder)
    for adapter in (None, adapter_of(tiny_model, tmp_path / "adapter"), None):
        wanted = wanted_of(tiny_model, adapter)
        worker.begin(wanted)
        made = [one for number in (2, 0, 3, 1) for batch in worker.write(number, [1, 0]) for one in batch]
        whole = generate_outputs(
            tiny_model, wanted.requests, adapter=adapter, temperature=1.0, seed=3, samples=(0, 1)
        )  # fmt: skip
        said = [(one.index, one.sample, one.batch, one.output, one.output_tokens) for one in made]
        assert sorted(said) == [(one.index, one.sample, one.batch, one.output, one.output_tokens) for one in whole]


def test_the_outline_plans_the_same_requests_as_the_model(tiny_model: LoadedModel) -> None:
    import pickle

    sent = pickle.loads(pickle.dumps(outline(tiny_model)))
    assert plan_requests(sent, chats(9), max_new_tokens=5) == plan_requests(tiny_model, chats(9), max_new_tokens=5)
    assert (sent.dtype, sent.quantised, sent.context) == (tiny_model.dtype, tiny_model.quantised, tiny_model.context)
    assert len(pickle.dumps(outline(tiny_model))) < 200_000


def test_an_adapter_that_is_missing_or_different_on_a_node_is_reported_with_the_node(
    tiny_model: LoadedModel, tiny_folder: Path, tmp_path: Path
) -> None:
    worker, adapter = ready(tiny_folder), adapter_of(tiny_model, tmp_path / "adapter")
    wanted = wanted_of(tiny_model, adapter)
    config = adapter / "adapter_config.json"
    config.write_text(config.read_text() + "\n")
    with pytest.raises(ModelError, match=r"On the node .*adapter_config.json is not the file that the evaluation"):
        worker.begin(wanted)
    config.unlink()
    with pytest.raises(ModelError, match=r"On the node .* holds no adapter[\s\S]*under the same path"):
        worker.begin(wanted)


def test_a_model_that_a_node_cannot_load_is_reported_with_the_node() -> None:
    with pytest.raises(ModelError, match=r"On the node .*There is no model[\s\S]*use a shared folder"):
        Worker().load("/nowhere/model", dtype=None, quantised=False, threads=1)


# --- room -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("nodes", "workers", "expected"),
    [
        ([node(8), node(8)], None, (2, 8, 0)),  # one for each node
        ([node(8), node(8)], 4, (4, 4, 0)),
        ([node(8), node(2)], 4, (4, 2, 0)),
        ([node(8), node(8, alive=False)], None, (1, 8, 0)),
        ([node(8, gpus=4), node(16)], None, (4, 2, 1)),  # one for each GPU
        ([node(8, gpus=4)], 2, (2, 2, 1)),
    ],
)
def test_workers_share_cores_or_have_a_gpu(nodes: list[dict], workers: int | None, expected: tuple) -> None:
    places = plan_placement(nodes, workers=workers, memory=GB)
    assert (places.count, places.cores, places.gpus) == expected


@given(st.lists(st.integers(0, 20), min_size=1, max_size=6), st.integers(1, 30), st.integers(1, 20))
def test_planned_workers_always_fit_and_an_error_names_the_number_that_fits(
    cores: list[int], workers: int, gigabytes: int
) -> None:
    nodes = [node(count, memory=40 * GB) for count in cores]
    try:
        places = plan_placement(nodes, workers=workers, memory=gigabytes * GB)
    except ConfigError as refused:
        said = str(refused).split()
        assert sum(cores) < workers or int(said[0]) == workers > int(said[said.index("cluster,") + 1])
        return
    assert places.count == workers
    assert sum(min(count // places.cores, 40 // gigabytes) for count in cores) >= workers


def test_too_many_workers_for_the_memory_are_rejected_before_the_start() -> None:
    with pytest.raises(ConfigError) as refused:
        plan_placement([node(8, memory=16 * GB), node(8, memory=16 * GB)], workers=8, memory=6 * GB)
    assert str(refused.value).startswith("8 workers do not fit the cluster, 4 do: each takes 2 cores and 6 GB")
    assert "Set workers = 4" in str(refused.value)
    with pytest.raises(ConfigError, match=r"0 do[\s\S]*Use a smaller model"):
        plan_placement([node(8, memory=GB)], workers=None, memory=6 * GB)


def test_parameters_are_counted_without_loading_the_model(tiny_model: LoadedModel, tiny_folder: Path) -> None:
    expected = sum(parameter.numel() for parameter in tiny_model.model.parameters())
    assert count_parameters(tiny_folder) == expected
    assert count_parameters(tiny_folder / "nothing") is None


@pytest.mark.parametrize(
    ("dtype", "quantised", "gpu", "each"),
    [("float32", False, False, 4), ("bfloat16", False, False, 2), ("bfloat16", False, True, 2), (None, False, False, 4),
     (None, False, True, 2), ("bfloat16", True, True, 1)],
)  # fmt: skip
def test_the_memory_of_a_worker_grows_with_the_weights(
    dtype: str | None, quantised: bool, gpu: bool, each: int
) -> None:
    small, large = (worker_bytes(n, dtype=dtype, quantised=quantised, gpu=gpu) for n in (0, 10**9))
    assert large - small == each * 10**9
    assert small > GB


# --- the connection ---------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_ray_is_not_imported_without_a_cluster() -> None:
    modules = (
        "tuneworth.project.evaluation.evaluate, tuneworth.project.gather.gathering, tuneworth.evaluate.outputs.race"
    )
    also = "tuneworth.evaluate.outputs.actors, tuneworth.evaluate.outputs.workers, tuneworth.evaluate.outputs.workers"
    code = f"import sys, {modules}, {also}; print([m for m in sys.modules if m.split('.')[0] == 'ray'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.cluster
def test_an_address_without_an_answer_is_reported_at_once() -> None:
    for address in ("127.0.0.1:9", "ray://127.0.0.1:9"):
        with (
            pytest.raises(ConfigError, match=r"nothing answers at .*:9"),
            connected(ClusterSettings(address=address)),
        ):
            pass


def test_processes_without_ray_are_not_a_cluster_for_evaluation() -> None:
    with (
        pytest.raises(ConfigError, match='address = "processes" is for curating'),
        connected(ClusterSettings(address="processes")),
    ):
        pass
