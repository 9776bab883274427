"""Stage functions that worker processes import as the module `chain_stages`."""

import importlib
from pathlib import Path
from types import ModuleType

import pytest

STAGES = Path(__file__).parent / "stages"


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module; its folder is on `sys.path` here and, through PYTHONPATH, in processes started from here."""
    monkeypatch.syspath_prepend(STAGES)
    monkeypatch.setenv("PYTHONPATH", str(STAGES))
    return importlib.import_module("chain_stages")
