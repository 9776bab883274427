import pytest

from tuneworth.core import DataError
from tuneworth.curate import CurateSettings, SplitShares, curate, read_pairs
from tuneworth.style import parse_style

LINES = [f"The lamp number {i} is made of brass and gives a warm light for {i + 3} hours." for i in range(300)]


def warned(rows, style=None, **settings):
    done = curate(rows, style, settings=CurateSettings(**settings))
    codes = [w["code"] for w in done.summary["warnings"]]
    assert len({w["text"] for w in done.summary["warnings"]}) == len(codes)
    return {w["code"]: w["text"] for w in done.summary["warnings"]}


def rows_of(outputs, **more):
    return [{"input": f"request {i} about {i * 7919}", "output": o, **more} for i, o in enumerate(outputs)]


def test_good_data_are_not_warned_about():
    assert warned(rows_of(LINES)) == {}


def test_few_pairs_are_said():
    assert "Only 40 pairs are kept" in warned(rows_of(LINES[:40]))["few_pairs"]


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        ([LINES[i % 10] for i in range(300)], "300 rows, 10 distinct outputs: a model can memorise these."),
        (
            [("good", "bad")[i % 2] for i in range(300)],
            "300 rows, 2 distinct outputs of a few words: they look like labels.",
        ),
    ],
)
def test_few_distinct_outputs_are_said_and_labels_apart(outputs, words):
    assert words in warned(rows_of(outputs))["few_outputs"]


def test_canned_answers_are_said_where_the_rest_is_rich():
    found = warned(rows_of([*LINES, *["Thank you for your message, we will answer soon."] * 40]))
    assert "40 of 340 rows have one of 1 outputs" in found["canned_outputs"]
    assert "few_outputs" not in found


def test_few_groups_and_what_they_weigh_are_said():
    rows = [{**row, "group": f"g{i // 60}"} for i, row in enumerate(rows_of(LINES))]
    found = warned(rows, split=SplitShares(train=0.6, test=0.4))
    assert "Only 5 groups" in found["few_groups"]
    assert "120 test rows are in 2 tied sets and count as about 2 independent rows" in found["few_effective"]


def test_a_rule_that_rejects_a_third_is_said():
    style = parse_style(
        "name: s\nchecks:\n- kind: ends_with\n  any: ['0 hours.', '5 hours.', '7 hours.', '2 hours.']\n"
    )
    assert '60% of the outputs break style rule "ends_with"' in warned(rows_of(LINES), style)["rule_rejects_many"]


def test_checks_that_could_not_tell_are_said():
    style = parse_style("name: s\nchecks:\n- kind: length\n  unit: tokens\n  max: 30\n")
    assert 'Check "length" could not score 300 of 300 outputs' in warned(rows_of(LINES), style)["unscored"]


def test_many_cut_off_outputs_are_said():
    cut = [line[:-12] + "," if i % 40 == 0 else line for i, line in enumerate(LINES)]
    assert "8 of 300 outputs look truncated" in warned(rows_of(cut))["many_truncated"]


def test_personal_data_are_said_by_place():
    rows = rows_of([*LINES[:200], "Write to jane@example.com or +49 30 1234567."])
    text = warned(rows)["personal_data"]
    assert text.startswith(
        "1 row contains personal data (1 e-mail address, 1 phone number), the first in row 201, output, characters 10 to 25."
    )
    assert warned(rows, mask=True)["personal_data_masked"].startswith("1 row contained personal data")


@pytest.mark.slow
def test_one_is_not_several():
    rows = rows_of(["the same words for everything, 7"] * 30, group="g")
    said = warned([*rows[:1], *rows[:1]])
    assert "Only 1 pair is kept" in said["few_pairs"]
    assert "Only 1 group:" in warned(rows)["few_groups"]
    assert "30 rows, 1 distinct output" in warned(rows)["few_outputs"]
    assert "outputs:" not in warned(rows)["few_outputs"]


def test_ids_made_of_texts_are_not_called_repeated_ids():
    same = {"input": "a question", "output": "an answer"}
    text = warned([same, same, {"input": "b", "output": "c"}])["repeated_ids"]
    assert text.startswith(
        "1 row repeats the texts of an earlier row, and ids are hashes of the texts: later ones are renamed to "
    )


def test_nothing_to_train_on_says_why(tmp_path):
    (tmp_path / "names.csv").write_text("input,output\n")
    with pytest.raises(DataError, match="the data have no rows"):
        curate(read_pairs(tmp_path / "names.csv"))
    labels = [{"input": f"film number {i // 2} of many", "output": f"good {i % 2}"} for i in range(20)]
    with pytest.raises(DataError, match=r'conflicts .* to "report" to keep them'):
        curate(labels)
    with pytest.raises(DataError, match=r"none kept\nMost rows were dropped by: empty_output 2"):
        curate([{"input": "a", "output": None}, {"input": "b", "output": ""}])
    with pytest.raises(DataError, match="2 kept, none of them in train\nThe given split puts none into train"):
        curate([{"input": f"a{i}", "output": f"b{i}", "split": "test"} for i in range(2)])


def test_a_rule_about_a_field_that_no_row_has_is_named():
    style = parse_style("checks:\n  - {kind: ends_with, any: ['{pakage}'], when: pakage}")
    pairs = [{"input": {"package": f"SOT-{n}"}, "output": f"A thing of sort {n}"} for n in range(30)]
    (said,) = [w["text"] for w in curate(pairs, style).summary["warnings"] if w["code"] == "unknown_field"]
    assert '"pakage"' in said
    assert '"package"' in said


def test_lengths_in_tokens_are_told_only_by_who_counts_tokens():
    style = parse_style("checks:\n  - {kind: length, unit: tokens, max: 3}")
    pairs = [{"input": f"item {n}", "output": "one two three four" if n % 3 == 0 else "one two"} for n in range(30)]
    assert curate(pairs, style).summary["unscored"]["length"]["rows"] == 30
    told = curate(pairs, style, count_tokens=lambda texts: [len(text.split()) for text in texts])
    assert told.summary["unscored"] == {}
    assert told.summary["checks"]["length"]["fail"] == 10
