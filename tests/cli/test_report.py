"""`tuneworth report`: what it writes, and the judgements that it takes in."""

import json
from pathlib import Path
from typing import Any

import pytest

from tuneworth.evaluate.scores.judgements import SCHEMA
from tuneworth.reports import read_run

from ..conftest import STYLE, pair
from ..reports.described import assert_described


@pytest.fixture
def judged(command, tmp_path: Path) -> Path:
    return evaluated(command, tmp_path, 20)


def evaluated(command, tmp_path: Path, requests: int) -> Path:
    """A run in which both variants are right on every second request, and on the others the tuned one alone."""
    pairs = [pair(n) for n in range(requests)]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(one) + "\n" for one in pairs), encoding="utf-8")
    (tmp_path / "style.yaml").write_text(STYLE, encoding="utf-8")
    words = ["evaluate", "--pairs", tmp_path / "pairs.jsonl", "--style", tmp_path / "style.yaml", "--quiet"]
    for name in ("prompted", "tuned"):
        lines = [
            {"id": one["id"], "output": one["output"] if name == "tuned" or n % 2 else f"See {one['output']} 777"}
            for n, one in enumerate(pairs)
        ]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        words += ["--outputs", f"{name}={tmp_path / name}.jsonl"]
    assert command(*words, "--out", tmp_path / "run").code == 0
    return tmp_path / "run"


def save(run: Path, name: str, /, *, seed: int = 1, judge: str = "", choice: str = "left", **changed: Any) -> Path:
    """A file as the page saves it, the tuned output on the left everywhere."""
    outputs = read_run(run).shown_outputs
    rows = [{"id": f"p{n}", "left": "tuned", "right": "prompted", "choice": choice} for n in range(10)]
    content = {
        "schema": SCHEMA, "run": {"created": "", "outputs": outputs}, "seed": seed, "judge": judge, "judgements": rows,
    }  # fmt: skip
    path = run.parent / name
    path.write_text(json.dumps({**content, **changed}), encoding="utf-8")
    return path


def results(run: Path) -> dict[str, Any]:
    return json.loads((run / "results.json").read_text(encoding="utf-8"))


@pytest.mark.slow
def test_the_files_that_were_written_are_named(command, judged):
    done = command("report", judged, "--json")
    assert done.code == 0
    assert [Path(path).name for path in done.json["written"]] == ["report.html", "report.md", "junit.xml"]


