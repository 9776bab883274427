"""docs/tasks.md: its commands run one after the other, with its edits between them, and print what the page shows."""

import json
import re
import shlex
from pathlib import Path

import pytest

from tuneworth.examples import example_path
from tuneworth.style import parse_style

PAGE = (Path(__file__).parents[2] / "docs" / "tasks.md").read_text(encoding="utf-8")
TASKS = ["labels", "fields", "sql", "answers", "text"]


def section(task: str) -> str:
    title = "Free text" if task == "text" else task.capitalize() if task != "sql" else "SQL"
    return re.split(r"^## ", PAGE.partition(f"\n## {title}\n")[2], flags=re.M)[0]


def test_every_section_of_a_task_is_run():
    titles = re.findall(r"^## (.*)", PAGE, re.M)
    assert len(titles) == len(TASKS) + 1
    assert all("tuneworth evaluate" in section(task) for task in TASKS)


def test_a_style_that_no_command_uses_can_be_read():
    (text,) = (block for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.S) if not block.startswith("name:"))
    assert parse_style(text).checks


@pytest.mark.slow(20)
@pytest.mark.parametrize("task", TASKS)
def test_a_section_leads_from_a_file_to_its_verdict(task, command, tmp_path, monkeypatch):
    (tmp_path / "examples").symlink_to(example_path("tasks").parent)
    monkeypatch.chdir(tmp_path)
    project = tmp_path / task
    for kind, block in re.findall(r"```(console|yaml)\n(.*?)```", section(task), re.S):
        if kind == "yaml" and block.startswith("name:"):
            (project / "style.yaml").write_text(block, encoding="utf-8")
        for words, shown in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.M) if kind == "console" else []:
            done = command(*shlex.split(words)[1:])
            assert done.code == 0, (words, done.err)
            assert re.match(pattern(shown), " ".join(done.out.split())), (words, shown, done.out)
            if " init " in words:
                state_variants(project / "tuneworth.toml", task)
    (found,) = project.glob("runs/*/results.json")
    results = json.loads(found.read_text(encoding="utf-8"))
    rows = re.findall(r"^\| `(\w+)` \| (\d+%) \| (\d+%) \| ([\d.]+) \|", section(task), re.M)
    lowest = classes(results)[: len(rows)]
    assert rows == [
        (one["name"], f"{one['precision']['share']:.0%}", f"{one['recall']['share']:.0%}", f"{one['f1']:.2f}")
        for one in lowest
    ]


def pattern(shown: str) -> str:
    """What the output must look like but for line ends; an ellipsis stands for any text."""
    return ".*?".join(map(re.escape, " ".join(shown.split()).split("…"))).replace(r".*?\ ", ".*? ?") + r"\Z"


def state_variants(file: Path, task: str) -> None:
    """What "The two variants" says."""
    (table,) = re.findall(r"```toml\n(.*?)```", PAGE, re.S)
    kept = file.read_text(encoding="utf-8").partition("[evaluate.prompted]")[0]
    file.write_text(kept + table.replace("NAME", task), encoding="utf-8")


def classes(results: dict) -> list[dict]:
    """The scores of the tuned model by label or field, lowest F1 first."""
    scores = results.get("correctness", {"variants": {"tuned": {}}})["variants"]["tuned"]
    return sorted(scores.get("classes") or scores.get("fields") or [], key=lambda one: one["f1"])
