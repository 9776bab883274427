"""Output where not every character can be printed."""

import ast
import io
import json
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

from tuneworth.cli.main import JOBS, main
from tuneworth.core import print_anywhere
from tuneworth.core.console import SUBSTITUTES
from tuneworth.examples import example_path

from ..cli.test_help import EVERY
from ..conftest import write_pairs

HOME = Path(__file__).parents[2]


def printed(text, encoding, monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    print_anywhere()
    print(text, end="", flush=True)
    return stream.buffer.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "encoding", "found"),
    [
        ("12 € – “fünf” × 3 ≥ ½…", "ascii", b'12 EUR - "funf" x 3 >= 1/2...'),
        ("12 € – “fünf” × 3 ≥ ½…", "cp1252", "12 € – “fünf” × 3 >= ½…".encode("cp1252")),
        ("12 € – “fünf” × 3 ≥ ½…", "utf-8", "12 € – “fünf” × 3 ≥ ½…".encode()),
        ("日本 \U0001f600", "latin-1", rb"\u65e5\u672c \U0001f600"),
        ("Straße, Łódź, naïve ﬁne", "ascii", b"Strasse, Lodz, naive fine"),
    ],
)
def test_a_character_that_an_encoding_lacks_becomes_readable(text, encoding, found, monkeypatch):
    assert printed(text, encoding, monkeypatch) == found


def test_every_sign_in_our_own_texts_is_readable_in_ascii():
    signs = set()
    for folder in ("core", "cli/words", "cli", "project", "reports", "evaluate/verdict", "curate/checkup"):
        for file in (HOME / folder).glob("*.py"):
            text = file.read_text(encoding="utf-8")
            for node in () if text.isascii() else ast.walk(ast.parse(text)):
                if isinstance(node, ast.JoinedStr):
                    parts = [part.value for part in node.values if isinstance(part, ast.Constant)]
                    signs |= {sign for part in parts for sign in str(part) if not sign.isascii()}
    marks = {sign for sign in signs if unicodedata.category(sign)[0] in "PSZ"}
    assert "…" in marks
    assert not marks - set(SUBSTITUTES)
    assert all(text.isascii() for text in SUBSTITUTES.values())


@pytest.mark.parametrize("name", ["", *EVERY])
def test_help_is_plain_ascii(command, name):
    assert command(*name.split(), "--help").out.isascii()


def run(words, encoding, monkeypatch):
    """What the command writes to a standard output of this encoding."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    assert not left.value.code
    stream.flush()
    return stream.buffer.getvalue()  # type: ignore[attr-defined]


@pytest.mark.slow
def test_commands_print_whatever_the_encoding_and_json_loses_nothing(monkeypatch, tmp_path):
    assert b" x " in run(["roi", "--config", example_path("article.toml"), "--explain"], "ascii", monkeypatch)
    file = tmp_path / "größe №.jsonl"
    file.write_text(
        "".join(json.dumps({"input": f"{n * 7919}", "output": f"Stuhl {n}: schön"}) + "\n" for n in range(30))
    )
    found = [json.loads(run(["check", file, "--json"], encoding, monkeypatch)) for encoding in ("ascii", "utf-8")]
    assert found[0] == found[1]
    assert found[0]["source"] == str(file)


def test_a_document_in_a_file_is_utf_8_in_any_locale(monkeypatch, tmp_path):
    style = tmp_path / "stil.yaml"
    style.write_text("name: Größe\nchecks: [{kind: starts_with, any: [Größe →]}]\n", encoding="utf-8")
    for encoding in ("ascii", "cp1252", "utf-8"):
        assert "Größe →" in run(["style", "guide", style], encoding, monkeypatch).decode("utf-8")


def test_the_lines_of_commands_are_plain_ascii():
    assert all(line.isascii() for commands in JOBS.values() for _, line in commands.values())


@pytest.mark.parametrize("closed", [(1,), (0, 1, 2)])
def test_no_file_gets_the_number_of_a_closed_stream(closed, tmp_path):
    code = f"""
import os, sys
from tuneworth.core import fill_closed_streams
fill_closed_streams()
with open({str(tmp_path / "file")!r}, "w") as file:
    assert file.fileno() > 2
    os.write(1, b"printed by a library")
    os.write(2, b"printed by a library")
    assert sys.stdin.read() == ""
    print("printed", file=sys.stderr)
    print("printed", flush=True)
"""
    shell = f'exec "$0" "$@" {" ".join(f"{number}>&-" for number in closed)}'
    done = subprocess.run(
        ["sh", "-c", shell, sys.executable, "-c", code], stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "file").read_text() == ""


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_command_works_without_a_stream(name, monkeypatch, tmp_path):
    pairs = write_pairs(tmp_path / "pairs.jsonl")
    monkeypatch.setattr(sys, name, None)
    with pytest.raises(SystemExit) as left:
        main(["style", "infer", str(pairs), "--out", str(tmp_path / "style.yaml")])
    assert not left.value.code
    assert (tmp_path / "style.yaml").exists()
    getattr(sys, name).close()
