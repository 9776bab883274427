"""What is proposed where columns are not stated: by an error, as an id, and for a file without column names."""

import csv
import random

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.core import DataError
from tuneworth.curate import DataSettings, proposed_reading, proposing_columns, read_frame, read_pairs

from .test_checkup import WORDS, checked, product, rows


def written(path, table, *, header=True):
    with path.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        if header:
            lines.writerow(table[0])
        lines.writerows(row.values() for row in table)
    return path


def refusal(path, **stated):
    data = DataSettings(path=str(path), **stated)
    with pytest.raises(DataError) as refused, proposing_columns(path, data):
        read_pairs(path, data)
    return str(refused.value)


# --- columns ------------------------------------------------------------------------------------------------------


def test_the_output_alone_asks_for_the_input_and_proposes_it(tmp_path):
    found = refusal(written(tmp_path / "shop.csv", rows()), output="text")
    assert "the output is stated, the input is not" in found
    assert '"sku", "name", "kind", "width"' in found
    assert found.endswith("For these columns: --input '*' --output text --id sku")


def test_the_input_alone_asks_for_the_output_and_proposes_the_longest_texts(tmp_path):
    found = refusal(written(tmp_path / "shop.csv", rows()), input=("name", "kind"))
    assert "the input is stated, the output is not" in found
    assert found.endswith("For these columns: --input name --input kind --output text --id sku")


def test_columns_of_other_names_are_proposed_in_the_error(tmp_path):
    found = refusal(written(tmp_path / "shop.csv", rows()))
    assert "found no input and output" in found
    assert found.endswith("For these columns: --input '*' --output text --id sku")


def test_a_misspelt_column_is_the_only_thing_that_is_said(tmp_path):
    found = refusal(written(tmp_path / "shop.csv", rows()), output="txt")
    assert 'there is no column "txt"; did you mean "text"?' in found
    assert '"input"' not in found
    assert "For these columns" not in found


def test_an_error_about_something_else_stays_as_it_is(tmp_path):
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"input": "a", "output": "b", "split": "no"}\n')
    with pytest.raises(DataError) as plain:
        read_pairs(path, DataSettings(path=str(path), split="split"))
    assert refusal(path, split="split") == str(plain.value)


TEXTS = {
    "long": lambda n: product(n)["text"], "short": lambda n: " ".join(random.Random(n).sample(WORDS, 3)),
    "class": lambda n: WORDS[n % 3], "number": lambda n: str(n % 3), "price": lambda n: f"{n}.95", "code": lambda n: f"K-{n}",
    "day": lambda n: f"2026-01-{n % 28 + 1:02}", "query": lambda n: f"SELECT a FROM b WHERE c = {n}",
}  # fmt: skip


@pytest.mark.parametrize(
    ("columns", "input", "output"),
    [
        ("source:short translation:short", "source", "translation"),
        ("question:long sql:query", "question", "sql"),
        ("sql:query question:long", "question", "sql"),
        ("text:long category:class", "text", "category"),
        ("description:long shelf:class", "description", "shelf"),
        ("Q:long A:short label:number", "Q", "A"),
        ("da:code text:long", "da", "text"),
        ("dialogue:long summary:short", "dialogue", "summary"),
        ("premise:long hypothesis:long label:number", "*", "label"),
        ("en:short de:short", "en", "de"),
        ("ref_no:code title:short context:long question:long answers:short", "*", "answers"),
        ("db:class question:long query:query", "*", "query"),
        ("prompt:long chosen:long rejected:long", "prompt", "chosen"),
        ("sku:code title:short price:price kind:class description:long", "*", "description"),
        ("sku:code blurb:long brand:class price:price added:day", "*", "blurb"),
        ("no:code opened:day subject:short body:long reply:long agent:class", "*", "reply"),
        ("a:class b:class", "a", "b"),
        ("system:short text:long", "system", "text"),
    ],
)
def test_columns_are_proposed_by_their_names_their_texts_and_their_places(columns, input, output):
    kinds = dict(column.split(":") for column in columns.split())
    table = [{name: TEXTS[kind](n) for name, kind in kinds.items()} for n in range(60)]
    chosen = proposed_reading(table, DataSettings(path=""))
    assert (chosen.reading.input, chosen.reading.output) == (input, output)
    assert f'"{output}" was taken as the output' in chosen.reason


NAMES = st.sampled_from(
    ["text", "label", "a", "Q", "id", "sku", "answer", "group", "split", "system", "image", "rejected", "note", "price"]
)
VALUES = st.none() | st.integers() | st.lists(st.text(max_size=3), max_size=2) | st.text(max_size=20) | st.booleans()


@given(st.data())
def test_any_table_of_two_columns_is_recognised_or_gets_columns_that_can_be_read(data):
    names = data.draw(st.lists(NAMES, min_size=2, max_size=8, unique=True))
    table = data.draw(st.lists(st.fixed_dictionaries(dict.fromkeys(names, VALUES)), min_size=1, max_size=30))
    chosen = proposed_reading(table, DataSettings(path=""))
    assert chosen is not None
    read_frame(table, chosen.reading)
    assert chosen.reading.output in names


def test_a_class_of_a_question_and_its_answer_is_left_out_and_said_to_be():
    table = [{"Q": TEXTS["long"](n), "A": TEXTS["short"](n), "label": str(n % 3)} for n in range(60)]
    assert proposed_reading(table, DataSettings(path="")).reason.endswith('"label" is left out.')


