"""What the outputs are: labels, fields, an answer, SQL or free text, and the rule that compares them."""

import json
from random import Random

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.core import ConfigError
from tuneworth.style import check_outputs, infer_style, missing_fields, pair_columns, parse_style, recognise_task

TOWNS = ["Lyon", "Oslo", "Cork", "Turin", "Bergen", "Porto", "Ghent", "Basel", "Malmo", "Split", "Brno", "Graz"]
THINGS = ["lamp", "chair", "desk", "shelf", "stool", "bench", "rug", "clock", "vase", "mirror", "sofa", "bed"]


def sentence(n):
    draw = Random(n)
    (a, b), c = draw.sample(THINGS, 2), draw.choice(TOWNS)
    return f"The {a} from {c} goes well with every {b} that we have, and it lasts."


def request(n):
    return f"Write about item {n}."


def table(outputs, requests=None):
    inputs = requests or [request(n) for n in range(len(outputs))]
    return pl.DataFrame({"output": outputs, "input": inputs}, schema={"output": pl.String, "input": pl.String})


def sums(n, say):
    """Questions about sums, and what `say` answers to each."""
    numbers = [(7 * i % 90 + 2, 11 * i % 70 + 3) for i in range(n)]
    return table([say(a, b, a * b) for a, b in numbers], [f"How much is {a} crates of {b}?" for a, b in numbers])


def choices(say):
    asked = [f"Which one is it, {n}?\nA) {TOWNS[n % 12]}\nB) {TOWNS[n % 11]}\nC) {TOWNS[n % 7]}" for n in range(60)]
    return table([say("ABC"[n % 3], sentence(n)) for n in range(60)], asked)


def orders(n, **more):
    draw = Random(n)
    return {"item": f"a large {draw.choice(THINGS)}", "town": draw.choice(TOWNS), "count": n} | more


