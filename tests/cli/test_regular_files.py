"""A pipe or device in the place of any file is refused in words, at once: opening a pipe would wait for ever."""

import json
import os

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")

STYLE = "name: x\nchecks:\n  - kind: clean\n"
PROJECT = """[data]
path = "pairs.jsonl"
[evaluate]
variants = ["prompted", "tuned"]
baseline = "prompted"
candidate = "tuned"
[evaluate.prompted]
outputs = "outputs.jsonl"
[evaluate.tuned]
outputs = "outputs.jsonl"
[roi]
prices = "prices.toml"
"""


@pytest.fixture
def files(tmp_path):
    """A project with each kind of file; a test puts a pipe in the place of one."""
    pairs = [{"id": str(n), "input": f"request {n}", "output": f"answer {n}"} for n in range(8)]
    (tmp_path / "pairs.jsonl").write_text("".join(f"{json.dumps(pair)}\n" for pair in pairs))
    (tmp_path / "outputs.jsonl").write_text("".join(f"{json.dumps(pair)}\n" for pair in pairs))
    (tmp_path / "more.jsonl").write_text((tmp_path / "outputs.jsonl").read_text())
    (tmp_path / "style.yaml").write_text(STYLE)
    (tmp_path / "tuneworth.toml").write_text(PROJECT)
    (tmp_path / "guide.md").write_text("Answer.\n")
    (tmp_path / "words.txt").write_text("answer\n")
    (tmp_path / "schema.json").write_text("{}")
    (tmp_path / "prices.toml").write_text('currency = "EUR"\n[models."a:b"]\nprice_input = 1\nprice_output = 2\n')
    return tmp_path


PIPES = [
    ("pairs.jsonl", "check pairs.jsonl"),
    ("pairs.jsonl", "curate pairs.jsonl --out out"),
    ("pairs.jsonl", "curate ."),
    ("pairs.jsonl", "init new --from pairs.jsonl"),
    ("pairs.jsonl", "style infer pairs.jsonl"),
    ("pairs.jsonl", "style guide style.yaml --example pairs.jsonl"),
    ("pairs.jsonl", "fix pairs.jsonl --style style.yaml"),
    ("pairs.jsonl", "style check pairs.jsonl --style style.yaml"),
    (
        "pairs.jsonl",
        "evaluate --pairs pairs.jsonl --outputs a=outputs.jsonl --outputs b=more.jsonl --out out --style style.yaml",
    ),
    ("pairs.csv", "check pairs.csv"),
    ("pairs.jsonl.gz", "check pairs.jsonl.gz"),
    ("pairs.jsonl.zst", "check pairs.jsonl.zst"),
    ("pairs.parquet", "check pairs.parquet"),
    ("pairs.arrow", "check pairs.arrow"),
    ("pairs.xlsx", "check pairs.xlsx"),
    ("style.yaml", "curate pairs.jsonl --style style.yaml --out out"),
    ("style.yaml", "style guide style.yaml"),
    ("style.yaml", "run ."),
    ("tuneworth.toml", "run ."),
    ("tuneworth.toml", "roi --config tuneworth.toml"),
    ("overrides.jsonl", "curate pairs.jsonl --overrides overrides.jsonl --out out"),
    ("overrides.jsonl", "curate ."),
    ("splits.jsonl", "curate pairs.jsonl --splits splits.jsonl --out out"),
    ("splits.jsonl", "curate ."),
    ("outputs.jsonl", "run ."),
    (
        "outputs.jsonl",
        "evaluate --pairs pairs.jsonl --outputs a=outputs.jsonl --outputs b=more.jsonl --out out --style style.yaml",
    ),
    ("guide.md", "run ."),
    ("prices.toml", "roi --config tuneworth.toml"),
    ("words.txt", "curate pairs.jsonl --style words.yaml --out out"),
    ("schema.json", "curate pairs.jsonl --style schema.yaml --out out"),
    ("schema.yml", "curate pairs.jsonl --style schema_yml.yaml --out out"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("place", "words"), PIPES, ids=[f"{place} in {words[:24]}" for place, words in PIPES])
def test_a_pipe_in_the_place_of_a_file_is_refused_at_once(command, files, monkeypatch, place, words):
    monkeypatch.chdir(files)
    for name, check in (("words", "known_words, path: words.txt"), ("schema", "json, schema: schema.json")):
        (files / f"{name}.yaml").write_text(f"checks: [{{kind: {check}}}]\n")
    (files / "schema_yml.yaml").write_text("checks: [{kind: json, schema: schema.yml}]\n")
    if place == "guide.md":  # which is read where outputs are generated
        (files / "tuneworth.toml").write_text(PROJECT.replace('outputs = "outputs.jsonl"', 'guide = "guide.md"', 1))
    (files / place).unlink(missing_ok=True)
    os.mkfifo(files / place)
    done = command(*words.split())
    assert done.code == 2, done.err
    told = f"{place} is not a file but a pipe; write its contents to a file first"
    assert (told if place != "splits.jsonl" else f"{place}: cannot be read: it is not a file but a pipe") in done.err
    assert not list(files.glob("runs/*/results.json"))
    assert (files / place).is_fifo()


def test_a_device_and_standard_input_are_refused(command, files, monkeypatch):
    monkeypatch.chdir(files)
    assert "/dev/null is not a file but a device" in command("check", "/dev/null").err
    assert "standard input is not read; save the file to disk and name it" in command("check", "-").err


def test_nothing_is_written_in_the_place_of_a_device(command, files, monkeypatch):
    monkeypatch.chdir(files)
    os.mkfifo(files / "page.html")
    done = command("check", "pairs.jsonl", "--page", "page.html")
    assert done.code == 2
    assert "page.html is not a file but a pipe" in done.err
