"""Each command does what its help says."""

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from tuneworth.cli.main import COMMANDS
from tuneworth.examples import example_path


@pytest.mark.parametrize("name", [*COMMANDS, "style check", "style guide"])
def test_every_command_helps_with_an_example(command, name):
    done = command(*name.split(), "--help")
    assert done.code == 0
    assert ("Example:" in done.out) or name == "style"


def test_help_is_light():
    heavy = "('polars', 'numpy', 'torch', 'yaml', 'rich')"
    code = f"""
import sys
from tuneworth.cli import main
try:
    main(['--help'])
finally:
    print([m for m in {heavy} if m in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.slow
def test_the_article_pays_back_in_14_days_with_40_percent_less(command):
    done = command("roi", "--config", example_path("article.toml"))
    assert done.code == 0
    assert "40%" in done.out
    assert "14 days" in done.out
    assert max(len(line) for line in done.out.splitlines()) <= 80
    money = command("roi", "--config", example_path("article.toml"), "--json").json
    assert money["saving_share"] == pytest.approx(0.4)
    assert money["payback_days"] == pytest.approx(14)


@pytest.mark.slow
def test_curating_a_file_writes_splits_and_why_explains_a_row(command, pairs_file, style_file, tmp_path):
    done = command("curate", pairs_file, "--style", style_file, "--out", tmp_path / "clean", "--group", "family")
    assert done.code == 0, done.err
    assert "60 rows read" in done.out
    assert done.out.splitlines()[-1].startswith("Next:")
    ledger = pl.read_parquet(tmp_path / "clean/curate/ledger.parquet")
    assert len(ledger) == 60
    assert "kept" in command("why", tmp_path / "clean", "p7").out
    assert json.loads(command("why", tmp_path / "clean", "8", "--json").out)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["openai", "trl", "csv", "parquet"])
def test_export_writes_every_split(command, pairs_file, style_file, tmp_path, kind):
    command("curate", pairs_file, "--style", style_file, "--out", tmp_path / "clean")
    done = command("export", tmp_path / "clean", "--format", kind, "--out", tmp_path / kind, "--json")
    assert done.code == 0, done.err
    written = [Path(p) for p in done.json["written"]]
    assert len(written) >= 3
    assert all(p.exists() for p in written)


def test_style_check_counts_and_gates(command, pairs_file, style_file):
    good = command("style", "check", pairs_file, "--style", style_file, "--json", "--gate")
    assert (good.code, good.json["acceptable"]) == (0, 60)
    style_file.write_text(style_file.read_text().replace("[Box]", "[Crate]"))
    bad = command("style", "check", pairs_file, "--style", style_file, "--gate")
    assert bad.code == 1
    assert "0 of 60" in bad.out
    assert "60 of 60 outputs break" in bad.err


def test_style_guide_prints_markdown(command, style_file):
    assert command("style", "guide", style_file).out.startswith("# Label")


@pytest.mark.slow
def test_init_makes_a_project_that_curates(command, pairs_file, tmp_path):
    done = command("init", tmp_path / "new", "--from", pairs_file)
    assert done.code == 0, done.err
    assert command("curate", tmp_path / "new").code == 0
    again = command("init", tmp_path / "new")
    assert again.code == 2
    assert "already" in again.err


def lines(tmp_path: Path, name: str, good: int) -> str:
    from ..conftest import pair

    rows = [
        {"id": f"p{n}", "output": pair(n)["output"] if n < good else "A bag, 999 kg", "output_tokens": 9}
        for n in range(60)
    ]
    file = tmp_path / f"{name}.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows[:-1]))
    return f"{name}={file}"


@pytest.fixture
def collected(command, pairs_file, style_file, tmp_path):
    def call(*more):
        words = [
            "--pairs",
            pairs_file,
            "--outputs",
            lines(tmp_path, "prompted", 20),
            "--outputs",
            lines(tmp_path, "tuned", 60),
        ]
        return command("evaluate", *words, "--style", style_file, "--out", tmp_path / "judged", "--json", *more)

    return call


@pytest.mark.slow
def test_collected_outputs_are_judged_without_a_model(collected, tmp_path):
    results = collected().json
    assert results["quality"]["prompted"]["acceptable"]["share"] == pytest.approx(20 / 60)
    assert results["quality"]["tuned"]["acceptable"]["share"] == pytest.approx(59 / 60)
    assert results["quality"]["tuned"]["no_output"] == 1  # the pair without a line
    assert results["comparison"]["only_candidate"] == 39
    known = {"fixed": None, "input": None, "output": 9.0, "cached": None, "reasoning": None}
    assert results["tokens"]["tuned"] == known
    assert results["training"] is None
    assert results["money"] is None
    assert (tmp_path / "judged/report.html").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("gate", "code"),
    [
        ("quality.tuned.acceptable.share >= 0.9", 0),
        ("verdict.decision == cannot tell yet", 0),
        ("quality.prompted.acceptable.share >= 0.9", 1),
        ("money.payback_days < 30", 1),  # null fails
        ("quality.tuend.acceptable.share >= 0.9", 2),
        ("quality.tuned.acceptable.share 0.9", 2),
    ],
)
def test_a_gate_decides_the_exit_code(collected, gate, code):
    done = collected("--gate", gate)
    assert done.code == code, done.err


@pytest.mark.slow
def test_json_is_all_that_stands_on_standard_output(collected):
    assert set(collected().json) >= {"schema", "verdict", "quality", "comparison"}


@pytest.mark.slow
def test_report_can_leave_all_texts_out(command, collected, tmp_path):
    collected()
    assert command("report", tmp_path / "judged", "--no-examples").code == 0
    assert "red lamp" not in (tmp_path / "judged/report.html").read_text()


def test_control_characters_of_data_do_not_reach_the_terminal(command, tmp_path, style_file):
    file = tmp_path / "evil.jsonl"
    rows = [
        {"id": f"e{n}", "input": f"thing \x1b[2J {n} {n * 7919}", "output": f"\x1b]0;owned\x07 bag {n}"}
        for n in range(30)
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = command("style", "check", file, "--style", style_file).out
    assert "\x1b" not in out
    assert "\\x1b" in out


@pytest.mark.smoke
@pytest.mark.slow
def test_the_demo_on_collected_outputs_needs_no_model_and_ends_with_the_verdict_of_the_live_one(command, tmp_path):
    done = command("demo", "--collected", "--out", tmp_path / "demo", "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert told["verdict"]["decision"] == "keep prompting"
    assert {name: told["quality"][name]["n"] for name in ("plain", "prompted", "tuned")} == dict.fromkeys(
        ("plain", "prompted", "tuned"), 80
    )
    assert all(told["quality"][name]["no_output"] == 0 for name in ("plain", "prompted", "tuned"))
    assert Path(told["report"]).is_file()
    assert not (Path(told["run"]) / "train").exists()