@pytest.mark.slow
def test_judgements_stand_in_results_and_report_and_stay_for_later_reports(command, judged):
    before = results(judged)
    assert command("report", judged, "--judgements", save(judged, "a.json")).code == 0
    after = results(judged)
    assert_described(after)
    assert after.pop("judgements")["together"]["candidate"] == 10
    assert after == before
    assert command("report", judged).code == 0
    assert "one person preferred the tuned model 10 times" in (judged / "report.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_same_judgements_give_the_same_and_new_ones_replace_them(command, judged):
    first, second = save(judged, "a.json"), save(judged, "b.json", choice="right", seed=2)
    assert command("report", judged, "--judgements", first).code == 0
    once = (judged / "results.json").read_bytes()
    assert command("report", judged, "--judgements", first, "--judgements", first).code == 0
    assert (judged / "results.json").read_bytes() == once
    assert command("report", judged, "--judgements", second).code == 0
    assert [one["seed"] for one in results(judged)["judgements"]["judges"]] == [2]
    assert results(judged)["judgements"]["together"]["baseline"] == 10


@pytest.mark.slow
def test_several_people_are_counted_apart_and_together_against_the_checks(command, judged):
    files = [save(judged, f"{seed}.json", seed=seed, choice=choice) for seed, choice in enumerate(("left", "right"))]
    assert command("report", judged, *(word for path in files for word in ("--judgements", path))).code == 0
    found = results(judged)["judgements"]
    assert [one["candidate"] for one in found["judges"]] == [10, 0]
    assert found["together"]["preferred"]["share"] == 0.5
    assert found["agreement"]["share"] == 0
    assert found["checks"]["candidate"] == {"choices": 10, "same": 5, "other": 5, "equal": 0}


@pytest.mark.slow
def test_people_who_judge_otherwise_than_the_rules_change_the_verdict_until_others_agree(command, tmp_path):
    run = evaluated(command, tmp_path, 80)
    before = results(run)["verdict"]

    def marked(name: str, seed: int, *, like_the_rules: bool) -> Path:
        rows = []
        for n in range(80):
            other = n % 2 == 1 if like_the_rules else n % 3 == 0
            row = {"id": f"p{n}", "left": "tuned", "right": "prompted", "choice": "equal"}
            # The second person sees every tenth output otherwise than the first.
            rows.append({**row, "left_acceptable": True, "right_acceptable": other != (seed % 2 == 0 and n % 10 == 0)})
        return save(run, name, seed=seed, judgements=rows)

    others = [marked(f"{seed}.json", seed, like_the_rules=False) for seed in (1, 2)]
    assert command("report", run, "--judgements", others[0], "--judgements", others[1]).code == 0
    after = results(run)
    assert_described(after)
    assert after["verdict"]["decision"] == "fix first"
    assert "the rules do not measure what people want" in after["verdict"]["sentence"]
    assert "the rules do not measure what people want" in (run / "report.md").read_text(encoding="utf-8")
    assert after["judgements"]["verdict_without"] == before
    alike = [marked(f"{seed}.json", seed, like_the_rules=True) for seed in (3, 4)]
    assert command("report", run, "--judgements", alike[0], "--judgements", alike[1]).code == 0
    assert results(run)["verdict"] == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"schema": "x"}, "expected the schema"),
        ({"run": {"outputs": "b" * 64}}, "about another run"),
        ({"judgements": [{"id": "nobody"}]}, "not among the tested pairs"),
        ({"judgements": []}, "no choices yet"),
    ],
)
def test_wrong_judgements_leave_results_and_report_as_they_were(command, judged, changed, said):
    before = {path.name: path.read_bytes() for path in judged.glob("[!.]*") if path.is_file()}
    done = command("report", judged, "--judgements", save(judged, "a.json", **changed))
    assert done.code == 2
    assert said in done.err
    assert "a.json" in done.err
    assert {path.name: path.read_bytes() for path in judged.glob("[!.]*") if path.is_file()} == before


@pytest.mark.slow
def test_one_good_and_one_wrong_file_take_in_neither(command, judged):
    files = [save(judged, "a.json"), save(judged, "b.json", schema="x")]
    assert command("report", judged, *(word for path in files for word in ("--judgements", path))).code == 2
    assert "judgements" not in results(judged)


@pytest.mark.slow
def test_a_run_of_one_variant_has_nothing_to_have_judged(command, judged, tmp_path):
    file = save(judged, "a.json")
    words = ["--pairs", tmp_path / "pairs.jsonl", "--style", tmp_path / "style.yaml"]
    outputs = f"tuned={tmp_path / 'tuned.jsonl'}"
    assert command("evaluate", *words, "--outputs", outputs, "--out", tmp_path / "alone").code == 0
    done = command("report", tmp_path / "alone", "--judgements", file)
    assert done.code == 2
    assert "no two variants were compared" in done.err


@pytest.mark.slow
def test_without_examples_nothing_that_a_person_typed_is_in_the_page(command, judged):
    file = save(judged, "a.json", judge="Somebody typed this")
    assert command("report", judged, "--judgements", file, "--no-examples").code == 0
    written = "".join(path.read_text(encoding="utf-8") for path in judged.glob("report.*"))
    assert "Somebody" not in written
    assert "person 1" in written
    assert command("report", judged).code == 0
    assert "Somebody typed this" in (judged / "report.html").read_text(encoding="utf-8")


