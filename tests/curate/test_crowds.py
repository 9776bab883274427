"""Many rows with one request, one output or one template: what is compared grows with the rows, and loses nothing."""

import json
import random
import resource
import subprocess
import sys

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.curate import CurateSettings, curate
from tuneworth.curate.match import candidates, items
from tuneworth.curate.match.duplicates import rank_rows, settle
from tuneworth.curate.match.relations import relate

from .by_table import as_rows, by_hand, edited, related, sentence, table
from .measured import check_rows, corpus_of

CARD = "we wish our dear colleague {} all the best and a happy birthday with many friends in the garden"


def crowd(seed, n, labels):
    """Rows of few requests, some of them nearly the same, whose outputs repeat, contradict or have nothing in common."""
    chance, rows = random.Random(seed), []
    requests = [sentence(chance, 12) for _ in range(2)]
    for _ in range(n):
        output = edited(chance.choice(rows)["output"], chance) if rows and chance.random() < 0.6 else ""
        request = chance.choice(requests) + chance.choice(["", "", "", " x", ".", " 7"])
        rows.append({"input": request, "output": output or sentence(chance, chance.choice([1, 2, 2 if labels else 9]))})
    return rows


@pytest.fixture(scope="module")
def crowded():
    """Every set of related subjects is a crowd."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(items, "_CHUNK", 7)
        patch.setattr(items, "_EACH", 0)
        yield patch


@pytest.mark.slow
@given(st.integers(0, 10**6), st.integers(2, 45), st.sampled_from([0.5, 0.8, 1.0]), st.booleans())
def test_a_crowd_is_what_comparing_all_with_all_says(crowded, seed, n, threshold, labels):
    pairs = table(crowd(seed, n, labels))
    relations, expected = related(pairs, threshold), by_hand(pairs, threshold)
    assert as_rows(relations) == expected
    assert relations.similar == sum(map(len, expected.values()))
    assert relations.method.name == "exact"


@pytest.mark.slow
@given(st.integers(0, 10**6), st.integers(2, 45), st.booleans())
def test_labels_compared_with_few_others_contradict_the_same_rows(crowded, seed, n, labels):
    pairs = table(crowd(seed, n, labels))
    expected = by_hand(pairs, 0.8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(items, "MOST_PAIRS", 1)
        patch.setattr(items, "_HUBS", 1)
        relations = related(pairs)
    found = as_rows(relations)
    assert (found["duplicate"], found["sibling"]) == (expected["duplicate"], expected["sibling"])
    assert found["conflict"] <= expected["conflict"]
    assert {row for pair in found["conflict"] for row in pair} == {row for pair in expected["conflict"] for row in pair}
    assert relations.alternatives <= related(pairs).alternatives


@pytest.mark.slow
@pytest.mark.parametrize("where", ["input", "output"])
def test_candidates_take_over_where_all_repeat_each_other_and_drop_the_same_rows(monkeypatch, where):
    chance = random.Random(3)
    marks = sorted({"".join(chance.choices("!?.;:,()", k=4)) for _ in range(150)})
    given = {"input": "a card for the birthday", "output": CARD.format("Ann")}
    rows = [{**given, where: CARD.format(name)} for name in marks]
    corpus = corpus_of(pairs := table(rows))
    rank = rank_rows(corpus, check_rows(pairs, None), keep="longest")
    every = relate(corpus, threshold=0.8, rank=rank)
    monkeypatch.setattr(candidates, "MOST_PAIRS", 1000)
    monkeypatch.setattr(candidates, "CAPS", candidates.Caps(8, 4))
    monkeypatch.setattr(items, "_CHUNK", 1000)
    monkeypatch.setattr(items, "_EACH", 1)
    fewer = relate(corpus, threshold=0.8, rank=rank)
    assert (every.method.name, fewer.method.name) == ("exact", "candidates")
    assert "more than" in fewer.method.because
    assert 0 < len(fewer.duplicates.left) < len(every.duplicates.left) / 2
    assert fewer.similar <= every.similar
    one, other = (settle(corpus, found, rank, settings=CurateSettings()) for found in (every, fewer))
    assert other.kept[other.other[other.outcome == "duplicate"]].all()
    assert other.kept.sum() <= 1.5 * one.kept.sum()


def test_what_is_compared_in_a_crowd_grows_with_the_rows(monkeypatch):
    chance, counts = random.Random(1), []
    compare = items._similar
    monkeypatch.setattr(
        items, "_similar", lambda grams, a, b, *rest: counts.append(len(a)) or compare(grams, a, b, *rest)
    )
    grown = []
    for n in (1000, 2000):
        counts.clear()
        related(table([{"input": "Write a line.", "output": sentence(chance, 30)} for _ in range(n)]))
        grown.append(sum(counts))
    assert grown[1] < 20 * 2000


def test_the_warning_says_that_counts_of_pairs_are_lower_bounds(monkeypatch):
    monkeypatch.setattr(candidates, "MOST_PAIRS", 100)
    chance = random.Random(2)
    rows = [{"input": CARD.format(f"{number} years"), "output": sentence(chance, 30)} for number in range(40)]
    summary = curate(rows).summary
    assert summary["near_duplicate"]["method"] == "candidates"
    (text,) = [warning["text"] for warning in summary["warnings"] if warning["code"] == "pairs_at_least"]
    assert "more than 100 similar pairs" in text
    assert "lower bounds" in text


@pytest.mark.slow
def test_one_request_with_20_000_outputs_takes_little_memory(tmp_path):
    chance = random.Random(1)
    words = ["".join(chance.choices("abcdefgh", k=6)) for _ in range(3000)]
    file = tmp_path / "pairs.jsonl"
    with file.open("w") as out:
        for _ in range(20_000):
            row = {"input": "Write a short product description.", "output": " ".join(chance.choices(words, k=14))}
            out.write(json.dumps(row) + "\n")
    most = 3_000_000_000
    done = subprocess.run(
        [sys.executable, "-m", "tuneworth.cli", "check", str(file)],
        capture_output=True, text=True, cwd=tmp_path, env={"OPENBLAS_NUM_THREADS": "1", "POLARS_MAX_THREADS": "2"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (most, most)),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_the_columns_of_a_file_are_listed_a_fixed_number_of_times(tmp_path, monkeypatch):
    listed, columns = [], pl.DataFrame.columns
    monkeypatch.setattr(pl.DataFrame, "columns", property(lambda self: listed.append(1) or columns.fget(self)))
    from tuneworth.curate import read_pairs

    counts = []
    for n in (50, 100):
        file = tmp_path / f"{n}.csv"
        names = ["input", "output", *(f"column {place}" for place in range(n))]
        file.write_text(
            "".join(",".join(f"{name}{row}" if row else name for name in names) + "\n" for row in range(30))
        )
        listed.clear()
        read_pairs(file)
        counts.append(len(listed))
    assert counts[0] == counts[1]