def test_a_text_that_many_variants_repeat_is_the_output_of_an_export():
    facts = {f"fact {n}": "yes" for n in range(8)}
    table = [{"sku": f"K-{n}", "size": "SML"[n % 3], **facts, "text": product(n // 30)["text"]} for n in range(600)]
    assert proposed_reading(table, DataSettings(path="")).reading.output == "text"


# --- a file without column names ----------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [("sku", "name", "text"), ("name", "text"), ("kind", "name", "text")])
def test_a_first_line_of_data_is_said_with_what_to_do(tmp_path, columns):
    table = [{name: row[name] for name in columns} for row in rows()]
    found = refusal(written(tmp_path / "bare.csv", table, header=False))
    assert "the first line seems to be data" in found
    assert "Put a line with names before it" in found
    names = found.rpartition("such as ")[2].rstrip(".").split(",")
    assert len(names) == len(columns)
    assert names[-1] == "output"
    assert ("id" in names) == ("sku" in columns)


@pytest.mark.parametrize(
    "first",
    [
        {"19.90": "12.50", "a text": "x"},
        {"anna@shop.example": "ben@shop.example", "a text": "x"},
        {"2026-01-02": "2026-01-03", "a text": "x"},
        {"https://shop.example/1": "https://shop.example/2", "a text": "x"},
        {"AB-12": "CD-345", "a text": "x"},
        {"lamp": "lamp", "a text": "x"},
        {"dlg-0b6efd14-1d2e-4e38-a1ce-5a4ae8b4a2c5": "dlg-9e107d9d-3721-4bc0-8f3a-0f1d6f5b7c1e", "a text": "x"},
        {"<U>I would like to see a film <A>Which one " * 5: "<U>Is anything on tonight", "reply": "x"},
    ],
)
def test_a_name_like_its_values_is_one(tmp_path, first):
    table = [first] * 30
    assert "seems to be data" in refusal(written(tmp_path / "bare.csv", table))


def test_a_value_that_is_there_twice_is_said_to_be_perhaps_data(tmp_path):
    path = tmp_path / "bare.csv"
    path.write_text("lamp,1,1,A red lamp.\nchair,2,1,A blue chair.\n")
    assert "If the first line is data" in refusal(path)


@pytest.mark.parametrize(
    "first",
    [
        {"2024": "17", "2025": "18"},
        {"Describe the product in your own words please": "It is a lamp that I like to use every day"},
        {"Q1": "good", "Q2": "bad"},
        {"size_1": "12 cm", "size_2": "13 cm"},
        {"price (EUR)": "12.50", "weight/kg": "3"},
        {"Artikel-Nr.": "4711", "Bezeichnung 1": "Lampe"},
    ],
)
def test_names_are_not_taken_for_data(tmp_path, first):
    data = DataSettings(path="")
    path = written(tmp_path / "named.csv", [first | {"more": f"word {n}"} for n in range(30)])
    with pytest.raises(DataError) as refused, proposing_columns(path, data):
        read_pairs(path, data)
    assert "seems to be data" not in str(refused.value)


def test_keys_of_json_are_names_whatever_they_look_like(tmp_path):
    path = tmp_path / "rows.jsonl"
    pl.DataFrame({"19.90": ["12.50"] * 30, "b": ["x"] * 30}).write_ndjson(path)
    assert "seems to be data" not in refusal(path)


# --- ids ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("sku", lambda n: f"K-{n}"),
        ("Artikel-Nr.", lambda n: str(70_000 + n)),
        ("EAN", lambda n: str(4_006_381_333_931 + n)),
        ("product_id", lambda n: str(n)),
        ("ref", lambda n: f"XT{n:05}"),
        ("Handle", lambda n: f"the-lamp-{'abcdefghijklmnopqrstuvwxyz'[n % 26]}{n // 26}"),
    ],
)
def test_a_column_that_names_each_row_is_proposed_as_the_id(column, value):
    table = [{column: value(n), **{k: v for k, v in row.items() if k != "sku"}} for n, row in enumerate(rows())]
    assert proposed_reading(table, DataSettings(path="")).reading.id == column
    assert proposed_reading(table, DataSettings(path="", input="*", output="text")).reading.id == column
    assert checked(table, id=None).finding("id_column").values["column"] == column


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("price", lambda n: f"{n}.90"),
        ("weight", lambda n: f"{n + 3} kg"),
        ("made", lambda n: f"2026-01-{n:02}"),
        ("sku", lambda n: f"K-{n // 2}"),
        ("sku", lambda n: f"K-{n}" if n else ""),
        ("title", lambda n: f"lamp {n}"),
        ("stock", lambda n: str(n)),
        ("page_number", lambda n: str(n + 1)),
        ("postal code", lambda n: str(10_115 + n)),
    ],
)
def test_measures_repeated_codes_and_descriptions_are_no_ids(column, value):
    table = [{column: value(n), **{k: v for k, v in row.items() if k != "sku"}} for n, row in enumerate(rows())]
    chosen = proposed_reading(table, DataSettings(path="")).reading
    assert chosen.output == "text"
    assert chosen.id is None


def test_a_code_that_the_outputs_quote_stays_in_the_input():
    table = rows(60, lambda row, n: {"text": f"{row['text']} Order it as K-{n}."})
    chosen = proposed_reading(table, DataSettings(path="")).reading
    assert (chosen.input, chosen.output, chosen.id) == ("*", "text", None)


def test_a_stated_or_recognised_id_is_kept():
    table = [{"id": f"r{n}", **row} for n, row in enumerate(rows())]
    assert checked(table, id=None).finding("id_column") is None
    assert proposed_reading(table, DataSettings(path="", id="name")).reading.id == "name"
