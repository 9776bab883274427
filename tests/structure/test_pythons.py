"""tests/wheel/pythons.py: an interpreter is one that runs; no other Python at all is a failure."""

import runpy
import sys
from pathlib import Path

import pytest

PYTHONS = runpy.run_path(str(Path(__file__).parents[1] / "wheel" / "pythons.py"))
VERSION = "{}.{}".format(*sys.version_info)


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on an otherwise empty path, with no Pythons of pyenv and uv."""
    for name in ("PATH", "PYENV_ROOT", "UV_PYTHON_INSTALL_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    (tmp_path / "PATH").mkdir()
    return tmp_path


def test_a_shim_that_fails_is_passed_over_for_the_interpreter_of_pyenv(nowhere: Path) -> None:
    shim = nowhere / "PATH" / f"python{VERSION}"
    shim.write_text("#!/bin/sh\nexit 127\n", encoding="utf-8")
    shim.chmod(0o755)
    assert PYTHONS["interpreter"](VERSION) is None
    real = nowhere / "PYENV_ROOT" / "versions" / f"{VERSION}.1" / "bin" / f"python{VERSION}"
    real.parent.mkdir(parents=True)
    real.symlink_to(sys.executable)
    assert PYTHONS["interpreter"](VERSION) == real


def test_an_interpreter_of_another_version_than_its_name_is_none(nowhere: Path) -> None:
    (nowhere / "PATH" / "python3.99").symlink_to(sys.executable)
    assert PYTHONS["interpreter"]("3.99") is None


def test_no_other_python_fails_and_says_so(nowhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert PYTHONS["main"]() == 1
    printed = capsys.readouterr().out
    assert "3.13: not on this machine, not tried" in printed
    assert printed.endswith("ran on no other Python\n")
