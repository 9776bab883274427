"""The commands of the README and the docs run, and what is shown is what they print."""

import re
import shlex
from pathlib import Path

import pytest

from tuneworth.examples import example_path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
STAGES = (ROOT / "docs" / "stages.md").read_text(encoding="utf-8")
PAGES = ["docs/stages.md", "docs/check.md", "docs/curation.md", "docs/your-own-csv.md"]
# What takes minutes or sets up an environment is run by CI's demo, or by hand, not here.
SLOW = ("git", "make")


def shown(page: str) -> list[tuple[str, list[str]]]:
    """Each command of a page's console blocks with the lines that follow it."""
    commands: list[tuple[str, list[str]]] = []
    for block in re.findall(r"```console\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                commands.append((line[2:], []))
            else:
                commands[-1][1].append(line)
    return [(words, lines) for words, lines in commands if not words.startswith(SLOW)]


def test_the_stages_show_commands():
    assert {words.split()[1] for words, _ in shown("docs/stages.md")} >= {"style", "curate", "why", "roi"}


def test_the_readme_is_read_in_five_minutes():
    assert len(README.split()) <= 1000


def test_ci_runs_the_test_command_of_the_readme():
    typed = [
        line.split("#")[0].strip()
        for block in re.findall(r"```sh\n(.*?)```", README, re.S)
        for line in block.splitlines()
    ]
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert {"make demo", "make test"} <= set(typed)
    assert re.search(r"^step make test$", ci, re.M)


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A folder in which the pages' paths hold."""
    (tmp_path / "examples").symlink_to(example_path("components").parent)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow(15)
@pytest.mark.parametrize("page", PAGES)
def test_every_command_prints_what_the_page_shows(page, command, clone):
    for words, lines in shown(page):
        done = command(*shlex.split(words)[1:])
        assert done.code == 0, (words, done.err)
        printed = done.out.strip("\n").splitlines()
        expected = [line.rstrip() for line in lines]
        if expected[-1] == "…":  # the page shows the beginning alone
            expected = expected[:-1]
            printed = printed[: len(expected)]
        assert [line.rstrip() for line in printed] == expected, words


@pytest.mark.slow
def test_the_inferred_rules_are_those_that_are_printed(command, clone):
    shown_lines = re.findall(r"```yaml\n(.*?)```", STAGES, re.DOTALL)[0].splitlines()
    done = command("style", "infer", "examples/components/pairs.jsonl")
    printed = done.out.splitlines()
    assert len(shown_lines) > 8
    assert [line for line in shown_lines if line != "…" and line not in printed] == []
