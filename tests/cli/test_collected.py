"""Collected outputs through the command: repeats, roles, one file for two names, what is said of a file."""

import json

import pytest

from ..conftest import pair


@pytest.fixture
def judge(command, pairs_file, style_file, tmp_path):
    def call(*more, **files):
        words = []
        for name, rows in files.items():
            file = tmp_path / f"{name}.jsonl"
            file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
            words += ["--outputs", f"{name}={file}"]
        return command(
            "evaluate", "--pairs", pairs_file, *words, "--style", style_file, "--out", tmp_path / "judged", *more
        )

    return call


def rows(good, samples=1, **more):
    """Outputs of the 60 pairs; of each, the first `good` samples are acceptable."""
    return [
        {"id": f"p{n}", "sample": s, "output": pair(n)["output"] if s < good else "A bag, 999 kg", **more}
        for n in range(60)
        for s in range(samples)
    ]


@pytest.mark.slow
def test_repeats_are_judged_pair_by_pair(judge, tmp_path):
    results = judge("--json", prompted=rows(1, 2), tuned=rows(3, 3, model="small")).json
    assert results["quality"]["prompted"]["pass_all"] == {"1": 0.5, "2": 0.0}
    assert results["quality"]["prompted"]["unstable"]["share"] == 1
    assert results["comparison"]["n"] == 60
    assert results["comparison"]["difference"]["value"] == 0.5
    lines = (tmp_path / "judged/evaluate/outputs.jsonl").read_text().splitlines()
    assert [json.loads(line)["sample"] for line in lines[:4]] == [0, 1, 0, 1]
    assert len(lines) == 300
    report = (tmp_path / "judged/report.html").read_text()
    assert "Repeated requests" in report
    assert "the first is shown" in report


@pytest.mark.slow
def test_the_tuned_variant_is_the_candidate_in_any_order(judge):
    results = judge("--json", tuned=rows(1), other=rows(0)).json
    assert (results["comparison"]["baseline"], results["comparison"]["candidate"]) == ("other", "tuned")
    assert [results["variants"][name]["tuned"] for name in ("tuned", "other")] == [True, False]


@pytest.mark.slow
def test_what_is_called_tuned_or_comes_from_a_tuned_model_is_no_way_without_training(judge):
    files = {"tuned-2": rows(1), "old": rows(0), "hosted": rows(1, model="ft:small:a"), "tuned": rows(0)}
    results = judge("--json", **files).json
    assert (results["comparison"]["baseline"], results["comparison"]["candidate"]) == ("old", "tuned")
    assert {name: found["tuned"] for name, found in results["variants"].items()} == {
        "old": False, "tuned": True, "tuned-2": True, "hosted": True, "tuned, else old": True,
    }  # fmt: skip
    assert "ithout any training" not in json.dumps(results["verdict"])


@pytest.mark.slow
def test_where_nothing_could_be_scored_the_answer_says_so(judge, tmp_path):
    failed = [{"id": f"p{n}", "output": None, "error": "timeout"} for n in range(60)]
    done = judge(prompted=failed, tuned=rows(1))
    assert done.out.startswith("No request could be scored for every variant.\n")
    assert "Acceptable outputs, tuned          not measured\n" in done.out
    report = (tmp_path / "judged/report.md").read_text()
    assert "**No request could be scored for every variant.**" in report
    assert "Score a second way" not in report


