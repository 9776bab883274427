"""Stage functions that worker processes import as the module `chain_stages`, and a Ray cluster of two nodes."""

import importlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

STAGES = Path(__file__).parent / "stages"
LOOKS_OFTEN = {"health_check_period_ms": 500}  # Ray asks a node every three seconds, five times, whether it lives


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module; its folder is on `sys.path` here and, through PYTHONPATH, in processes started from here."""
    monkeypatch.syspath_prepend(STAGES)
    monkeypatch.setenv("PYTHONPATH", str(STAGES))
    return importlib.import_module("chain_stages")


@pytest.fixture(scope="module")
def two_nodes() -> Iterator[Any]:
    """A Ray cluster of two nodes with a core each, on 127.0.0.2 and 127.0.0.3; its workers find `chain_stages`."""
    with ray_home() as environment, pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        from ray.cluster_utils import Cluster

        node = {"num_cpus": 1, "object_store_memory": 80 * 2**20}
        cluster = Cluster(
            initialize_head=True,
            head_node_args={
                "node_ip_address": "127.0.0.2",
                "include_dashboard": False,
                "_system_config": LOOKS_OFTEN,
                **node,
            },
        )
        try:
            cluster.add_node(node_ip_address="127.0.0.3", **node)
            yield cluster
        finally:
            cluster.shutdown()


@contextmanager
def ray_home() -> Iterator[dict[str, str]]:
    """Variables for a Ray of its own: no telemetry, sockets in a short path, `chain_stages` for its workers."""
    home = Path(tempfile.mkdtemp(prefix="r"))  # the paths of sockets have at most 107 letters
    (home / "ray").mkdir()
    try:
        yield {
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_TMPDIR": str(home),
            "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # as later versions have it; unset, Ray warns
            "PYTHONPATH": str(STAGES),
        }
    finally:
        shutil.rmtree(home, ignore_errors=True)