LABELS = ["refund", "delivery", "other"]
PATHS = [f"Home & Garden > Kitchen & Dining > Tools > {one} & more" for one in LABELS]
RECOGNISED = {
    "labels": (table([LABELS[n % 3] for n in range(60)]), "labels", {"kind": "label", "labels": sorted(LABELS)}),
    "classes by number": (table([str(n % 4) for n in range(60)]), "labels", {"kind": "label", "labels": list("0123")}),
    "paths of categories": (
        table([PATHS[n % 3] for n in range(60)]), "labels", {"kind": "label", "labels": sorted(PATHS)}
    ),
    "replies that recur": (table([f"Thank you, we will look into the {LABELS[n % 3]} soon." for n in range(60)]), "text", None),
    "dates": (table([f"2024-{n % 12 + 1:02}-{n % 28 + 1:02}" for n in range(60)]), "answer", {"kind": "equals"}),
    "sets of labels": (
        table([", ".join(Random(n).sample(LABELS, 1 + n % 2)) for n in range(120)]), "labels",
        {"kind": "label", "labels": sorted(LABELS)},
    ),
    "lists of labels in JSON": (
        table([json.dumps(Random(n).sample(LABELS, 1 + n % 2)) for n in range(120)]), "labels",
        {"kind": "label", "labels": sorted(LABELS)},
    ),
    "JSON": (table([json.dumps(orders(n)) for n in range(60)]), "fields", {"kind": "same_fields"}),
    "JSON, 36% empty": (table([json.dumps(orders(n)) if n % 3 else "{}" for n in range(60)]), "fields", {"kind": "same_fields"}),
    "JSON among texts": (
        table([json.dumps(orders(n)) if n % 7 else sentence(n) for n in range(60)]), "fields", {"kind": "same_fields"}
    ),
    "JSON with free text": (
        table([json.dumps(orders(n, note=sentence(n))) for n in range(60)]), "fields",
        {"kind": "same_fields", "fields": {"item": {}, "town": {}, "count": {}}},
    ),
    "named values": (
        table(["\n".join(f"{k}: {v}" for k, v in orders(n).items()) for n in range(60)]), "fields", {"kind": "same_fields"}
    ),
    "brackets": (
        table([", ".join(f"{k}[{v}]" for k, v in orders(n).items()) for n in range(60)]), "fields", {"kind": "same_fields"}
    ),
    "numbers": (sums(60, lambda a, b, c: f"{c:,} EUR"), "answer", {"kind": "equals", "tolerance": 0}),
    "after ####": (
        sums(60, lambda a, b, c: f"{a} * {b} = {c} in all.\n#### {c}"), "answer",
        {"kind": "final_answer", "take": "after_marker", "marker": "####"},
    ),
    "after words": (
        sums(60, lambda a, b, c: f"{a} times {b}. {'So the' if a % 2 else 'The'} answer is {c}."), "answer",
        {"kind": "final_answer", "take": "after_marker", "marker": "answer is"},
    ),
    "at the end": (
        sums(60, lambda a, b, c: f"{a} times {b}: {a} * {b} = {c} pieces."), "answer",
        {"kind": "final_answer", "take": "last_number"},
    ),
    "in a box": (
        sums(60, lambda a, b, c: f"So $\\boxed{{{c}}}$, as {a} times {b} is."), "answer",
        {"kind": "final_answer", "take": "boxed"},
    ),
    "letters": (choices(lambda letter, why: letter), "answer", {"kind": "final_answer", "take": "letter"}),
    "letters after reasons": (
        choices(lambda letter, why: f"{why}\nThe answer is ({letter})."), "answer",
        {"kind": "final_answer", "take": "letter"},
    ),
    "short answers": (
        table(
            [f"{Random(n).choice(TOWNS)} {n}" for n in range(60)],
            [f"{['Who', 'Where', 'Which'][n % 3]} did it in {n}?" for n in range(60)],
        ), "answer", {"kind": "equals", "ignore": ["case", "punctuation", "articles"], "tolerance": 0},
    ),
    "SQL": (
        table([f"SELECT name FROM towns WHERE area > {n} AND name <> '{TOWNS[n % 12]}'" for n in range(60)]), "sql",
        {"kind": "same_result"},
    ),
    "free text": (table([sentence(n) for n in range(60)]), "text", None),
    "few long texts": (table([sentence(n % 4) for n in range(60)]), "text", None),
    "short texts that nothing asks for": (table([f"{Random(n).choice(TOWNS)} {n}" for n in range(60)]), "text", None),
    "texts that end in a fact": (table([f"{sentence(n)} Weight: {n + 3}.5 kg" for n in range(60)]), "text", None),
    "records of free text": (table([json.dumps({"text": sentence(n)}) for n in range(60)]), "text", None),
    "labels among names": (
        table([LABELS[n % 3] if n % 5 else f"{THINGS[n % 12]} {n}" for n in range(100)]), "text", None
    ),
    "half and half": (table([json.dumps(orders(n)) if n % 2 else sentence(n) for n in range(60)]), "text", None),
    "too few": (table(["yes", "no"] * 8), "text", None),
}  # fmt: skip


@pytest.mark.parametrize("name", RECOGNISED)
def test_the_task_is_recognised_with_the_rule_that_compares(name):
    pairs, task, rule = RECOGNISED[name]
    found = recognise_task(pairs)
    assert (found.task, found.rule) == (task, rule)
    assert recognise_task(pairs.sample(fraction=1.0, shuffle=True, seed=1)) == found
    assert ("No rule here compares with a reference" in found.sentence) == (rule is None and name != "too few")


@pytest.mark.parametrize("name", [name for name, (_, _, rule) in RECOGNISED.items() if rule])
def test_the_rule_accepts_the_references_and_no_other_answer(name):
    pairs, _, rule = RECOGNISED[name]
    style = parse_style(f"checks: [{json.dumps(rule)}]")
    references = pairs.with_columns(references=pl.concat_list("output"))
    assert set(check_outputs(references, style).status.to_series()) == {"pass"}
    others = references.with_columns(output=pl.col("output").gather((pl.int_range(pl.len()) + 1) % pl.len()))
    wrong = others.filter(pl.col("output") != pl.col("references").list.first())
    assert (check_outputs(wrong, style).status.to_series() == "pass").mean() < 0.1


