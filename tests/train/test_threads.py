import os
import sys
from collections.abc import Iterator

import joblib
import psutil
import pytest
import torch

from tuneworth.train import set_threads
from tuneworth.train.model import hardware
from tuneworth.train.model.hardware import TURNS, set_waiting, usable_cores


@pytest.fixture
def two_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As where OMP_NUM_THREADS is 2; restored afterwards."""
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("granted", "physical", "usable"),
    [(64, 32, 32), (2, 32, 2), (8, None, 8), (1, 1, 1)],
)
def test_cores_are_physical_and_granted(
    monkeypatch: pytest.MonkeyPatch, granted: int, physical: int | None, usable: int
) -> None:
    monkeypatch.setattr(joblib, "cpu_count", lambda: granted)
    monkeypatch.setattr(psutil, "cpu_count", lambda logical: physical)
    assert usable_cores() == usable


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize(("cores", "used"), [(64, 2), (2, 2), (1, 1)])
def test_threads_are_lowered_and_never_raised(monkeypatch: pytest.MonkeyPatch, cores: int, used: int) -> None:
    monkeypatch.setattr(hardware, "usable_cores", lambda: cores)
    assert set_threads() == torch.get_num_threads() == used


@pytest.mark.usefixtures("two_threads")
def test_processes_of_one_machine_share_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "usable_cores", lambda: 3)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert set_threads() == 1


@pytest.mark.parametrize(
    ("load", "given", "expected"),
    [
        (0.0, {}, {"GOMP_SPINCOUNT": str(TURNS)}),
        (1000.0, {}, {"OMP_WAIT_POLICY": "PASSIVE"}),
        (0.0, {"OMP_WAIT_POLICY": "ACTIVE"}, {"OMP_WAIT_POLICY": "ACTIVE"}),
        (0.0, {"GOMP_SPINCOUNT": "7"}, {"GOMP_SPINCOUNT": "7"}),
    ],
)
def test_threads_wait_awake_on_an_idle_machine_alone_and_as_the_user_says(
    monkeypatch: pytest.MonkeyPatch, load: float, given: dict[str, str], expected: dict[str, str]
) -> None:
    names = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    for name in names:
        monkeypatch.setenv(name, "")  # so that what the call sets is taken back
        monkeypatch.delenv(name)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(os, "getloadavg", lambda: (load, load, load))
    monkeypatch.setattr(sys, "platform", "linux")
    set_waiting()
    assert {name: os.environ[name] for name in names if name in os.environ} == expected
