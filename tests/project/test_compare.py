"""Runs compared from their folders: the files, gates, styles, variants, repairs, and folders that are damaged."""

import json
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from tuneworth.core import ConfigError, DataError, GateFailed
from tuneworth.project import Run, compare_runs, judge_outputs

from ..conftest import STYLE, pair, write_pairs
from ..shared import unsealed

pytestmark = pytest.mark.slow

OTHER_STYLE = STYLE.replace("any: [Box]", "any: [Box, A]").replace("id: starts", "id: opens")
ROI = {
    "requests_per_day": 100,
    "failures": "repair",
    "failure_cost": 0.1,
    "investment": {"compute": 10},
    "running": {"per_month": 0},
}
PRICES = {"price_input": 1, "price_output": 2}
HOSTILE = "<script>alert(1)</script> | `x` [a](b) \x1b[31mred \u202e"


SCHEMA = json.loads((Path(__file__).parents[2] / "docs/comparison.schema.json").read_text(encoding="utf-8"))


def assert_described(results: dict) -> None:
    """The comparison keeps its schema, which knows every key."""
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(json.dumps(results)))


def outputs(
    good: Callable[[int], bool],
    *,
    bad: str = "A bag, 999 kg",
    ids: Callable[[int], str] = "p{}".format,
    samples: int = 1,
    n: int = 60,
):
    return [
        {"id": ids(at), "sample": sample, "output": pair(at)["output"] if good(at + sample) else bad,
         "input_tokens": 50, "output_tokens": 10}
        for at in range(n) for sample in range(samples)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """Judges outputs of the 60 pairs once for each name."""
    home = tmp_path_factory.mktemp("runs")
    write_pairs(home / "pairs.jsonl")
    (home / "style.yaml").write_text(STYLE, encoding="utf-8")
    (home / "other.yaml").write_text(OTHER_STYLE, encoding="utf-8")

    def make(
        name: str, tuned, *, pairs=home / "pairs.jsonl", style="style.yaml", price=1.0, prompted=None, **more
    ) -> Path:
        if not (home / name).exists():
            roi = {**ROI, "prompted": PRICES, "tuned": {**PRICES, "price_input": price}}
            base = prompted or [{**line, "sample": 0} for line in tuned if line["sample"] == 0]
            judge_outputs(pairs, {"prompted": base, "tuned": tuned}, home / style, roi=roi, out=home / name, **more)
        return home / name

    return make


@pytest.fixture(scope="module")
def runs(judged) -> tuple[Path, Path]:
    """Monday, and today: 12 requests no longer work, 5 work now, and the input costs twice as much."""
    today = outputs(lambda at: at % 12 == 0 or (at % 5 > 0 and at % 4 > 0))
    return judged("monday", outputs(lambda at: at % 5 > 0)), judged("today", today, price=2.0)


@pytest.fixture
def copies(runs, tmp_path) -> tuple[Path, Path]:
    """Copies of both runs, to be damaged."""
    return tuple(Path(shutil.copytree(run, tmp_path / run.name)) for run in runs)


def test_the_written_files_say_the_same(runs, tmp_path):
    compared = compare_runs(*runs)
    written = compared.write(tmp_path / "out")
    assert [path.name for path in written] == ["compare.html", "compare.md", "junit.xml", "comparison.json"]
    assert json.loads(written[3].read_text()) == json.loads(json.dumps(compared.results))
    assert_described(compared.results)
    lost = [row["id"] for row in compared.results["rows"] if row["change"] == "no longer works"]
    suite = ET.parse(written[2]).getroot().find("testsuite")
    assert [case.get("name") for case in suite.iter("testcase") if case.find("failure") is not None] == lost
    assert len(lost) == compared.results["only_before"] > 0
    page, page_md = written[0].read_text(), written[1].read_text()
    for name in lost:
        assert f"<bdi>{name}</bdi>" in page
    assert "today is worse than monday by" in page
    assert "**today is worse than monday by" in page_md
    assert "A bag" in page


def test_without_examples_no_file_has_a_text_of_the_data(runs, tmp_path):
    for path in compare_runs(*runs).write(tmp_path / "out", examples=False):
        text = path.read_text()
        assert "A bag" not in text
        assert "Box with a" not in text


def test_the_cost_is_split_by_price_and_failures(runs):
    cost = compare_runs(*runs).results["cost"]
    assert cost["per_request"]["parts"]["prices"] == pytest.approx(50e-6)
    assert cost["per_request"]["parts"]["failures"] == 0
    assert cost["per_usable_output"]["parts"]["failures"] == pytest.approx(
        0.1 * -compare_runs(*runs).results["difference"]["value"]
    )


def test_costs_over_all_requests_are_those_of_the_runs(runs):
    cost = compare_runs(*runs).results["cost"]
    for role, run in zip(("before", "after"), runs, strict=True):
        own = Run(run).results.money.variants["tuned"]
        assert cost["per_request"][role] == pytest.approx(own.cost_per_request, rel=1e-12)
        assert cost["per_usable_output"][role] == pytest.approx(own.effective_cost_per_request, rel=1e-12)


def test_the_settings_of_the_verdicts_that_differ_are_named(runs):
    settings = compare_runs(*runs).results["verdicts"]["settings"]
    assert settings == [{"key": "roi.tuned.price_input", "before": 1.0, "after": 2.0}]


def test_gates_decide_the_exit_code(command, runs, tmp_path):
    words = ["compare", *runs, "--out", tmp_path / "out", "--quiet"]
    assert command(*words, "--gate", "difference.high < 0").code == 0
    failed = command(*words, "--gate", "difference.low >= -0.03")
    assert (failed.code, "gate failed: difference.low >= -0.03" in failed.err) == (1, True)
    assert "does not hold" in (tmp_path / "out/compare.html").read_text()
    assert command(*words, "--gate", "differnce.low >= 0").code == 2
    with pytest.raises(GateFailed, match="starts"):
        compare_runs(*runs, gates=["rules.starts.difference.value >= 0"]).check_gates()


def test_the_schema_is_strict(runs):
    """Each key of a comparison is required, and an unknown one is an error."""
    whole = json.loads(json.dumps(compare_runs(*runs).results))
    check = jsonschema.Draft202012Validator(SCHEMA)
    for place in (whole, whole["shared"], whole["style"], whole["cost"], whole["rules"]["starts"], whole["rows"][0]):
        for key in list(place):
            if key in ("figure", "failures"):
                continue
            kept = place.pop(key)
            assert not check.is_valid(whole), key
            place[key] = kept
        place["unknown"] = 1
        assert not check.is_valid(whole)
        del place["unknown"]
    assert check.is_valid(whole)


def test_json_is_the_comparison_and_nothing_else(command, runs):
    data = command("compare", *runs, "--json").json
    assert (data["schema"], data["before"], data["after"]) == ("tuneworth/comparison/1", "monday", "today")
    assert data["written"] == []


def test_renumbered_ids_and_a_larger_test_set_change_nothing_on_the_shared_requests(judged, runs, tmp_path):
    rows = [{**pair(at), "id": f"new{at}"} for at in reversed(range(80))]
    file = tmp_path / "more.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    renumbered = outputs(lambda at: at % 12 == 0 or (at % 5 > 0 and at % 4 > 0), ids="new{}".format, n=80)
    found = compare_runs(runs[0], judged("renumbered", renumbered, pairs=file, price=2.0)).results
    same = compare_runs(*runs).results
    assert (found["shared"]["renumbered"], found["shared"]["only_after"], found["n"]) == (60, 20, 60)
    assert (found["difference"], found["rules"]) == (same["difference"], same["rules"])
    splits = [one["cost"]["per_usable_output"]["parts"] for one in (found, same)]
    assert splits[0] == pytest.approx(splits[1], rel=1e-9)


def test_no_shared_request_says_what_to_do(command, judged, runs, tmp_path):
    rows = [{**pair(at), "id": f"p{at - 100}"} for at in range(100, 130)]
    file = tmp_path / "others.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    other = [{**line, "id": f"p{at}"} for at, line in enumerate(outputs(lambda at: True, n=30))]
    done = command("compare", runs[0], judged("others", other, pairs=file))
    assert done.code == 2
    assert "share no request" in done.err
    assert "splits.jsonl" in done.err


# --- styles, variants, repairs, samples ---------------------------------------------------------------------------


def test_runs_with_different_styles_are_compared_on_shared_rules_or_by_one_style(command, judged, runs, tmp_path):
    lenient = judged("lenient", outputs(lambda at: at % 5 > 1), style="other.yaml")
    found = compare_runs(runs[0], lenient).results
    assert (found["style"]["only_before"], found["style"]["only_after"]) == (["starts"], ["opens"])
    assert "starts" not in found["rules"]
    assert_described(found)
    style = lenient.parent / "other.yaml"
    again = compare_runs(runs[0], lenient, style=style)
    assert (again.results["style"]["same"], again.results["style"]["rescored"]) == (True, "other.yaml")
    by_hand = judge_outputs(
        lenient.parent / "pairs.jsonl", {"tuned": outputs(lambda at: at % 5 > 0)}, style, out=tmp_path / "hand"
    )
    share = by_hand.results.quality["tuned"].acceptable.share
    assert again.results["acceptable"]["before"]["share"] == share
    assert "scored again by other.yaml" in command("compare", runs[0], lenient, "--style", style).out


def test_the_style_of_a_run_is_named_by_its_letter_its_name_or_its_folder(command, judged, runs, tmp_path, monkeypatch):
    lenient = judged("lenient", outputs(lambda at: at % 5 > 1), style="other.yaml")
    home = lenient.parent
    for stated, file in (("A", "style.yaml"), ("monday", "style.yaml"), ("B", "other.yaml"), (lenient, "other.yaml")):
        by_run = compare_runs(runs[0], lenient, style=stated).results
        by_file = compare_runs(runs[0], lenient, style=home / file).results
        assert by_run["difference"] == by_file["difference"]
        assert by_run["style"]["rules"] == by_file["style"]["rules"]
        assert by_run["style"]["rescored"] == f"the style of {'monday' if file == 'style.yaml' else 'lenient'}"
    assert "scored again by the style of lenient" in command("compare", runs[0], lenient, "--style", "B").out
    wrong = command("compare", runs[0], lenient, "--style", "C")
    assert (wrong.code, "neither a file nor one of the runs\nName a style file, or A or B" in wrong.err) == (2, True)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "A").write_text(OTHER_STYLE, encoding="utf-8")  # a file of that name is meant
    assert compare_runs(runs[0], lenient, style="A").results["style"]["rescored"] == "A"


