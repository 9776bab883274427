"""Answers that stand in train: counted as by hand, tied by default as far as the data allow, and never called clean."""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuneworth.curate import CurateSettings, DataSettings, PinnedSplits, answers_in_train, curate, read_frame
from tuneworth.curate.check.facts import text_facts
from tuneworth.curate.read.normal_forms import normalise
from tuneworth.curate.split import find_answers
from tuneworth.curate.split.ties import _identical
from tuneworth.style import parse_style

from .measured import corpus_of
from .parts.both_ways import in_parts, on_one_machine
from .parts.here import Here
from .test_certificate import similarity

WORDS = [
    "soft",
    "warm",
    "light",
    "cotton",
    "wool",
    "blue",
    "red",
    "jacket",
    "shirt",
    "made",
    "for",
    "long",
    "days",
    "out",
]


def texts(n: int, seed: int = 0, words: int = 12) -> list[str]:
    """Distinct descriptions, none similar to another."""
    chance = random.Random(seed)
    return [f"{' '.join(chance.choices(WORDS, k=words))} {chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(n)]


def shop(products: int, sizes: int = 5, **more: Any) -> list[dict[str, Any]]:
    """Products in several sizes that share a description; the inputs of a product are not similar to each other."""
    chance = random.Random(1)
    return [
        {
            "id": f"{product}-{size}",
            "input": {
                "handle": f"h{product}",
                "code": f"{chance.random()}",
                "note": " ".join(chance.choices(WORDS, k=9)),
            },
            "output": text,
            **more,
        }
        for product, text in enumerate(texts(products))
        for size in range(sizes)
    ]


def verbatim(done: Any, split: str = "test") -> int:
    """The rows of a split whose output of more than five words is in train, as trained on."""
    train = {normalise(text) for text in done.splits["train"]["output"]}
    return sum(normalise(text) in train and len(text.split()) > 5 for text in done.splits[split]["output"])


def warned(done: Any) -> str:
    return {w["code"]: w["text"] for w in done.summary["warnings"]}.get("answers_in_train", "")


def first_with(rows: list[dict[str, Any]], text: str) -> str:
    """The output as written of the row with the smallest id among those with this normalised output."""
    return min((row["id"], row["output"]) for row in rows if normalise(row["output"]) == text)[1]


@given(st.integers(0, 10**6), st.sampled_from([0.6, 0.8, 1.0]))
def test_answers_are_counted_as_by_hand(seed: int, threshold: float):
    chance, rows = random.Random(seed), []
    for i in range(30):
        text = " ".join(chance.choices(WORDS, k=chance.choice([4, 9])))
        text = chance.choice(rows)["output"] if rows and chance.random() < 0.6 else text
        text = chance.choice([text, text.upper(), f"{text} now", f"{text} 5V", text.replace("5V", "6V")])
        split = chance.choice(["train", "validation", "test"])
        rows.append({"id": f"r{i * 7 % 30}", "input": f"thing {i}", "output": text, "split": split})
    pairs = read_frame(rows).pairs.with_columns(fixed=pl.lit(None, pl.List(pl.String)))
    corpus = corpus_of(pairs)
    found = find_answers(corpus, pairs, np.arange(len(pairs)), threshold=threshold)
    words = corpus.label_words
    train, held = ([row for row in rows if (row["split"] == "train") is side] for side in (True, False))
    asked = [row for row in held if len(row["output"].split()) > 5]
    trained = {normalise(row["output"]) for row in train}
    for place, row in enumerate(rows):
        own = normalise(row["output"])
        near = any(
            similarity(own, text) >= threshold
            and text_facts(first_with(train, text), label_words=words)
            == text_facts(first_with(asked, own), label_words=words)
            for text in trained
            if row in asked
        )
        assert found.verbatim[place] == (row in asked and own in trained)
        assert found.similar[place] == (near and own not in trained)
    assert found.labels == sum(normalise(row["output"]) in trained for row in held if row not in asked)


def test_identical_descriptions_are_on_one_side_by_default():
    rows = shop(60)
    done, before = curate(rows), curate(rows, settings=CurateSettings(tie_outputs=False))
    assert verbatim(before) > 20
    assert verbatim(done) == verbatim(done, "validation") == 0
    certificate = done.summary["certificate"]
    assert (certificate["answers_verbatim"], certificate["outputs_tied"]) == (0, "identical")
    assert warned(done) == answers_in_train(done.summary) == ""


@pytest.mark.slow
def test_a_column_that_would_tie_them_is_named_else_the_setting():
    rows = shop(60)
    done = curate(rows, settings=CurateSettings(tie_outputs=False))
    n = verbatim(done)
    assert done.summary["certificate"]["answers_in_test"] == {"verbatim": n, "similar": 0}
    assert f"{n} of the {len(done.splits['test'])} test rows" in warned(done)
    assert 'Set [data] group = "handle" (--group handle)' in warned(done)
    assert (
        verbatim(
            curate(read_frame(rows, DataSettings(path="", group="handle")), settings=CurateSettings(tie_outputs=False))
        )
        == 0
    )
    plain = [{**row, "input": f"{row['input']['code']} {row['input']['note']}"} for row in rows]
    asked = curate(plain, settings=CurateSettings(tie_outputs=False))
    assert "Set [curate] tie_outputs = true" in warned(asked)
    assert verbatim(curate(plain, settings=CurateSettings(tie_outputs=True))) == 0


@pytest.mark.slow
def test_a_stated_group_is_kept_and_the_answers_are_tied_in_addition():
    rows = [{**row, "line": f"l{i // 2}"} for i, row in enumerate(shop(60))]
    data = DataSettings(path="", group="line")
    asked = curate(read_frame(rows, data), settings=CurateSettings(tie_outputs=False))
    assert "Set [curate] tie_outputs = true" in warned(asked)
    assert "group" not in warned(asked)
    tied = curate(read_frame(rows, data), settings=CurateSettings(tie_outputs=True))
    assert verbatim(tied) == 0
    assert tied.kept.group_by("group").agg(pl.col("split").n_unique())["split"].max() == 1


@pytest.mark.slow
def test_what_would_leave_too_few_rows_to_test_on_is_not_advised():
    """All outputs are similar, but few with the same facts: tying the similar ones would put all rows into one split."""
    chance = random.Random(4)
    words = ["".join(chance.choices("abcdefghij", k=6)) for _ in range(300)]
    line = "The night train number {} leaves from the main platform of the old town station {} single day."
    trains = [(n, "every") for n in range(400)] + [(n, "each") for n in range(40)]
    rows = [
        {"id": f"t{i}", "input": " ".join(chance.choices(words, k=8)), "output": line.format(n, every)}
        for i, (n, every) in enumerate(trains)
    ]
    said = warned(curate(rows))
    assert "would leave about 1 independent test case, fewer than the 10 that a verdict needs. Add rows" in said
    assert "Set [" not in said


def test_a_column_of_which_one_value_is_in_most_rows_is_not_advised():
    rows = [
        {**row, "input": {**row["input"], "handle": "all" if i < 250 else "rest"}} for i, row in enumerate(shop(60))
    ]
    assert "group" not in warned(curate(rows, settings=CurateSettings(tie_outputs=False)))


@pytest.mark.slow
def test_similar_descriptions_with_the_same_facts_are_counted_and_those_with_others_are_not():
    same = [{**row, "output": f"{row['output']} in size {'abcde'[i % 5]}"} for i, row in enumerate(shop(60))]
    done = curate(same)
    assert done.summary["certificate"]["answers_in_test"]["similar"] > 20
    assert "nearly word for word" in warned(done)
    other = [{**row, "output": f"{row['output']} in size {i}"} for i, row in enumerate(shop(60))]
    assert curate(other).summary["certificate"]["answers_similar"] == 0


def test_a_canned_answer_in_more_than_a_fifth_of_the_rows_is_left_and_said_and_the_others_are_tied():
    canned = "thank you for your order it will be sent to you soon"
    rows = shop(40) + [{**row, "output": canned, "id": f"c{row['id']}"} for row in shop(20)]
    done = curate(rows)
    certificate = done.summary["certificate"]
    assert certificate["outputs_tied"] == "identical"
    assert certificate["outputs_untied"] == {"outputs": 1, "rows": 100}
    held = pl.concat([done.splits["test"], done.splits["validation"]])
    assert certificate["answers_verbatim"] == len(held.filter(pl.col("output") == canned)) > 0
    assert done.summary["largest_component"] <= 60
    assert "kept on one side, but 1 output in 100 rows is not: tying it" in str(done.summary["split_notes"])


def test_where_all_rows_have_one_answer_nothing_is_tied():
    rows = [{**row, "output": "thank you for your order it will be sent soon"} for row in shop(20)]
    done = curate(rows)
    assert done.summary["certificate"]["outputs_tied"] == "none"
    assert "1 output in 100 rows is not kept on one side: tying it" in str(done.summary["split_notes"])
    assert done.summary["largest_component"] == 1


def test_labels_are_expected_to_repeat():
    done = curate([{**row, "output": f"one of few {i % 3}"} for i, row in enumerate(shop(40))])
    assert done.summary["certificate"]["answers_verbatim"] == 0
    assert done.summary["largest_component"] == 1


def test_given_splits_stay_whatever_answers_they_share_and_it_is_said():
    rows = [{**row, "split": ("train", "train", "validation", "test")[i % 4]} for i, row in enumerate(shop(60))]
    done = curate(rows)
    assert len(done.kept) == len(rows)
    assert done.kept["split"].to_list() == [row["split"] for row in rows]
    assert done.summary["certificate"]["answers_in_test"]["verbatim"] == verbatim(done) == 75
    assert "75 of the 75 test rows (100%)" in warned(done)
    assert "The split is given" in warned(done)


def test_a_new_row_follows_the_pinned_rows_with_its_answer_and_no_row_is_lost():
    rows = shop(60)
    first = curate(rows[::2])
    pinned = PinnedSplits().grown(first.ledger)
    again = curate(rows, pinned=pinned)
    side = dict(first.kept.select("id", "split").iter_rows())
    assert len(again.kept) == len(rows)
    assert verbatim(again) == 0
    assert all(split == side.get(id, split) for id, split in again.kept.select("id", "split").iter_rows())


def test_pinned_rows_are_not_moved_and_the_remedy_names_the_file():
    rows = shop(60)
    apart = curate(rows, settings=CurateSettings(tie_outputs=False))
    again = curate(rows, pinned=PinnedSplits().grown(apart.ledger))
    assert again.kept.select("id", "split").equals(apart.kept.select("id", "split"))
    assert 'group = "handle"' in warned(again)
    assert "curate again without splits.jsonl" in warned(again)


STYLE = parse_style("""
name: t
checks:
  - {kind: punctuation, end: none, id: no-stop}
""")


@pytest.mark.slow
def test_train_outputs_are_compared_as_repaired_and_test_outputs_as_written():
    rows = [{**row, "split": "train" if i % 5 else "test"} for i, row in enumerate(shop(20))]
    rows = [{**row, "output": row["output"] + "." * (row["split"] == "train")} for row in rows]
    done = curate(rows, STYLE, settings=CurateSettings(fix="safe", near_duplicate=1.0))
    assert done.summary["fix"]["rows"] == 80
    assert done.summary["certificate"]["answers_in_test"] == {"verbatim": 20, "similar": 0}
    turned = [{**row, "output": row["output"].rstrip(".") + "." * (row["split"] == "test")} for row in rows]
    done = curate(turned, STYLE, settings=CurateSettings(fix="safe", near_duplicate=1.0))
    assert done.summary["certificate"]["answers_in_test"] == {"verbatim": 0, "similar": 0}


@pytest.mark.slow
@pytest.mark.parametrize("rules", [{}, {"tie_outputs": False}, {"tie_outputs": False, "fix": "safe"}])
def test_in_parts_the_answers_and_the_remedy_are_the_same(tmp_path: Path, rules: dict[str, Any]):
    rows = [{**row, "output": row["output"] + "." * (i % 3 == 0)} for i, row in enumerate(shop(60))]
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    _, one = on_one_machine(path, tmp_path / "one", style=STYLE, **rules)
    _, other = in_parts(path, tmp_path / "parts", style=STYLE, most_bytes=6_000, executor=Here(), **rules)
    assert one["certificate"] == other["certificate"]
    assert "handle" in one["certificate"]["answers_remedy"]


def naive_components(n: int, tied: list[tuple[int, int]]) -> list[set[int]]:
    """Sets of rows, merged pair by pair."""
    of = [{row} for row in range(n)]
    for a, b in tied:
        if of[a] is not of[b]:
            of[a] |= of[b]
            for row in of[b]:
                of[row] = of[a]
    return of


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 25), st.integers(-1, 7)), min_size=1, max_size=40), st.data())
def test_as_many_identical_outputs_are_tied_as_leave_no_component_above_a_fifth(rows, data):
    subject, output = (np.array(column) for column in zip(*rows, strict=True))
    n, ends = len(rows), st.sampled_from(subject.tolist())
    firm = data.draw(st.lists(st.tuples(ends, ends), max_size=4))
    rows_of = {number: np.flatnonzero(subject == number).tolist() for number in subject.tolist()}
    always = [(rows[0], row) for rows in rows_of.values() for row in rows]
    always += [(rows_of[a][0], rows_of[b][0]) for a, b in firm]
    counts = {number: int((output == number).sum()) for number in output.tolist() if number >= 0}

    def largest(most: int) -> int:
        equal = [
            (a, b) for a in range(n) for b in range(a) if output[a] == output[b] >= 0 and counts[output[a]] <= most
        ]
        return max(map(len, naive_components(n, always + equal)))

    limit = max(0.2 * n, largest(1))
    steps = sorted({count for count in counts.values() if count > 1})
    expected = max([1, *(most for most in steps if largest(most) <= limit)])
    edge = (np.array([a for a, _ in firm], np.int64), np.array([b for _, b in firm], np.int64))
    (left, right), said = _identical(subject, [edge], output)
    assert said["most"] == expected
    left_out = [count for count in counts.values() if count > expected]
    assert said["untied"] == (len(left_out), sum(left_out))
    assert said["outputs"] == ("none" if steps and expected == 1 else "identical")
    tied = always + [(rows_of[a][0], rows_of[b][0]) for a, b in zip(left.tolist(), right.tolist(), strict=True)]
    assert max(map(len, naive_components(n, tied))) == largest(expected)