one_label = st.text("abcdef ", min_size=1, max_size=12).filter(str.strip)


@given(st.lists(one_label, min_size=2, max_size=6, unique_by=lambda text: "".join(text.split())), st.integers(0, 30))
def test_labels_are_found_in_noise_and_what_is_none_is_counted(labels, noise):
    rows = [labels[n % len(labels)] for n in range(100)] + [sentence(n) for n in range(noise)]
    found = recognise_task(table(rows))
    expected = {" ".join(label.split()) for label in labels}
    if noise > 11:  # more than a tenth of all
        assert found.task == "text"
    else:
        assert {" ".join(label.split()) for label in found.rule["labels"]} == expected
        assert (found.rows, found.follows) == (100 + noise, 100)
        assert (f"{noise} output" in " ".join(found.notes)) == bool(noise)


def test_labels_that_differ_by_case_count_as_one_and_are_said():
    found = recognise_task(table(["Card"] * 40 + ["card"] * 3 + ["cash"] * 40))
    assert found.rule["labels"] == ["Card", "cash"]
    assert found.notes == ('Spellings that differ by case count as one label: "Card" 40, "card" 3.',)
    style = parse_style(f"checks: [{json.dumps(found.rule)}]")
    pairs = table(["card"]).with_columns(references=pl.lit(["Card"], pl.List(pl.String)))
    assert check_outputs(pairs, style).status.item() == "pass"


def test_outputs_that_are_not_json_among_json_are_counted():
    found = recognise_task(table([json.dumps(orders(n)) for n in range(95)] + ["nothing found"] * 5))
    assert (found.task, found.rows, found.follows) == ("fields", 100, 95)
    assert found.notes == ("5 outputs are of another form.",)


def test_outputs_without_an_answer_among_answers_are_counted():
    pairs = RECOGNISED["after ####"][0]
    found = recognise_task(
        pairs.with_columns(output=pl.when(pl.int_range(pl.len()) < 3).then(pl.lit("No.")).otherwise("output"))
    )
    assert (found.rule, found.rows, found.follows) == (RECOGNISED["after ####"][2], 60, 57)
    assert found.notes == ("3 outputs are of another form.",)


def test_the_form_of_some_outputs_is_named_where_no_task_is_recognised():
    assert "50% JSON" in recognise_task(RECOGNISED["half and half"][0]).says


@pytest.mark.slow
def test_the_style_has_the_rule_in_place_of_what_it_makes_unnecessary_and_discriminates():
    for name, dropped in (("labels", {"allowed", "known_words", "case"}), ("JSON", set()), ("SQL", set())):
        pairs, task, rule = RECOGNISED[name]
        found = infer_style(pairs)
        assert found.schema is not None
        kinds = [check.kind for check in found.schema.checks]
        assert (found.task.task, kinds[0], found.schema.checks[0].level) == (task, rule["kind"], "must")
        assert dropped.isdisjoint(kinds)
        assert found.task.says in found.text
        assert found.task.sentence in found.message
        assert found.discrimination.own == 1
        assert not found.discrimination.weak
        assert int(check_outputs(pairs, found.schema).shares()["acceptable"].sum()) == len(pairs)
    free = infer_style(RECOGNISED["free text"][0])
    assert "# 60 outputs are free text. No rule here compares with a reference" in free.text
    assert "json" in [check.kind for check in infer_style(RECOGNISED["JSON"][0]).schema.checks]


def test_fields_of_the_output_are_not_looked_for_in_the_input():
    style = parse_style("checks: [{kind: same_fields, fields: {item: {}}}]")
    assert not list(missing_fields(style, pair_columns(table(['{"item": 1}']))))


def test_an_inferred_style_states_its_task_which_is_one_of_five() -> None:
    found = infer_style(table([["refund", "delivery"][n % 2] for n in range(200)]))
    assert found.schema is not None
    assert found.schema.task == "labels"
    assert "\ntask: labels\n" in found.text
    with pytest.raises(ConfigError, match="task: expected labels, fields, answer, sql or text"):
        parse_style("task: poems\nchecks: [{kind: json}]\n")
