"""`tuneworth roi`: the figures in 80 columns, what is assumed, the derivation, and a run's numbers under today's [roi]."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tuneworth.examples import example_path

from ..shared import unsealed

MODULES = """
import json, sys
from tuneworth.cli import main
try:
    main({words!r})
except SystemExit:
    pass
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""
PRICED = """
price_input = 1
price_output = 4
fixed_tokens = 100
input_tokens = 50
output_tokens = 20
"""


def config(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "money.toml"
    path.write_text(text, encoding="utf-8")
    return path


def both(head: str, prompted: str, tuned: str) -> str:
    return f"{head}\n[roi.prompted]\n{prompted}\n[roi.tuned]\n{tuned}\n"


LONG = "the variant that prompts with everything that the team has ever written down"
TEN = both("[roi]\nrequests_per_day = 100", PRICED + "acceptance = 0.5", PRICED + "acceptance = 0.9")
NAMES = f"""
[roi]
[roi."{LONG}"]
{PRICED}
acceptance = 0
[roi."{LONG} twice"]
{PRICED}
acceptance = 1
"""
HUGE = both(
    """
[roi]
requests_per_day = 1000000000000000
failures = "drop"
investment = { compute = 123456789012345678 }
""",
    """
price_input = 1e9
price_output = 1e9
fixed_tokens = 1e6
input_tokens = 1e6
output_tokens = 1e5
acceptance = 0.01
""",
    """
price_input = 1e-9
price_output = 1e-9
fixed_tokens = 0
input_tokens = 1
output_tokens = 1
acceptance = 1
""",
)
BATCH = both(
    "[roi]\nrequests_total = 3000\ninvestment = { compute = 20 }",
    "hourly = 2\nrequests_per_second = 3\nacceptance = [0.6, 0.7, 0.8]",
    "hourly = [1, 2, 4]\nrequests_per_second = [3, 5, 9]\nacceptance = [0.9, 0.94, 0.97]",
)
EVERYTHING = both(
    f"""
[roi]
requests_per_day = [4000, 5000, 9000]
failures = "retry"
failure_cost = [0.01, 0.1, 0.3]
tries = 3
ramp_days = 60
discount_rate = 0.08
[roi.investment]
compute = 20
already_spent = 4000
[roi.running]
retrain_every_days = 180
retrain_cost = 50
[roi.plain]
{PRICED}
acceptance = 0.1
""",
    f"{PRICED}price_cached = 0.2\nmin_cached_tokens = 0\nfew_shot_tokens = 50\nacceptance = 0.7",
    "hourly = 0.1\nrequests_per_second = 0.5\nacceptance = 0.9",
)
NOTHING = both('[roi]\nrequests_per_day = 0\nfailures = "drop"', f"{PRICED}acceptance = 0", f"{PRICED}acceptance = 0")
WRONG = """
[roi]
requests_per_dy = 5
horizon_days = -3
prices = "no.toml"
[roi.investmnt]
compute = 3
[roi.tuned]
model = "openai:gpt-4o-minii"
price_inptu = 3
"""
TEXTS = {
    "ten lines": TEN, "no volume, long names": NAMES, "huge": HUGE, "batch on machines": BATCH,
    "everything": EVERYTHING, "nothing acceptable": NOTHING,
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", TEXTS)
def test_the_answer_and_its_derivation_fit_80_columns(tmp_path, command, name):
    done = command("roi", "--config", config(tmp_path, TEXTS[name]), "--explain")
    assert done.code == 0
    assert "How each figure is calculated" in done.out
    assert [line for line in done.out.splitlines() if len(line) > 80] == []


@pytest.mark.slow
def test_the_article_with_the_ways_without_tuning_and_what_is_assumed(command):
    text = " ".join(command("roi", "--config", example_path("article.toml")).out.split())
    for part in (
        "Saving per request 0.00286 EUR, 40%",
        "Payback 14 days (10 to 21 days)",
        "prompted with its guide cached: 0.005 EUR, saves 30%",
        "compared with it, tuning pays back in: 56 days",
        "2,500 to 7,500 requests a day (a range that Tuneworth assumes)",
        "annual discount rate: 0 (default)",
        'a failure costs nothing (failures = "ignore")',
    ):
        assert part in text
    explained = command("roi", "--config", example_path("article.toml"), "--explain").out
    assert "= (500 × 5.714285714 + 150 × 5.714285714 + 150 × 22.857142857) ÷ 1,000,000" in explained
    assert "= 200 ÷ 14.2857\n  = 14 days" in explained


def test_one_of_a_kind_is_singular_and_a_number_stays_with_its_unit(tmp_path, command):
    text = both("[roi]\nrequests_per_day = 1\nhorizon_days = 1\ntarget_payback_days = 1", PRICED, PRICED)
    text = text.replace("output_tokens = 20", "output_tokens = 20\nacceptance = 1").replace(
        "fixed_tokens = 100", "fixed_tokens = 9", 1
    )
    out = command("roi", "--config", config(tmp_path, text)).out
    assert "at 1 request a day" in out
    assert "  within 1 day " in out
    assert "Gain over 1 day " in out
    assert not [line for line in out.splitlines() if line.lstrip().startswith(("%", "EUR"))]


def test_a_name_with_a_line_break_keeps_the_table_whole(tmp_path, command):
    text = TEN.replace("[roi.tuned]", '[roi."tuned\\nagain"]')
    out = command("roi", "--config", config(tmp_path, text)).out
    assert out.splitlines()[0].split() == ["prompted", "tuned", "again"]


def test_a_saving_that_is_undefined_has_no_payback(tmp_path, command):
    text = both('[roi]\nrequests_per_day = 1\nfailures = "drop"', PRICED + "acceptance = 0", PRICED + "acceptance = 1")
    assert "Payback                      not known" in command("roi", "--config", config(tmp_path, text)).out


def test_a_file_in_place_of_a_project_is_told_the_option(tmp_path, command):
    done = command("roi", config(tmp_path, TEN))
    assert (done.code, "tuneworth roi --config FILE" in done.err) == (2, True)


def test_the_only_problem_names_its_place_once(tmp_path, command):
    done = command("roi", "--config", config(tmp_path, TEN.replace("= 100", "= -100", 1)))
    assert done.err.count("money.toml") == 1


@pytest.mark.slow
def test_what_moves_the_value_most_stands_in_words(tmp_path, command):
    out = command("roi", "--config", config(tmp_path, EVERYTHING)).out
    lines = out.partition("Inputs that change the gain most:\n")[2].splitlines()
    assert lines[0].startswith("  cost of an unacceptable output, from 0.01 to 0.3: ")
    assert lines[1].startswith("  requests a day, from 4,000 to 9,000: ")


def test_json_is_the_money_alone(tmp_path, command):
    money = command("roi", "--config", config(tmp_path, TEN), "--json").json
    assert {"payback_days", "alternatives", "derivation", "assumptions", "warnings"} <= set(money)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[data]\n", ["no [roi] table"]),
        ("roi = 3\n", ["no [roi] table"]),
        ("[roi]\n[roi.tuned]\n" + PRICED, ["two variants are needed"]),
        (TEN.replace("acceptance = 0.9", ""), ["roi.tuned: state acceptance"]),
        (WRONG, ['did you mean "requests_per_day"', "horizon_days: expected 0 or more", "no price file",
                 "[roi.investment]", 'did you mean "price_input"', "openai:gpt-4o-mini"]),
        ("[roi]\nrequests_per_day = [nan, 1, 2]\n", ["finite"]),
        ("[roi]\nrequests_per_day = 1e400\n", ["no more than"]),
    ],
)  # fmt: skip
def test_a_wrong_file_is_exit_2_with_all_that_is_wrong(tmp_path, command, text, parts):
    done = command("roi", "--config", config(tmp_path, text))
    assert done.code == 2
    assert [part for part in parts if part not in done.err] == []
    assert "Traceback" not in done.err


