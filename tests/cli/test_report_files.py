"""`tuneworth report` says each file that it writes; where the disk refuses one, nothing half-written is left."""

import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest


@pytest.fixture
def judged(command, pairs_file, style_file, tmp_path):
    """A run of two variants whose outputs were given."""
    outputs = [word for name in ("prompted", "tuned") for word in ("--outputs", f"{name}={tmp_path / name}.jsonl")]
    for name in ("prompted", "tuned"):
        (tmp_path / f"{name}.jsonl").write_text(pairs_file.read_text())
    done = command("evaluate", "--pairs", pairs_file, *outputs, "--style", style_file, "--out", tmp_path / "judged")
    assert done.code == 0, done.err
    return tmp_path / "judged"


@pytest.mark.slow
def test_the_command_says_all_three_files(command, judged):
    names = ["report.html", "report.md", "junit.xml"]
    for name in names:
        (judged / name).unlink()
    done = command("report", judged, "--json")
    assert done.json["written"] == [str(judged / name) for name in names]
    assert command("report", judged).out.count("Written: ") == 3
    assert ET.parse(judged / "junit.xml").getroot().tag == "testsuites"


@pytest.mark.smoke
@pytest.mark.slow
def test_a_disk_that_refuses_is_told_and_leaves_the_earlier_report(judged):
    before = (judged / "report.html").read_bytes()
    # No file may grow beyond 100 kB: what a full disk does, without filling one.
    loaded = "import polars; from tuneworth.style import likely_languages; likely_languages(polars.Series(['a text']))"
    limit = f"{loaded}; import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))"
    call = f"{limit}; from tuneworth.cli import main; main(['report', {str(judged)!r}])"
    done = subprocess.run([sys.executable, "-c", call], capture_output=True, text=True)
    assert done.returncode == 3, done.stderr
    assert "File too large" in done.stderr
    assert str(judged) in done.stderr
    assert ".part" not in done.stderr
    assert "Traceback" not in done.stderr
    assert (judged / "report.html").read_bytes() == before
    assert not list(judged.glob(".*.part"))
