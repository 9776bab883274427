"""A share that no rule measures is never a number: in results, report, Markdown, card and gates."""

import json

import pytest

from ..conftest import pair

RULES = {
    "faithful": "{kind: starts_with, any: [Box]}",
    "consistent": "{kind: grounded}",
}


@pytest.fixture
def judge(command, pairs_file, tmp_path):
    def call(rule, *more):
        (tmp_path / "style.yaml").write_text(f"name: Label\nchecks:\n  - {rule}\n")
        words = []
        for name, good in (("prompted", 30), ("tuned", 50)):
            texts = [pair(n)["output"] if n < good else f"See {n} 999" for n in range(60)]
            texts[0] = ""  # an output that fails as a whole fails no share that is not measured
            lines = [json.dumps({"id": f"p{n}", "output": text}) + "\n" for n, text in enumerate(texts)]
            (tmp_path / f"{name}.jsonl").write_text("".join(lines))
            words += ["--outputs", f"{name}={tmp_path / name}.jsonl"]
        at = ("--style", tmp_path / "style.yaml", "--out", tmp_path / "judged", "--json")
        return command("evaluate", "--pairs", pairs_file, *words, *at, *more)

    return call


@pytest.mark.slow
@pytest.mark.parametrize("share", RULES)
def test_a_share_without_a_rule_is_not_checked(judge, tmp_path, share):
    results = judge(RULES[share]).json
    nothing = {"share": None, "low": None, "high": None}
    assert [results["quality"][name][share] for name in ("prompted", "tuned")] == [nothing, nothing]
    assert results["reference"][share] == nothing
    other = next(name for name in RULES if name != share)
    assert results["quality"]["tuned"][other] == results["quality"]["tuned"]["acceptable"]
    lines = (tmp_path / "judged/evaluate/outputs.jsonl").read_text().splitlines()
    assert {json.loads(line)[share] for line in lines} == {None}
    row = next(
        line for line in (tmp_path / "judged/report.md").read_text().splitlines() if line.startswith("| tuned |")
    )
    assert row.count("not checked") == 1
    page = (tmp_path / "judged/report.html").read_text(encoding="utf-8")
    assert f"{share.capitalize()}: tuned: not checked;" in page
    assert f"{share.capitalize()}: human answers: not checked" in page


@pytest.mark.slow
@pytest.mark.parametrize("share", RULES)
def test_a_gate_on_it_is_an_error_that_says_why(judge, share):
    done = judge(RULES[share], "--gate", f"quality.tuned.{share}.low >= 0.9")
    about = {"faithful": "facts", "consistent": "form or wording"}[share]
    assert done.code == 2
    assert f"{share} is not checked, since no must rule of the style is about {about}" in done.err
    other = next(name for name in RULES if name != share)
    assert judge(RULES[share], "--gate", f"quality.tuned.{other}.low >= 0.1").code == 0


@pytest.mark.slow
def test_a_rule_that_only_should_hold_measures_no_share(judge):
    results = judge("{kind: starts_with, any: [Box]}\n  - {kind: grounded, level: should}").json
    assert results["quality"]["tuned"]["faithful"]["share"] is None
    assert results["quality"]["tuned"]["checks"]["grounded"]["share"] is not None