def test_a_price_file_is_found_beside_the_config(tmp_path, command):
    (tmp_path / "prices.toml").write_text(
        'currency = "EUR"\n[models.own]\nprice_input = 2\nprice_output = 3\n', encoding="utf-8"
    )
    counts = "fixed_tokens = 0\ninput_tokens = 100\noutput_tokens = 100\nacceptance = 0.5\n"
    text = f'[roi]\nprices = "prices.toml"\n[roi.prompted]\nmodel = "own"\n{counts}[roi.tuned]\nmodel = "own"\n{counts}'
    done = command("roi", "--config", config(tmp_path, text), "--json")
    assert done.json["variants"]["tuned"]["cost_per_request"] == pytest.approx(0.0005)


@pytest.mark.slow
def test_stated_numbers_need_neither_price_list_nor_statistics():
    words = ["roi", "--config", str(example_path("article.toml"))]
    done = subprocess.run(
        [sys.executable, "-c", MODULES.format(words=words)], capture_output=True, text=True, check=True
    )
    loaded = set(json.loads(done.stderr.splitlines()[-1]))
    assert "14 days" in done.stdout
    assert loaded & {"genai_prices", "scipy.stats", "torch", "transformers", "sklearn", "httpx", "pandas"} == set()


@pytest.fixture
def judged(tmp_path, pairs_file, style_file, command):
    """A project whose run was judged on collected outputs, twice each."""
    lines = [json.loads(line) for line in pairs_file.read_text(encoding="utf-8").splitlines()]
    for name, tokens in (("prompted", 500), ("tuned", 80)):
        rows = [
            {
                "id": pair["id"], "sample": sample, "output": pair["output"] if n % (3 if name == "prompted" else 9) else "no",
                "input_tokens": tokens + n, "output_tokens": 20 + n % 5,
            }
            for n, pair in enumerate(lines) for sample in (0, 1)
        ]  # fmt: skip
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    toml = """
[data]
path = "pairs.jsonl"
group = "family"
[roi]
requests_per_day = 100
failures = "repair"
failure_cost = 0.1
[roi.prompted]
price_input = 1
price_output = 2
fixed_tokens = 0
[roi.tuned]
price_input = 1
price_output = 2
fixed_tokens = 0
"""
    (tmp_path / "tuneworth.toml").write_text(toml, encoding="utf-8")
    run = tmp_path / "runs" / "20260101-000000-abcd"
    done = command(
        "evaluate", tmp_path, "--pairs", pairs_file, "--outputs", f"prompted={tmp_path / 'prompted.jsonl'}",
        "--outputs", f"tuned={tmp_path / 'tuned.jsonl'}", "--out", run,
    )  # fmt: skip
    assert done.code == 0, done.err
    return tmp_path, run


