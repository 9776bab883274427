"""The README's commands run, and what it shows is what they print."""

import re
import shlex
from pathlib import Path

import pytest

from tuneworth.examples import example_path

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
# What takes minutes or sets up an environment is run by CI's demo, or by hand, not here.
SLOW = ("git", "make")


def shown() -> list[tuple[str, list[str]]]:
    """Each command of a console block with the lines that follow it."""
    commands: list[tuple[str, list[str]]] = []
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                commands.append((line[2:], []))
            else:
                commands[-1][1].append(line)
    return [(words, lines) for words, lines in commands if not words.startswith(SLOW)]


def test_the_readme_shows_commands():
    assert {words.split()[1] for words, _ in shown()} >= {"style", "curate", "why", "roi"}


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A folder in which the README's paths hold."""
    (tmp_path / "examples").symlink_to(example_path("components").parent)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_command_prints_what_the_readme_shows(command, clone):
    for words, lines in shown():
        done = command(*shlex.split(words)[1:])
        assert done.code == 0, (words, done.err)
        printed = done.out.strip().splitlines()
        expected = [line.rstrip() for line in lines]
        if expected[-1] == "…":  # the README shows the beginning alone
            expected = expected[:-1]
            printed = printed[: len(expected)]
        assert [line.rstrip() for line in printed] == expected, words


def test_the_readme_says_what_is_there():
    root = Path(__file__).parents[2]
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        if not target.startswith("http"):
            assert (root / target).exists(), target
    targets = re.findall(r"`make ([a-z-]+)", README)
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    assert [name for name in targets if f"\n{name}:" not in makefile] == []