def test_a_style_that_changed_since_the_run_was_judged_is_not_that_of_the_run(runs, tmp_path):
    for name in ("monday", "today", "style.yaml"):
        (shutil.copytree if name != "style.yaml" else shutil.copy)(runs[0].parent / name, tmp_path / name)
    pair_of_runs = tmp_path / "monday", tmp_path / "today"
    assert compare_runs(*pair_of_runs, style="A").results["rows"] == compare_runs(*runs).results["rows"]
    (tmp_path / "style.yaml").write_text(OTHER_STYLE, encoding="utf-8")
    with pytest.raises(DataError, match=r"--style A: style\.yaml changed since .*monday was judged"):
        compare_runs(*pair_of_runs, style="A")


def test_scored_again_by_its_own_style_a_run_stays_as_it_was(judged, runs):
    repaired = judged("repaired", outputs(lambda at: at % 5 > 0, bad="Box with a lamp."), repair={"tuned": "safe"})
    style = repaired.parent / "style.yaml"
    for pair_of_runs in (runs, (runs[0], repaired)):
        stored, again = compare_runs(*pair_of_runs).results, compare_runs(*pair_of_runs, style=style).results
        assert again["rows"] == stored["rows"]
        assert again["difference"] == stored["difference"]
    assert_described(again)
    whole = compare_runs(runs[0], repaired, style=style).whole
    came = {line["raw"] for lines in whole.after.lines.values() for line in lines}
    assert came == {None, "Box with a lamp."}  # repaired again, from what came
    assert [row for row in stored["context"] if row["what"] == "repair"] == [
        {"what": "repair", "before": "off", "after": "safe"}
    ]