def test_one_file_for_two_names_is_refused(command, pairs_file, style_file, tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text(json.dumps({"id": "p0", "output": "x"}))
    words = ["--outputs", f"a={file}", "--outputs", f"b={tmp_path / '.' / 'a.jsonl'}"]
    done = command("evaluate", "--pairs", pairs_file, *words, "--style", style_file, "--out", tmp_path / "o")
    assert done.code == 2
    assert '"a" and "b" are the same file' in done.err
    assert not (tmp_path / "o").exists()


def test_what_is_odd_in_a_file_is_said(judge):
    done = judge(tuned=rows(1, note="x")[:50])
    assert done.code == 0, done.err
    assert "ignored columns: note" in done.err
    assert "10 of 60 outputs of tuned have no line; they count as empty" in done.err


@pytest.mark.slow
def test_failed_calls_are_not_scored_and_too_many_make_the_comparison_invalid(judge):
    lost = [{**row, "output": None, "error": "timed out"} if n < 3 else row for n, row in enumerate(rows(1))]
    results = judge("--json", prompted=rows(1), tuned=lost).json
    assert (results["quality"]["tuned"]["unscored"], results["quality"]["prompted"]["n"]) == (3, 57)
    assert (results["verdict"]["decision"], results["verdict"]["what"]) == ("fix first", "comparison")


@pytest.mark.slow
def test_every_file_that_a_run_read_is_named_with_its_role_and_fingerprint(judge, tmp_path, style_file):
    (style_file.parent / "words.txt").write_text("a word", encoding="utf-8")
    with style_file.open("a", encoding="utf-8") as file:
        file.write("\n  - {kind: known_words, path: words.txt, level: should}\n")
    judge(prompted=rows(0), tuned=rows(1))
    inputs = json.loads((tmp_path / "judged/run.json").read_text())["inputs"]
    assert {(entry["role"], entry["path"]) for entry in inputs} == {
        ("pairs", "pairs.jsonl"), ("style", style_file.name), ("style", "words.txt"),
        ("outputs of prompted", "prompted.jsonl"), ("outputs of tuned", "tuned.jsonl"),
    }  # fmt: skip
    assert all(len(entry["sha256"]) == 64 for entry in inputs)


def stopped(n):
    return {"id": f"p{n}", "output": f"{pair(n)['output']}."}


@pytest.mark.slow
def test_outputs_are_repaired_before_scoring_where_asked(judge, tmp_path):
    bad = [stopped(n) if n % 2 else {"id": f"p{n}", "output": "Box, 999 kg."} for n in range(60)]
    other = [{**row, "output": f"The {row['output']}"} for row in bad]
    done = judge("--repair", "tuned=safe", "--json", prompted=other, tuned=bad)
    assert done.code == 0, done.err
    tuned, prompted = (done.json["quality"][name] for name in ("tuned", "prompted"))
    assert (tuned["raw"]["share"], tuned["acceptable"]["share"], tuned["raw"]["changed"]) == (0, 0.5, 60)
    assert (prompted["raw"], prompted["acceptable"]["share"]) == (None, 0)
    lines = [json.loads(line) for line in (tmp_path / "judged/evaluate/outputs.jsonl").read_text().splitlines()]
    line = next(line for line in lines if line["variant"] == "tuned" and line["id"] == "p1")
    assert (line["output"], line["raw"], line["fixed"]) == (pair(1)["output"], f"{pair(1)['output']}.", ["no-stop"])
    page, text = ((tmp_path / f"judged/report.{kind}").read_text(encoding="utf-8") for kind in ("html", "md"))
    assert "<bdi>tuned, repaired</bdi>" in page
    assert "repaired: no-stop; as it came:" in page
    assert "The tuned model is acceptable in 0% of cases as it answers, and in 50% after repair" in page
    assert "| tuned, repaired | 60 | 50%" in text
    again = judge("--repair", "tuned=safe", prompted=other, tuned=bad)
    said = " ".join(again.out.split())
    assert "the tuned model after repair gives an acceptable output in 50% of cases" in said
    assert "tuned, repaired: 50% (38 to 62%; 0% before repair)" in said


@pytest.mark.slow
def test_the_project_says_which_outputs_are_repaired(judge, tmp_path):
    (tmp_path / "tuneworth.toml").write_text('[data]\npath = "pairs.jsonl"\n[evaluate.tuned]\nrepair = "safe"\n')
    bad = [stopped(n) for n in range(60)]
    assert judge(tmp_path, "--json", prompted=bad, tuned=bad).json["quality"]["tuned"]["acceptable"]["share"] == 1
    off = judge(tmp_path, "--repair", "tuned=off", "--json", prompted=bad, tuned=bad).json
    assert (off["quality"]["tuned"]["raw"], off["variants"]["tuned"]["repair"]) == (None, "off")


@pytest.mark.parametrize(("words", "said"), [
    ("tunde=safe", 'repair of "tunde": it is not among the variants; did you mean "tuned"?'),
    ("tuned=save", 'repair of "tuned": unknown repair "save"; did you mean "safe"?'),
    ("tuned", '--repair "tuned": expected NAME=safe or NAME=unsafe'),
])  # fmt: skip
def test_a_repair_that_cannot_be_is_refused(judge, words, said):
    done = judge("--repair", words, prompted=rows(1), tuned=rows(1))
    assert done.code == 2
    assert said in done.err


@pytest.mark.slow
def test_a_name_that_tuneworth_gives_says_what_a_variant_is_made_from(judge):
    files = {
        name: rows(20) for name in ("prompted", "prompted + retry", "nearest", "template", "nearest + constrained")
    }
    variants = judge("--json", tuned=rows(50), **files, **{"new + retry": rows(20)}).json["variants"]
    assert {name: (variants[name]["way"], variants[name]["of"]) for name in files} == {
        "prompted": ("model", []), "prompted + retry": ("retry", ["prompted"]), "nearest": ("nearest", ["prompted"]),
        "template": ("template", []), "nearest + constrained": ("constrained", ["nearest"]),
    }  # fmt: skip
    assert variants["new + retry"]["way"] == "model"


@pytest.mark.slow
def test_a_split_of_a_project_is_judged_whatever_the_raw_file_called_its_columns(command, style_file, tmp_path):
    raw = ["Article;Text", *(f"{pair(n)['input']};{pair(n)['output']}" for n in range(60))]
    (tmp_path / "raw.csv").write_text("\n".join(raw), encoding="utf-16")
    settings = '[data]\npath = "raw.csv"\ninput = "Article"\noutput = "Text"\nencoding = "utf-16"\n'
    (tmp_path / "tuneworth.toml").write_text(settings, encoding="utf-8")
    assert command("curate", tmp_path).code == 0
    (run,) = (tmp_path / "runs").iterdir()
    test = run / "curate" / "test.jsonl"
    words = [word for name in ("prompted", "tuned") for word in ("--outputs", f"{name}={tmp_path / name}.jsonl")]
    for name, end in (("prompted", "."), ("tuned", "")):
        lines = [json.loads(line) for line in test.read_text(encoding="utf-8").splitlines()]
        outputs = [json.dumps({"id": line["id"], "output": line["output"] + end}) + "\n" for line in lines]
        (tmp_path / f"{name}.jsonl").write_text("".join(outputs), encoding="utf-8")
    done = command("evaluate", tmp_path, "--pairs", test, *words, "--out", tmp_path / "judged", "--json")
    assert done.code == 0, done.err
    assert done.json["comparison"]["n"] == len(lines) > 3
    shares = {name: done.json["quality"][name]["acceptable"]["share"] for name in ("prompted", "tuned")}
    assert shares == {"prompted": 0, "tuned": 1}


MONEY = """
[roi]
requests_per_day = 5000
failures = "repair"
failure_cost = 0.10
investment = { compute = 200 }
running = { monitoring_hours_per_month = 0 }
prompted = { price_input = 1, price_output = 4 }
tuned = { price_input = 1, price_output = 4 }
"""


@pytest.mark.slow
def test_the_first_step_of_outputs_without_prices_can_be_done_as_written(judge, command, tmp_path):
    tokens = {"input_tokens": 100, "output_tokens": 20}
    files = {"prompted": rows(1, **tokens)[:30] + rows(0, **tokens)[30:], "tuned": rows(1, **tokens)}
    step = judge("--json", **files).json["verdict"]["steps"][0]
    assert step["command"] == "tuneworth roi RUN --config money.toml"
    assert step["do"].startswith(
        "State prices and requests_per_day under [roi] in money.toml and run `tuneworth roi RUN"
    )
    money = tmp_path / "money.toml"
    money.write_text(MONEY, encoding="utf-8")
    words = step["command"].replace("RUN", str(tmp_path / "judged")).replace("money.toml", str(money)).split()[1:]
    decided = command(*words, "--json").json
    assert decided["verdict"]["decision"] == "fine-tune"
    assert decided["investment"] == 200
    # The same in one command; later the file is read again.
    judge("--money", money, "--out", tmp_path / "priced", **files)
    assert json.loads((tmp_path / "priced/results.json").read_text())["money"]["npv"] == decided["npv"]
    assert "--money money.toml" in (tmp_path / "priced/report.html").read_text()
    money.write_text(MONEY.replace("compute = 200", "compute = 90_000_000"), encoding="utf-8")
    done = command("roi", tmp_path / "priced", "--json")
    assert done.json["verdict"]["decision"] == "keep prompting"
    assert "changed: roi.investment.compute from 200 to 90,000,000" in done.err
    money.write_text("[data]\n", encoding="utf-8")
    done = command("roi", tmp_path / "priced")
    assert (done.code, "has no [roi] table" in done.err) == (2, True)
    assert json.loads((tmp_path / "priced/results.json").read_text())["verdict"]["decision"] == "keep prompting"
