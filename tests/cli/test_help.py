"""`--help`, and what the shell completes."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tuneworth.cli.help import Grouped
from tuneworth.cli.main import COMMANDS, tuneworth
from tuneworth.cli.runs import prune


def commands() -> Iterator[tuple[str, click.Command]]:
    """Each command with its full name; those of a group too."""
    for name in COMMANDS:
        found = tuneworth.get_command(click.Context(tuneworth), name)
        if isinstance(found, click.Group):
            yield from ((f"{name} {inner}", one) for inner, one in found.commands.items())
        elif found is not None:
            yield name, found


EVERY = {**dict(commands()), "runs prune": prune}


def sections(text):
    """The option names, or the command names, under each heading of a help text."""
    found, title = {}, ""
    for line in text.partition("  Example:")[0].splitlines():
        if line and not line.startswith(" ") and line.endswith(":"):
            title = line[:-1]
            found[title] = []
        elif found and line.startswith("  ") and line[2:3] not in (" ", ""):
            found[title].append(line.split()[0].rstrip(","))
    return found


@pytest.mark.parametrize("name", EVERY)
def test_every_option_stands_once_under_a_heading(command, name):
    listed = [option for options in sections(command(*name.split(), "--help").out).values() for option in options]
    assert len(listed) == len(set(listed))
    assert {param.opts[0] for param in EVERY[name].params if isinstance(param, click.Option)} <= set(listed)
    assert isinstance(EVERY[name], Grouped)


@pytest.mark.parametrize("name", EVERY)
def test_help_fits_a_terminal_of_80_columns(command, name):
    assert max(map(len, command(*name.split(), "--help").out.splitlines())) <= 80


def test_the_options_of_daily_use_come_first_and_those_of_every_command_last(command):
    found = sections(command("curate", "--help").out)
    assert next(iter(found)) == "Options"
    assert found["Options"][:2] == ["--out", "--style"]
    assert list(found)[-1] == "Every command"
    assert {"--json", "--quiet", "--debug"} <= set(found["Every command"])
    assert {"-h", "--help"} & set(found["Every command"])  # the first that a process asked for is listed first
    assert "--cluster" in found["For a project"]


def test_the_commands_stand_by_their_job_before_the_options(command):
    found = sections(command("--help").out)
    assert [name for title in found if title != "Options" for name in found[title]] == list(COMMANDS)
    assert list(found)[-1] == "Options"
    assert len(found) > 4


def test_a_group_of_an_unknown_option_is_refused():
    with pytest.raises(ValueError, match="--no-such"):
        Grouped("try", params=[click.Option(["--there"])], groups={"Some": "--there --no-such"})


def completed(words, folder):
    """What a shell gets for the last word."""
    environment = {**os.environ, "_TUNEWORTH_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(words)}
    code = "from tuneworth.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, text=True, capture_output=True, check=False,
        env=environment | {"COMP_CWORD": str(len(words) - 1)},
    )  # fmt: skip
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["tuneworth", "s"], ["search", "style", "serve-check"]),
        (["tuneworth", "--v"], ["--version"]),
        (["tuneworth", "style", "g"], ["guide"]),
        (["tuneworth", "export", "x", "--format", "o"], ["openai", "ollama"]),
        (["tuneworth", "train", "shop", "--run", "2026"], ["20260102-b", "20260101-a"]),
        (["tuneworth", "train", "--run", ""], ["here"]),
    ],
)
def test_the_shell_completes_commands_options_choices_and_runs(tmp_path, words, found):
    for run in ("shop/runs/20260101-a", "shop/runs/20260102-b", "shop/runs/none", "runs/here"):
        (tmp_path / run).mkdir(parents=True)
        if not run.endswith("none"):
            (tmp_path / run / "run.json").write_text("{}")
    assert completed(words, tmp_path) == found


@pytest.mark.slow
def test_the_line_for_bash_in_the_docs_makes_bash_complete(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text(encoding="utf-8")
    line = re.findall(r"^```bash\n(.*?)\n```", page, re.MULTILINE)[0]
    (tmp_path / "tuneworth").write_text(f'#!/bin/sh\nexec {sys.executable} -m tuneworth.cli "$@"\n')
    (tmp_path / "tuneworth").chmod(0o755)
    script = (
        f'{line}\nCOMP_WORDS=(tuneworth sty); COMP_CWORD=1; _tuneworth_completion tuneworth\necho "${{COMPREPLY[@]}}"'
    )
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("style\n", "")
    for shell in ("zsh", "fish"):
        assert f"_TUNEWORTH_COMPLETE={shell}_source tuneworth" in page
