"""The check-up: each finding is there where it should be, nowhere else, and says what to type."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.core import DataError
from tuneworth.curate import SEVERITIES, DataSettings, check_pairs, proposed_reading, read_frame

WORDS = [
    "amber", "basin", "cedar", "delta", "ember", "fjord", "grove", "hazel", "inlet", "jetty", "kiosk", "ledge", "maple",
    "north", "ocean", "plaza", "quartz", "ridge",
]  # fmt: skip


def product(n):
    """A row without any fault: every fact of the output is in the input."""
    draw = random.Random(n)
    name = " ".join(draw.sample(WORDS, 3))
    kind, width = draw.choice(["lamp", "shelf", "stool", "bench"]), draw.randint(20, 90)
    text = f"The {name} is a {kind} of {width} cm that {draw.choice(WORDS)} lovers will put beside their {draw.choice(WORDS)}."
    return {"sku": f"K-{n}", "name": name, "kind": kind, "width": f"{width} cm", "text": text}


def rows(n=60, change=lambda row, n: {}):
    return [product(i) | change(product(i), i) for i in range(n)]


def checked(table, **columns):
    given = {"input": ("name", "kind", "width"), "output": "text", "id": "sku" if "sku" in table[0] else None} | columns
    identifiers = given.pop("identifiers", ())
    return check_pairs(read_frame(table, DataSettings(path="", **given)), identifiers=identifiers)


def keys(checkup, *severities):
    return {finding.key for finding in checkup.findings if finding.severity in (severities or SEVERITIES)}


def test_good_pairs_have_no_finding():
    found = checked(rows(240))
    assert keys(found) == {"task"}
    assert (found.rows_read, found.pairs, found.distinct_inputs, found.distinct_outputs) == (240, 240, 240, 240)
    assert "facts that the inputs lack" in found.clean


# --- facts that the inputs lack -----------------------------------------------------------------------------------


def test_numbers_that_no_input_holds_are_found_with_their_rows_and_places():
    found = checked(rows(60, lambda row, n: {"text": row["text"] + f" It weighs {n + 3}.5 kg."} if n % 3 == 0 else {}))
    finding = found.finding("missing_numbers")
    assert (finding.severity, finding.rows, finding.share) == ("high", 20, 1 / 3)
    assert finding.setting == "checks: [{kind: grounded, facts: [numbers]}]"
    assert len(finding.examples) == 3
    for example in finding.examples:
        assert example.found.startswith(f"{example.row + 2}.5 kg")
        assert "It weighs" in example.text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("40 cm", "40cm wide"),
        ("40 cm", "forty centimetres"),
        ("0.4 m", "40 cm"),
        ("forty", "40"),
        ("1,500 g", "1500 g"),
    ],
)
def test_a_number_is_the_same_in_any_writing(field, said):
    assert (
        checked(rows(60, lambda row, n: {"width": field, "text": f"Nice {row['name']}, {said}."})).finding(
            "missing_numbers"
        )
        is None
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "added",
    [
        '<img src="a-640.jpg" width="640">',
        "Caf&#233; style.",
        "See https://shop.example/p/4711 for more.",
        "<style>p{margin:12px}</style>",
        "<!-- 17 -->",
    ],
)
def test_numbers_that_no_reader_sees_are_none(added):
    found = checked(rows(60, lambda row, n: {"text": row["text"] + added if n % 2 else row["text"]}))
    assert found.finding("missing_numbers") is None


def test_a_sentence_that_nearly_all_outputs_have_can_be_learned():
    assert (
        checked(rows(60, lambda row, n: {"text": row["text"] + " Free returns within 30 days."})).finding(
            "missing_numbers"
        )
        is None
    )
    some = checked(rows(60, lambda row, n: {"text": row["text"] + " Free returns within 30 days." * (n % 2)}))
    assert some.finding("missing_numbers").rows == 30


def test_the_column_that_has_the_numbers_is_named():
    table = rows(
        60, lambda row, n: {"weight": f"{n + 3}.5 kg", "price": n, "text": f"{row['text']} It weighs {n + 3}.5 kg."}
    )
    finding = checked(table).finding("missing_numbers")
    assert finding.option == "--input name --input kind --input width --input weight"
    assert finding.values["column"] == "weight"


def test_what_the_system_message_states_is_given():
    table = [
        {"system": f"Weight: {n + 3}.5 kg", **row, "text": f"{row['text']} {n + 3}.5 kg."}
        for n, row in enumerate(rows())
    ]
    assert checked(table).finding("missing_numbers") is None


@pytest.mark.parametrize(
    "code", ["SELECT {a} FROM {b} AS b1 GROUP BY 1 LIMIT 10;", "def {a}({b}):\n    return b2[{b}:17]; }}"]
)
def test_the_numbers_and_names_of_code_are_no_facts(code):
    table = [{"question": f"{a} of {b}?", "answer": code.format(a=a, b=b)} for a in WORDS for b in WORDS[:4]]
    found = check_pairs(read_frame(table))
    assert found.finding("missing_numbers") is found.finding("missing_codes") is None


def test_json_is_no_code():
    table = [
        {"question": f"{a} of {b}?", "answer": json.dumps({"name": a, "weight": n})}
        for n, a in enumerate(WORDS)
        for b in WORDS
    ]
    assert check_pairs(read_frame(table)).finding("missing_numbers") is not None


def test_a_fact_that_is_always_the_same_is_said_to_be():
    finding = checked(
        rows(60, lambda row, n: {"text": row["text"] + f" It is {row['name']} in 925 silver." * (n % 2)})
    ).finding("missing_numbers")
    assert (finding.severity, finding.rows) == ("medium", 30)
    assert "nearly always 925: a model trained on them learns to add 925 everywhere." in finding.title


# --- rows that repeat each other ----------------------------------------------------------------------------------


def test_variants_name_the_column_that_ties_them():
    table = [
        row | {"sku": f"K-{i}-{size}", "size": size, "family": f"F{i}"}
        for i, row in enumerate(rows(40))
        for size in "SML"
    ]
    finding = checked(table, input=("name", "kind", "width", "size")).finding("variants")
    assert (finding.severity, finding.rows, finding.values["outputs"]) == ("high", 120, 40)
    assert (finding.option, finding.setting) == ("--group family", '[data] group = "family"')
    assert finding.examples[0].found == "3 rows"


def test_variants_that_no_column_groups_are_tied_by_their_output():
    table = [row | {"name": f"{row['name']} {size}", "sku": None} for row in rows(40) for size in "SML"]
    finding = checked(table, input=("name", "kind")).finding("variants")
    assert (finding.rows, finding.option, finding.setting) == (120, None, None)
    assert "That leaves about 8 independent test cases, fewer than the 10 that a verdict needs." in finding.advice


@pytest.mark.parametrize(("texts", "option"), [(120, "--tie-outputs true"), (12, None)])
def test_similar_outputs_are_tied_where_enough_to_test_on_remains(texts, option):
    """Each text in three slightly different forms, each the output of two inputs; 12 texts leave 2 or 3 to test on."""
    table = [
        {
            "name": f"{product(n)['name']} {n}",
            "text": f"{product(n % texts)['text']} {'Buy it now' * (n // texts % 3 == 1)}",
        }
        for n in range(720)
    ]
    finding = checked(table, input="name", id=None).finding("variants")
    assert finding.option == option
    assert finding.setting == (option and "[curate] tie_outputs = true")
    assert ("would leave about" in finding.advice) == (option is None)


def test_a_group_that_leaves_too_few_rows_to_test_on_is_not_advised():
    table = [
        {"name": f"{row['name']} {size}", "text": row["text"], "house": f"H{i % 12}"}
        for i, row in enumerate(rows(240))
        for size in "SML"
    ]
    finding = checked(table, input="name", id=None).finding("variants")
    assert (finding.severity, finding.option, finding.values["column"]) == ("medium", None, None)
    assert 'Column "house" also ties others and would leave about 2 of 48 independent test cases' in finding.advice
    assert finding.values["independent_test_cases"] == 48


def test_variants_of_a_stated_group_need_no_column():
    table = [row | {"size": size, "family": f"F{i}"} for i, row in enumerate(rows(40)) for size in "SML"]
    assert checked(table, input=("name", "size"), group="family").finding("variants").option is None


def test_duplicates_are_counted():
    table = rows(60)
    found = checked(table + table[:6])
    assert found.finding("exact_duplicate").rows == 6
    assert "duplicates" not in found.clean


def test_conflicts_name_the_column_that_tells_them_apart():
    table = [row | {"colour": c, "text": f"A {row['kind']} named {row['name']}, {row['width']}, code {c}."}
             for row in rows(60) for c in ("RED", "BLUE")]  # fmt: skip
    finding = checked(table).finding("conflicts")
    assert finding.rows == 120
    assert finding.option == "--input name --input kind --input width --input colour"


def test_several_good_answers_are_no_fault():
    table = [
        row | {"text": f"{start} {row['name']}."}
        for row in rows(60)
        for start in ("Meet the quiet", "Nobody forgets our")
    ]
    finding = checked(table).finding("several_outputs")
    assert (finding.severity, finding.rows, finding.values["inputs"]) == ("medium", 120, 60)


# --- columns ------------------------------------------------------------------------------------------------------


def test_columns_that_never_vary_are_named_with_their_share_of_the_characters():
    table = rows(60, lambda row, n: {"shop": "Amber and Sons", "tax": "yes", "empty": None})
    finding = checked(table, input="*").finding("constant_columns")
    assert finding.values["columns"] == ["shop", "tax"]
    per_row = len("shop: Amber and Sons\ntax: yes\n")
    data = DataSettings(path="", input="*", output="text", id="sku")
    whole = read_frame(table, data).pairs["input"].str.len_chars().sum() + 60
    assert finding.values["characters_share"] == pytest.approx(60 * per_row / whole)
    assert finding.option == "--leave-out-constant"


def test_a_column_that_differs_in_every_row_is_an_identifier_unless_it_is_stated_or_describes():
    columns = {"input": ("sku", "name", "kind")}
    finding = checked(rows(), **columns).finding("identifiers")
    assert (finding.option, finding.setting) == ("--identifier sku", '[data] identifiers = ["sku"]')
    assert checked(rows(), **columns, identifiers=["sku"]).finding("identifiers") is None


def test_labels_are_said_to_be_labels():
    table = [{"input": f"{' '.join(random.Random(n).sample(WORDS, 6))}", "output": WORDS[n % 3]} for n in range(500)]
    found = check_pairs(read_frame(table))
    assert keys(found) == {"task", "mispaired_unknown"}
    task = found.finding("task")
    assert task.title.startswith("500 outputs are 3 labels. `label` compares them with the right answers.")
    assert (task.values["task"], task.values["rule"]) == ("labels", {"kind": "label", "labels": sorted(WORDS[:3])})


def test_free_text_is_said_to_be_compared_with_nothing():
    task = checked(rows(60)).finding("task")
    assert task.title.startswith("60 outputs are free text. No rule here compares with a reference")
    assert (task.severity, task.setting, task.values["task"]) == ("low", None, "text")


def test_equal_requests_with_other_labels_contradict_each_other():
    table = [{"input": " ".join(random.Random(n).sample(WORDS, 6)), "output": WORDS[n % 3]} for n in range(200)]
    found = check_pairs(read_frame([*table, table[7] | {"output": WORDS[(7 + 1) % 3]}]))
    assert found.finding("conflicts").rows == 2
    assert "an output that contradicts it" in found.finding("conflicts").title


# --- texts --------------------------------------------------------------------------------------------------------


def test_personal_data_are_counted_and_never_shown():
    found = checked(
        rows(60, lambda row, n: {"text": row["text"] + f" Write to anna{n}@post.example." if n < 6 else row["text"]})
    )
    finding = found.finding("personal_data")
    assert (finding.rows, finding.option, finding.severity) == (6, "--mask", "high")
    assert "@post" not in json.dumps(found.to_json())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("added", "key"),
    [("<p>{}</p>", "markup_tags"), ("Salt &amp; {}", "markup_entities"), ("**Note** {}", "markup_markdown")],
)
def test_markup_in_some_outputs_is_a_mixture_and_in_all_of_them_a_form(added, key):
    some = checked(rows(240, lambda row, n: {"text": added.format(row["text"])} if n % 4 == 0 else {}))
    assert (some.finding(key).severity, some.finding(key).rows) == ("medium", 60)
    assert checked(rows(240, lambda row, n: {"text": added.format(row["text"])})).finding(key).severity == "low"


def test_a_second_language_is_found():
    german = "Diese Lampe steht gut neben dem Sofa und leuchtet am Abend sehr angenehm in Ihrem Zimmer, Modell {}."
    found = checked(rows(240, lambda row, n: {"text": german.format(row["name"])} if n % 4 == 0 else {}))
    assert found.finding("languages").setting == "checks: [{kind: language, is: en}]"
    assert {example.found for example in found.finding("languages").examples} == {"German"}


def test_outputs_that_are_damaged_are_shown():
    found = checked(
        rows(240, lambda row, n: {"text": "I'm sorry, but I can't help with that request."} if n in (5, 9) else {})
    )
    assert found.finding("quality_refusal").rows == 2
    assert [example.row for example in found.finding("quality_refusal").examples] == [6, 10]


def test_pairs_longer_than_a_context_are_counted():
    found = checked(rows(60, lambda row, n: {"name": row["name"] * 3_000} if n == 7 else {}))
    assert (found.finding("long_pairs").rows, found.finding("long_pairs").examples[0].row) == (1, 8)


def test_rows_that_are_no_pairs_are_counted_by_their_reason():
    table = [*rows(240), {"text": ""}, {"text": "no input", "name": None}, 7]
    found = checked(table)
    assert {f.key: f.rows for f in found.findings} == {
        "rejected_empty_input": 2, "rejected_unreadable": 1, "task": 240
    }  # fmt: skip
    assert (found.rows_read, found.pairs) == (243, 240)


def test_without_a_pair_there_is_nothing_to_check():
    with pytest.raises(DataError, match="no pair in 2 rows"):
        check_pairs(read_frame([{"input": "", "output": "x"}, {"input": "", "output": "y"}]))


# --- columns that nobody named ------------------------------------------------------------------------------------


def test_the_longest_texts_are_proposed_as_the_output():
    proposed = proposed_reading(rows(), DataSettings(path="")).reading
    assert (proposed.input, proposed.output) == ("*", "text")


def test_lists_that_repeat_are_no_texts():
    tags = ["red, blue, " + ", ".join(WORDS), "green, " + ", ".join(WORDS[::-1])]
    table = [row | {"tags": tags[n % 2]} for n, row in enumerate(rows())]
    assert proposed_reading(table, DataSettings(path="")).reading.output == "text"


def test_lists_that_differ_are_no_texts_either():
    table = [row | {"tags": ", ".join(random.Random(n).sample(WORDS, 15) * 4)} for n, row in enumerate(rows())]
    assert proposed_reading(table, DataSettings(path="")).reading.output == "text"


def test_texts_of_few_rows_are_proposed():
    table = [row if n % 15 == 0 else row | {"text": ""} for n, row in enumerate(rows(150))]
    assert proposed_reading(table, DataSettings(path="")).reading.output == "text"


def test_one_other_column_is_the_input_as_it_is():
    table = [{"mr": row["name"], "ref": row["text"]} for row in rows()]
    assert proposed_reading(table, DataSettings(path="")).reading.input == "mr"


def test_nothing_is_proposed_for_pairs():
    assert proposed_reading([{"input": "a", "output": "b"}], DataSettings(path="")) is None


# --- whatever the rows --------------------------------------------------------------------------------------------

TEXT = st.text(max_size=30) | st.sampled_from(["a b c d e f 7", "<p>12</p>", "30 V", "&amp;", "x@y.example", "7", ""])
ROWS = st.lists(
    st.fixed_dictionaries({"a": TEXT, "b": TEXT, "output": TEXT, "id": st.none() | TEXT}), min_size=1, max_size=12
)


@pytest.mark.slow
@given(table=ROWS, seed=st.randoms(use_true_random=False))
def test_whatever_the_rows_counts_add_up_and_their_order_changes_nothing(table, seed):
    def found(of):
        raw = read_frame(of, DataSettings(path="", input=("a", "b"), output="output"))
        return check_pairs(raw) if len(raw.pairs) else None

    checkup, shuffled = found(table), found(seed.sample(table, len(table)))
    if checkup is None:
        return
    json.dumps(checkup.to_json())
    order = list(SEVERITIES)
    assert [f.severity for f in checkup.findings] == sorted((f.severity for f in checkup.findings), key=order.index)
    assert len({f.key for f in checkup.findings}) == len(checkup.findings)
    for finding in checkup.findings:
        assert 0 < finding.rows <= checkup.rows_read
        assert 0 < finding.share <= 1
        assert all(1 <= example.row <= len(table) for example in finding.examples)
    assert {(f.key, f.rows) for f in checkup.findings} == {(f.key, f.rows) for f in shuffled.findings}


def test_names_of_their_own_in_each_row_are_said_not_to_be_looked_at_all():
    found = checked(rows(change=lambda row, n: {f"own {n} {k}": "x" for k in range(5)}), input="*")
    finding = next(finding for finding in found.findings if finding.key == "many_columns")
    assert finding.values["columns"] > 300
    assert "the 200 most common were looked at" in finding.title
