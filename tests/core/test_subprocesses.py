"""Python processes that this one starts import nothing from the current folder."""

import subprocess
import sys
from pathlib import Path

import pytest

from tuneworth.core import python_command, safe_path

from ..shared import decoys

SCRIPT = """
import importlib
from concurrent.futures import ProcessPoolExecutor
from tuneworth.core import spawning

print("the script runs")
with spawning({"COLOUR": "red"}) as context:
    pool = ProcessPoolExecutor(1, mp_context=context)
    module = pool.submit(eval, "__import__('colorsys').__file__ + __import__('os').environ['COLOUR']")
print(module.result())
pool.shutdown()
"""


def test_a_command_imports_nothing_from_the_current_folder_nor_from_that_of_its_program(tmp_path):
    ran = decoys(tmp_path, "queue", "colorsys")
    (tmp_path / "program.py").write_text("import queue, colorsys")
    for words in (["-c", "import queue, colorsys"], ["program.py"]):
        subprocess.run(python_command(*words), cwd=tmp_path, check=True)
    assert ran() == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "names"),
    [("script.py", ["colorsys"]), ("bin/command", ["colorsys", "multiprocessing", "pickle", "struct"])],
)
def test_a_worker_neither_runs_the_script_again_nor_imports_what_lies_beside_it(tmp_path, script, names):
    ran = decoys(tmp_path, *names)
    (tmp_path / "bin").mkdir()
    (tmp_path / script).write_text(SCRIPT)
    done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert (done.stdout.count("the script runs"), done.stdout.endswith("colorsys.pyred\n")) == (1, True)
    assert ran() == []


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (["HERE", "/lib"], ["/lib"]),  # a script of this folder, or python -m
        (["", "/lib"], ["/lib"]),  # a prompt
        (["/lib", "", "/site"], ["/lib", "/site"]),  # a notebook
        (["/bin", "HERE", "/lib"], ["/bin", "HERE", "/lib"]),  # PYTHONPATH names it
    ],
)
def test_the_current_folder_is_left_out_where_python_put_it(tmp_path, monkeypatch, path, expected):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [folder.replace("HERE", str(Path.cwd())) for folder in path])
    assert safe_path() == [folder.replace("HERE", str(Path.cwd())) for folder in expected]
