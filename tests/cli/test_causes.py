"""Causes are named before any other reason: one invalid set of outputs each, with the sentence that the user reads."""

import json

import pytest

from ..conftest import pair

COUNT = 200
ROI = """
[roi]
requests_per_day = 5000
[roi.investment]
compute = 100
[roi.running]
monitoring_hours_per_month = 0
[roi.prompted]
price_input = 5
price_output = 20
fixed_tokens = 500
input_tokens = 150
output_tokens = 150
[roi.tuned]
price_input = 5
price_output = 20
fixed_tokens = 0
input_tokens = 150
output_tokens = 150
"""


@pytest.fixture
def judge(command, style_file, tmp_path):
    """The results of evaluating the given output lines by variant."""
    (tmp_path / "tuneworth.toml").write_text(f'[data]\npath = "pairs.jsonl"\n{ROI}')
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(pair(n)) + "\n" for n in range(COUNT)))

    def call(**files):
        words = []
        for name, lines in files.items():
            (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
            words += ["--outputs", f"{name}={tmp_path / name}.jsonl"]
        at = ("--pairs", tmp_path / "pairs.jsonl", "--out", tmp_path / "judged")
        return command("evaluate", tmp_path, *at, *words, "--json")

    return call


def lines(good, *, of=20, wrong="{} too"):
    """Outputs that are right for `good` of `of` requests; a wrong one differs from each other."""
    texts = [pair(n)["output"] if n % of < good else f"See {wrong.format(pair(n)['output'])} 9" for n in range(COUNT)]
    return [
        {"id": f"p{n}", "output": text, "output_tokens": len(text) // 4, "finish_reason": "stop"}
        for n, text in enumerate(texts)
    ]


def cut_short(rows, every=10, of=3):
    return [
        {**row, "output": row["output"][:9], "finish_reason": "length", "output_tokens": 4} if n % every < of else row
        for n, row in enumerate(rows)
    ]


def prefixed(rows):
    return [{**row, "output": f"Well then, {row['output']}"} for row in rows]


SAME = [{"id": f"p{n}", "output": "Box with a red lamp aa, 0 kg"} for n in range(COUNT)]
TABLE = {
    "100 of 200 lines": (
        {"prompted": lines(14), "tuned": lines(19)[:100]}, "comparison",
        "100 of 200 outputs of the tuned model are missing", "collect the rest (p100, p101, p102, p103, p104 and 95 more",
    ),
    "30 of the baseline's missing": (
        {"prompted": lines(14)[30:], "tuned": lines(19)}, "comparison",
        "30 of 200 outputs of the prompted model are missing", "(p0, p1, p2, p3, p4 and 25 more",
    ),
    "30% cut at the limit": (
        {"prompted": lines(14), "tuned": cut_short(lines(19))}, "comparison",
        "60 of 200 outputs of the tuned model were cut at the token limit of 4 tokens",
        "token limit of the calls raised to 20 or",
    ),
    "identical files": (
        {"prompted": lines(14), "tuned": lines(14)}, "comparison",
        "the outputs of the tuned model are those of the prompted model, all 200 word for word, so the adapter was not applied",
        "check that the calls name the tuned model",
    ),
    "one text throughout": (
        {"prompted": lines(14), "tuned": SAME}, "training",
        "200 of 200 outputs of the tuned model are the same text", "train again at a lower learning rate",
    ),
    "the references as outputs": (
        {"prompted": prefixed(lines(14)), "tuned": lines(20)}, "comparison",
        "the outputs of the tuned model are the reference answers, all 200 word for word", "give the file with the outputs",
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("kind", TABLE)
def test_the_cause_is_the_verdict(judge, tmp_path, kind):
    files, what, sentence, remedy = TABLE[kind]
    done = judge(**files)
    verdict = done.json["verdict"]
    assert (verdict["decision"], verdict["what"], verdict["rule"]) == ("fix first", what, 1)
    assert verdict["sentence"].startswith(f"Fix the {what} first: {sentence}")
    assert verdict["reasons"][0].lower().startswith(sentence.lower())
    assert remedy in verdict["next"].lower()
    words = sentence.removesuffix(", so the adapter was not applied")
    for part in ("report.html", "report.md"):
        assert words.split(" of the ")[0] in (tmp_path / "judged" / part).read_text(encoding="utf-8")


@pytest.mark.slow
def test_two_in_a_hundred_may_be_missing_and_are_counted(judge):
    results = judge(prompted=lines(14), tuned=lines(19)[4:]).json
    assert results["verdict"]["rule"] != 1
    (cause,) = results["quality"]["tuned"]["causes"]
    assert (cause["cause"], cause["count"], cause["of"], cause["ids"]) == ("missing", 4, 200, ["p0", "p1", "p2", "p3"])


@pytest.mark.slow
def test_missing_and_cut_outputs_are_counted_together(judge):
    tuned = cut_short(lines(19)[3:], every=100, of=1)
    results = judge(prompted=lines(14), tuned=tuned).json
    assert results["verdict"]["sentence"].startswith(
        "Fix the comparison first: 3 of 200 outputs of the tuned model are"
    )
    assert "2 of 200 outputs of the tuned model were cut" in results["verdict"]["reasons"][1]


@pytest.mark.slow
@pytest.mark.parametrize("text", ["Box, " * 9, "A word about the box and what it holds, in far more words than any"])
def test_a_model_that_does_not_end_is_named_and_no_error_of_the_comparison(judge, text):
    rambling = [
        {**row, "output": text, "finish_reason": "length"} if n % 4 == 0 else row for n, row in enumerate(lines(14))
    ]
    verdict = judge(prompted=rambling, tuned=lines(19)).json["verdict"]
    assert verdict["rule"] != 1
    assert "the prompted model in 50% (25% of its outputs do not end before the token limit)" in verdict["sentence"]
    assert verdict["reasons"][0].startswith("50 of 200 outputs of the prompted model do not end before the token limit")


@pytest.mark.slow
def test_labels_and_json_may_be_the_reference_in_every_case(judge, tmp_path):
    pairs = [{**pair(n), "output": json.dumps({"colour": pair(n)["input"]["colour"]})} for n in range(COUNT)]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(one) + "\n" for one in pairs))
    tuned = [{"id": one["id"], "output": one["output"]} for one in pairs]
    verdict = judge(prompted=lines(0), tuned=tuned).json["verdict"]
    assert "word for word" not in json.dumps(verdict)


@pytest.mark.slow
def test_training_answers_that_are_in_the_test_are_no_result(command, style_file, tmp_path):
    """Every third answer is one of forty that many requests share; the "tuned" file recites it, or says one bland line."""
    answers = [f"Box with a {word} lamp of the old kind, sold apart" for word in "abcdefghijklmnopqrstuvwxyz"]
    pairs = [{**pair(n), "output": answers[n % 26]} if n % 3 == 0 else pair(n) for n in range(600)]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(one) + "\n" for one in pairs))
    sources = '[evaluate]\nvariants = ["prompted", "tuned"]\n' + "".join(
        f'[evaluate.{name}]\noutputs = "{name}.jsonl"\n' for name in ("prompted", "tuned")
    )
    settings = f'[data]\npath = "pairs.jsonl"\n[curate]\ntie_outputs = false\n{sources}'
    (tmp_path / "tuneworth.toml").write_text(settings)
    assert command("curate", tmp_path).code == 0
    test = [json.loads(line) for line in next((tmp_path / "runs").rglob("test.jsonl")).read_text().splitlines()]
    shared = {
        "prompted": lambda one: "A box.",
        "tuned": lambda one: one["output"] if "old kind" in one["output"] else "Box",
    }
    for name, write in shared.items():
        rows = [
            {"id": one["id"], "output": write(one) + (f" {n}" if name == "prompted" else "")}
            for n, one in enumerate(test)
        ]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    planned = command("evaluate", tmp_path, "--dry-run")
    assert "Next: to evaluate: tuneworth evaluate " in planned.out + planned.err
    done = command("evaluate", tmp_path, "--json")
    verdict, risks = done.json["verdict"], {risk["id"]: risk for risk in done.json["risks"]}
    assert (verdict["decision"], verdict["what"]) == ("fix first", "data")
    assert "are training answers word for word, which also answer these test requests" in verdict["sentence"]
    assert "tie_outputs" in verdict["next"]
    assert risks["memorisation"]["status"] == "not checked"
