"""`import tuneworth`: few names, complete, light."""

import ast
import inspect
import re
import subprocess
import sys
import typing
from pathlib import Path

import pytest

import tuneworth

ROOT = Path(__file__).parents[2]
FUNCTIONS = [name for name in tuneworth.__all__ if inspect.isfunction(getattr(tuneworth, name))]


def test_there_are_at_most_25_names_and_each_is_documented() -> None:
    assert len(tuneworth.__all__) <= 25
    assert [name for name in tuneworth.__all__ if not getattr(tuneworth, name).__doc__] == []
    assert (tuneworth.__doc__ or "").startswith("Is fine-tuning worth it")
    assert re.fullmatch(r"\d+\.\d+\.\d+", tuneworth.__version__)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_results_and_errors_of_a_call_have_public_names(name: str) -> None:
    function = getattr(tuneworth, name)
    result = typing.get_type_hints(function)["return"]
    ours = [
        kind for kind in (result, *typing.get_args(result)) if getattr(kind, "__module__", "").startswith("tuneworth")
    ]
    assert [kind.__name__ for kind in ours if kind.__name__ not in tuneworth.__all__] == []
    errors = re.findall(r"\b[A-Z]\w+(?:Error|Broken|Failed)\b", function.__doc__ or "")
    known = {*tuneworth.__all__, "ValueError", "TypeError"}
    assert errors
    assert set(errors) <= known


def test_every_stage_of_the_command_has_its_call() -> None:
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    calls = re.findall(r"^\| `tuneworth ([^`]+)` \| `(\w+)\(", page, re.MULTILINE)
    assert {call for _, call in calls} == set(FUNCTIONS)
    from tuneworth.cli.main import COMMANDS

    assert {words.split()[0] for words, _ in calls} <= set(COMMANDS)
    assert set(COMMANDS) - {words.split()[0] for words, _ in calls} == {
        "check",
        "demo",
        "init",
        "search",
        "export",
        "review",
        "fix",
        "runs",
        "compare",
        "serve-check",
        "watch",
    }


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_call_is_quiet_without_a_console(name: str) -> None:
    talk = inspect.signature(getattr(tuneworth, name)).parameters.get("talk")
    assert talk is None or talk.default is None or talk.default.quiet


HELP = """
from tuneworth.cli import main
try:
    main(["--help"])
except SystemExit:
    pass
"""


@pytest.mark.parametrize("code", ["import tuneworth", HELP], ids=["import", "help"])
def test_the_import_and_the_help_are_light(code: str) -> None:
    heavy = ("polars", "numpy", "scipy", "sklearn", "torch", "jinja2", "httpx2", "rich")
    words = f"{code}\nimport sys; print('loaded', [name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "loaded []"


def test_the_commands_use_the_stages_only_through_the_face() -> None:
    """The command line imports only names from the face of a folder, so Python can do what it does."""
    inner = [
        (file.name, node.module)
        for file in (ROOT / "cli").glob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.level == 2 and "." in (node.module or "")
    ]
    assert inner == []