@pytest.mark.slow
def test_a_run_gives_the_same_money_again(judged, command):
    project, run = judged
    stored = json.loads((run / "results.json").read_text(encoding="utf-8"))["money"]
    for path in (project, run):
        again = command("roi", path, "--json").json
        for key in ("saving_per_request", "payback_days", "npv", "npv_p5", "npv_p95", "parts", "variants", "tornado"):
            assert again[key] == stored[key], key


@pytest.mark.slow
def test_a_changed_price_shows_without_racing_again(judged, command):
    project, run = judged
    before = command("roi", project, "--json").json
    file = project / "tuneworth.toml"
    file.write_text(file.read_text(encoding="utf-8").replace("price_input = 1", "price_input = 3"), encoding="utf-8")
    after = command("roi", project, "--json").json
    tokens = before["variants"]["prompted"]["input_tokens"]
    assert after["variants"]["prompted"]["cost_per_request"] - before["variants"]["prompted"]["cost_per_request"] == (
        pytest.approx(2 * tokens / 1e6)
    )
    assert (
        json.loads((run / "results.json").read_text(encoding="utf-8"))["money"]["npv"] == after["npv"] != before["npv"]
    )


@pytest.mark.slow
def test_measured_numbers_and_those_stated_in_their_place_are_named(judged, command):
    project, run = judged
    out = " ".join(command("roi", project).out.split())
    measured = out.partition(f"Measured in run {run.name}: ")[2].partition("Everything else")[0]
    assert re.search(r"\btuned\b[^:]*: tokens in the request, tokens in the answer, acceptable outputs", measured)
    assert "; " in measured  # variants with the same figures share a line
    file = project / "tuneworth.toml"
    file.write_text(file.read_text(encoding="utf-8") + "acceptance = 0.5\n", encoding="utf-8")
    assert "Stated, although the run measured it: tuned: acceptable outputs." in " ".join(
        command("roi", project).out.split()
    )


@pytest.mark.slow
def test_trying_again_uses_the_repeated_outputs_of_the_run(judged, command):
    project, _ = judged
    file = project / "tuneworth.toml"
    text = file.read_text(encoding="utf-8").replace('failures = "repair"', 'failures = "retry"\ntries = 2')
    file.write_text(text, encoding="utf-8")
    entries = {entry["key"]: entry for entry in command("roi", project, "--json").json["assumptions"]}
    assert entries["tuned.rescued"]["value"] == 0  # what failed once failed twice
    assert entries["tuned.rescued"]["source"] == "measured"


@pytest.mark.slow
def test_a_project_without_prices_or_without_a_judged_run_is_told_what_to_do(judged, command):
    project, run = judged
    (unsealed(run) / "results.json").unlink()
    done = command("roi", project)
    assert (done.code, "tuneworth evaluate" in done.err) == (2, True)
    file = project / "tuneworth.toml"
    file.write_text('[data]\npath = "pairs.jsonl"\n', encoding="utf-8")
    (run / "results.json").write_text("{}", encoding="utf-8")
    done = command("roi", project)
    assert (done.code, "has no [roi] table" in done.err) == (2, True)
    assert command("roi", project, "--config", example_path("article.toml")).code == 2


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["results.json", "evaluate/outputs.jsonl"])
def test_a_damaged_run_is_told_with_its_file(judged, command, damage):
    project, run = judged
    (run / damage).write_text("{broken", encoding="utf-8")
    done = command("roi", project)
    assert done.code == 2
    assert damage.rpartition("/")[2] in done.err
    assert "Traceback" not in done.err
