"""What docs/report.md says of the report is so: its files, sections, commands, gates, links."""

import json
import re
import shlex
from collections.abc import Callable
from html import unescape
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from tuneworth.cli import main
from tuneworth.evaluate.results import read_results
from tuneworth.examples import example_path
from tuneworth.project import parse_gate
from tuneworth.project.evaluation.gates import evaluate_gates

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "report.md").read_text(encoding="utf-8")


def console() -> list[tuple[str, list[str]]]:
    """Each command of the console blocks with the lines that it prints."""
    found = []
    for block in re.findall(r"```console\n\$ (.*?)```", PAGE, re.DOTALL):
        command, *lines = block.rstrip().splitlines()
        found.append((command, lines))
    return found


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the commands name: 60 pairs, 40 good outputs of tuned and 20 of prompted."""
    lines = (example_path("components") / "pairs.jsonl").read_text(encoding="utf-8").splitlines()
    good = [pair for line in lines if re.search(r"TO-92$", (pair := json.loads(line))["output"])][:60]
    style = "name: Line\nchecks:\n  - {kind: punctuation, end: none}\n"
    (tmp_path / "style.yaml").write_text(style, encoding="utf-8")
    (tmp_path / "test.jsonl").write_text("".join(json.dumps(pair) + "\n" for pair in good), encoding="utf-8")
    for name, right in (("prompted", 20), ("tuned", 40)):
        made = [{"id": pair["id"], "output": pair["output"] if n < right else "No."} for n, pair in enumerate(good)]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in made), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_the_commands_print_what_the_page_shows(place: Path, capsys: pytest.CaptureFixture[str]):
    commands = sorted(console(), key=lambda shown: "evaluate" not in shown[0])  # the report is made of its run
    assert [words.split()[1] for words, _ in commands] == ["evaluate", "report"]
    for words, lines in commands:
        with pytest.raises(SystemExit) as left:
            main(shlex.split(words)[1:])
        printed = capsys.readouterr()
        assert left.value.code == (1 if "--gate" in words else 0)
        assert [line for line in lines if line not in (printed.out + printed.err).splitlines()] == []


def test_the_files_are_those_that_a_run_has(evaluated_run: Callable[..., Path]):
    files = re.findall(r"^\| `([\w./]+)` \|", PAGE.split("\n## ")[0], re.MULTILINE)
    run = evaluated_run(n=42)
    assert len(files) == 5
    assert [name for name in files if not (run / name).is_file()] == []


@pytest.mark.slow
def test_every_section_of_a_page_is_described_in_its_order(evaluated_run: Callable[..., Path], make_run):
    from tuneworth.reports import write_report

    described = re.findall(r"^\| ([A-Z][\w ]+) \|", section("The sections"), re.MULTILINE)
    gated = evaluated_run(n=42, options=("--gate", "quality.tuned.n >= 1")) / "report.html"
    for page in (gated, write_report(make_run())[0]):
        rail = re.search(r'<nav class="rail".*?</nav>', page.read_text(encoding="utf-8"), re.DOTALL)
        assert rail is not None
        titles = [unescape(title) for title in re.findall(r'href="#[\w-]+">([^<]+)<', rail[0])]
        titles = titles[titles.index("Why") :]  # before them the way back to the first screen
        assert titles == [title for title in described if title in titles]
        assert len(titles) > 8


def test_the_workflow_is_yaml_and_its_gates_are_gates(evaluated_run: Callable[..., Path]):
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    steps = yaml.safe_load(text)["jobs"]["judge"]["steps"]
    (words,) = [shlex.split(step["run"]) for step in steps if "evaluate" in step.get("run", "")]
    gates = [parse_gate(after) for word, after in pairwise(words) if word == "--gate"]
    results = read_results(evaluated_run(n=42))
    assert len(evaluate_gates(gates, results)) == 2


def test_the_gates_that_it_recommends_lead_to_values(evaluated_run: Callable[..., Path]):
    named = re.findall(r"`((?:quality|comparison|money|verdict)\.[\w.]+)(?: [=<>]+ [^`]+)?`", section("In a build"))
    results = read_results(evaluated_run(n=42))
    assert len(named) >= 4
    for path in named:
        compared = "== x" if path == "verdict.decision" else ">= 0"
        assert evaluate_gates([parse_gate(f"{path} {compared}")], results)[0].value is not None, path


def test_links_lead_somewhere_and_the_measured_table_is_the_benchmarks():
    for target in re.findall(r"\]\(([^)]+)\)", PAGE):
        file, _, anchor = target.partition("#")
        text = (ROOT / "docs" / file).read_text(encoding="utf-8") if file else PAGE
        headings = [
            re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in re.findall("^#+ (.+)", text, re.M)
        ]
        assert not anchor or anchor in headings, target
    measured = PAGE.split("<!-- measured by benchmarks/report.py -->")[1].split("<!-- end -->")[0].strip()
    assert measured in (ROOT / "benchmarks" / "report.md").read_text(encoding="utf-8")
    assert "promptfoo" in measured