# --- people who judge live, in `tuneworth review` --------------------------------------------------------------------------


def live(run: Path, name: str, /, **changed: Any) -> Path:
    (run / "judgements").mkdir(exist_ok=True)
    return save(run, f"{run.name}/judgements/{name}.json", judge=name, **changed)


@pytest.mark.slow
def test_people_who_judged_live_count_without_an_option_and_the_report_says_so(command, judged):
    live(judged, "zuzanna", seed=1)
    live(judged, "bob", seed=2, choice="right")
    done = command("report", judged)
    assert done.code == 0
    assert f"judgements: counting those of 2 people in {judged / 'judgements'}" in done.err
    found = results(judged)
    assert_described(found)
    assert [one["judge"] for one in found["judgements"]["judges"]] == ["bob", "zuzanna"]
    assert found["judgements"]["live"] == 2
    [entry] = [one for one in found["provenance"]["inputs"] if one["role"] == "judgements"]
    assert entry["path"] == "judgements"
    once = (judged / "results.json").read_bytes()
    assert command("report", judged).code == 0
    assert (judged / "results.json").read_bytes() == once
    live(judged, "bob", seed=2)
    assert command("report", judged, "--no-examples").code == 0
    assert results(judged)["judgements"]["together"]["candidate"] == 20
    assert [one["sha256"] for one in results(judged)["provenance"]["inputs"] if one["role"] == "judgements"] != [
        entry["sha256"]
    ]
    page = (judged / "report.html").read_text(encoding="utf-8")
    assert "two people preferred" in page or "2 people preferred" in page
    assert "zuzanna" not in page


@pytest.mark.slow
def test_a_person_given_and_live_counts_once_and_others_given_count_too(command, judged):
    live(judged, "ada", seed=1)
    given = [save(judged, "a.json", seed=1), save(judged, "b.json", seed=2)]
    assert command("report", judged, *(word for path in given for word in ("--judgements", path))).code == 0
    assert sorted(one["seed"] for one in results(judged)["judgements"]["judges"]) == [1, 2]
    earlier = json.loads(given[0].read_text(encoding="utf-8"))["judgements"][:4]
    assert command("report", judged, "--judgements", save(judged, "a.json", seed=1, judgements=earlier)).code == 0
    [found] = results(judged)["judgements"]["judges"]
    assert (found["seed"], found["candidate"]) == (1, 10)
    save(judged, "a.json", seed=1)
    assert command("report", judged, *(word for path in given for word in ("--judgements", path))).code == 0
    live(judged, "ada", seed=1, judgements=[])  # an earlier state: the given file has all of its choices
    assert command("report", judged).code == 0
    assert sorted(one["seed"] for one in results(judged)["judgements"]["judges"]) == [1, 2]


@pytest.mark.slow
def test_what_cannot_count_of_the_live_judgements_is_said_and_hinders_no_report(command, judged):
    live(judged, "old", seed=1, run={"created": "", "outputs": "b" * 64})
    (judged / "judgements" / "broken.json").write_text("{", encoding="utf-8")
    live(judged, "new", seed=3, judgements=[])
    done = command("report", judged)
    assert done.code == 0
    assert "not counted" in done.err
    assert "about another run" in done.err
    assert "broken.json: not readable as JSON" in done.err
    assert results(judged).get("judgements") is None
    live(judged, "ada", seed=2)
    assert command("report", judged).code == 0
    assert [one["judge"] for one in results(judged)["judgements"]["judges"]] == ["ada"]


@pytest.mark.slow
def test_live_judgements_count_where_the_style_is_gone_and_the_verdict_stays(command, judged, tmp_path):
    live(judged, "ada")
    (tmp_path / "style.yaml").unlink()
    before = results(judged)["verdict"]
    done = command("report", judged)
    assert done.code == 0
    assert "the verdict is the stored one" in done.err
    assert results(judged)["judgements"]["together"]["candidate"] == 10
    assert results(judged)["verdict"] == before