def test_another_variant_can_be_compared(command, judged, runs):
    worse = judged("strong", outputs(lambda at: at % 5 > 0), prompted=outputs(lambda at: at % 5 > 2))
    found = compare_runs(worse, worse.parent / "monday", variant="prompted=tuned").results
    assert {role: found["variant"][role] for role in ("before", "after")} == {"before": "prompted", "after": "tuned"}
    assert found["decided"] == "better"
    assert compare_runs(worse, runs[0], variant="tuned").results["decided"] == "same outputs"
    unknown = command("compare", *runs, "--variant", "tunde")
    assert (unknown.code, "tuned" in unknown.err) == (2, True)
    assert command("compare", *runs, "--variant", "a=b=c").code == 2


def test_several_samples_count_with_their_mean(judged, runs):
    found = compare_runs(runs[0], judged("samples", outputs(lambda at: at % 5 > 0, samples=2))).results
    assert found["shared"]["samples"] == {"before": 1, "after": 2}
    assert {row["after"] for row in found["rows"]} == {0.5}


def test_unscored_outputs_are_left_out(judged, runs):
    lines = outputs(lambda at: at % 5 > 0)
    for line in lines[:7]:
        line |= {"output": None, "error": "timeout"}
    found = compare_runs(runs[0], judged("timeouts", lines, prompted=outputs(lambda at: at % 2 > 0))).results
    assert (found["n"], found["shared"]["unscored"], found["rows"]) == (53, 7, [])
    assert_described(found)


def test_of_several_runs_each_is_compared_with_the_one_before(judged, runs, tmp_path):
    last = judged("last", outputs(lambda at: at % 5 > 0), price=2.0)
    compared = compare_runs(*runs, last, gates=["difference.value >= 0", "steps.1.difference.value > 0"])
    compared.check_gates()
    with pytest.raises(GateFailed, match=r"steps\.0\.difference\.value"):
        compare_runs(*runs, last, gates=["steps.0.difference.value >= 0"]).check_gates()
    with pytest.raises(ConfigError, match=r'there is no "steps\.2" in the results'):
        compare_runs(*runs, last, gates=["steps.2.difference.value >= 0"]).check_gates()
    assert [(step["before"], step["after"]) for step in compared.results["steps"]] == [
        ("monday", "today"),
        ("today", "last"),
    ]
    assert_described(compared.results)
    assert compared.results["decided"] == "same outputs"
    assert [step["decided"] for step in compared.results["steps"]] == ["worse", "better"]
    page = compared.write(tmp_path / "out")[0].read_text()
    assert "Step by step" in page
    assert "monday to today" in page


# --- folders that cannot be compared ------------------------------------------------------------------------------


def test_a_run_is_not_compared_with_itself(command, runs):
    assert command("compare", runs[0], runs[0]).code == 2
    assert command("compare", runs[0]).code == 2
    with pytest.raises(ConfigError, match="two runs"):
        compare_runs(Run(runs[0]))


def test_folders_of_the_same_name_are_told_apart(copies, tmp_path):
    places = [tmp_path / "a" / "run", tmp_path / "b" / "run"]
    for copy, place in zip(copies, places, strict=True):
        shutil.copytree(copy, place)
    found = compare_runs(*places).results
    assert (found["before"], found["after"]) == ("a/run", "b/run")


def rewrite(file: Path, change: Callable[[list[dict]], list[dict]]) -> None:
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    file.write_text("".join(json.dumps(line) + "\n" for line in change(lines)))


def tuned(lines: list[dict]) -> dict:
    return next(line for line in lines if line["variant"] == "tuned")


@pytest.mark.parametrize(
    ("file", "change", "words"),
    [
        ("evaluate/outputs.jsonl", lambda lines: [*lines, tuned(lines)], "two outputs"),
        ("evaluate/outputs.jsonl", lambda lines: [{**tuned(lines), "id": "new"}, *lines], "not among the tested"),
        ("evaluate/outputs.jsonl", lambda lines: [{**line, "violations": "none"} for line in lines], "violations"),
        ("evaluate/outputs.jsonl", lambda lines: [{**line, "acceptable": "yes"} for line in lines], "acceptable"),
        ("evaluate/outputs.jsonl", lambda lines: [], "has outputs for 0 of"),
        ("evaluate/pairs.jsonl", lambda lines: [*lines, lines[0]], "twice"),
    ],
)  # fmt: skip
def test_a_damaged_run_is_named(command, copies, file, change, words):
    rewrite(unsealed(copies[1]) / file, change)
    done = command("compare", *copies)
    assert (done.code, words in done.err, copies[1].name in done.err) == (2, True, True)


def test_results_of_another_shape_are_named(command, copies):
    file = unsealed(copies[1]) / "results.json"
    results = json.loads(file.read_text())
    results["money"]["formula_inputs"]["variants"]["tuned"]["input_tokens"] = "many"
    file.write_text(json.dumps(results))
    done = command("compare", *copies)
    assert (done.code, 'tuned.input_tokens" is "many"; expected' in done.err) == (2, True)
    file.unlink()
    assert "Run `tuneworth evaluate` first" in command("compare", *copies).err


def test_hostile_texts_stay_texts(command, copies, tmp_path):
    for copy in copies:
        for name in ("outputs", "pairs"):
            rewrite(
                unsealed(copy) / f"evaluate/{name}.jsonl",
                lambda lines: [
                    {**line, "id": f"{line['id']}{HOSTILE}", "output": f"{line['output']}{HOSTILE}"} for line in lines
                ],
            )
    done = command("compare", *copies, "--out", tmp_path / "out")
    assert done.code == 0
    assert "\x1b" not in done.out
    assert "\u202e" not in done.out
    page = (tmp_path / "out/compare.html").read_text()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    markdown = (tmp_path / "out/compare.md").read_text()
    assert "<script>" not in markdown
    assert "[a](b)" not in markdown
    assert ET.parse(tmp_path / "out/junit.xml").getroot().tag == "testsuites"


def test_styles_without_a_common_must_rule_need_one_style(judged, runs):
    other = runs[0].parent / "apart.yaml"
    other.write_text("name: Apart\nchecks: [{kind: length, unit: words, max: 50, id: length}]\n", encoding="utf-8")
    with pytest.raises(DataError, match="no must rule in common"):
        compare_runs(runs[0], judged("apart", outputs(lambda at: True), style="apart.yaml"))
