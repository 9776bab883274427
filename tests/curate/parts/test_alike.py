"""Alike texts over parts: the same pairs as in memory, whatever the buckets."""

import random

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuneworth.core import DataError
from tuneworth.curate import Job, Processes, open_storage
from tuneworth.curate.match import join_between, sketches
from tuneworth.curate.match.candidates import Caps, candidate_tiles
from tuneworth.curate.match.join import SimilarPairs, similar_pairs, similar_tiles_between
from tuneworth.curate.match.ngrams import gram_sets
from tuneworth.curate.parts import similar as alike
from tuneworth.curate.parts.similar import _piece, stored_between, stored_candidates
from tuneworth.curate.parts.tasks import Table
from tuneworth.curate.read.normal_forms import content_hash

from .here import Here


def edited(seed, n, length=8):
    """Distinct texts, most of them a little different from another."""
    chance = random.Random(seed)
    texts = {}
    while len(texts) < n:
        text = chance.choice(list(texts)) if texts and chance.random() < 0.8 else ""
        text = text or " ".join("".join(chance.choices("abcdefghij", k=6)) for _ in range(length))
        for _ in range(chance.randint(0, 2)):
            place = chance.randrange(len(text))
            text = text[:place] + chance.choice("xyzé😀") + text[place + 1 :]
        texts[text] = True
    return list(texts)


def stored(job, texts, buckets, name="texts"):
    """The texts in buckets by their key: tables, offsets, and the text of each number."""
    table = pl.DataFrame({"key": [content_hash(text) for text in texts], "text": texts}, schema_overrides=SCHEMA)
    table = table.with_columns(home=pl.col("key").str.head(4).str.to_integer(base=16) % buckets)
    parts = [table.filter(home=b).drop("home").sort("key") for b in range(buckets)]
    for b, part in enumerate(parts):
        job.storage.store(name, b, {"texts": part})
    offsets = np.concatenate(([0], np.cumsum([part.height for part in parts])))
    return [Table(name, b, "texts") for b in range(buckets)], offsets, pl.concat(parts)["text"].to_list()


SCHEMA = {"key": pl.String, "text": pl.String}


def a_job(folder, executor=None):
    return Job(open_storage(folder), executor or Here())


def by_text(pairs, texts):
    """Each pair as its two texts, in an order of their own, and the counts; no pair twice."""
    found = [
        (*sorted((texts[a], texts[b])), shared, union)
        for a, b, shared, union in zip(
            *(x.tolist() for x in (pairs.left, pairs.right, pairs.shared, pairs.union)), strict=True
        )
    ]
    assert len(found) == len(set(found))
    return set(found)


def in_memory(texts, threshold, caps):
    told = []
    tiles = candidate_tiles(texts, threshold, caps=caps, report=told.append)
    return by_text(SimilarPairs.joined(list(tiles)), texts), told[0]


def in_parts(folder, texts, threshold, caps, buckets, executor=None):
    job = a_job(folder, executor)
    tables, offsets, numbered = stored(job, texts, buckets)
    found = stored_candidates(job, "inputs", tables, offsets, threshold, caps=caps)
    pairs = SimilarPairs.joined(list(found.pairs()))
    assert (pairs.left < pairs.right).all()
    return by_text(pairs, numbered), found.skew


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(0, 60),
    buckets=st.integers(1, 6),
    threshold=st.sampled_from([0.5, 0.8, 0.95]),
    caps=st.builds(Caps, st.integers(1, 12), st.integers(1, 3)),
)
def test_any_number_of_buckets_gives_the_pairs_in_memory(tmp_path_factory, seed, n, buckets, threshold, caps):
    texts = edited(seed, n)
    found = in_parts(tmp_path_factory.mktemp("job"), texts, threshold, caps, buckets)
    assert found == in_memory(texts, threshold, caps)


@pytest.mark.slow
def test_slices_change_nothing(tmp_path, monkeypatch):
    texts = edited(1, 300)
    expected = in_memory(texts, 0.7, Caps())
    for module, name, small in (
        (alike, "_TEXTS", 7), (alike, "_PAIRS", 5), (join_between, "_PAIRS", 5), (join_between, "_NUMBERED", 900),
        (sketches, "_CHARACTERS", 50),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, small)
    assert in_parts(tmp_path, texts, 0.7, Caps(), 3) == expected
    assert len(expected[0]) > 100


@pytest.mark.slow
def test_parts_miss_no_more_than_is_said(tmp_path):
    texts = edited(2, 800, length=20)
    found, skew = in_parts(tmp_path, texts, 0.8, Caps(), 4)
    exact = by_text(similar_pairs(gram_sets(texts), 0.8), texts)
    assert found <= exact
    assert len(found) >= 0.999 * len(exact) > 200
    assert skew.capped == 0


@pytest.mark.cluster
def test_workers_give_the_same_pairs(tmp_path):
    texts = edited(3, 400)
    executor = Processes(2)
    found = in_parts(tmp_path, texts, 0.8, Caps(20, 2), 5, executor)
    executor.close()
    assert found == in_memory(texts, 0.8, Caps(20, 2))


def test_stored_pairs_are_read_as_often_as_asked_and_made_once(tmp_path):
    job = a_job(tmp_path)
    tables, offsets, _ = stored(job, edited(4, 100), 3)
    found = stored_candidates(job, "inputs", tables, offsets, 0.8)
    first, again = (SimilarPairs.joined(list(found.pairs())) for _ in range(2))
    assert first.left.tolist() == again.left.tolist() != []
    files = sorted(tmp_path.rglob("done.json"))
    stamps = [path.stat().st_mtime_ns for path in files]
    assert stored_candidates(a_job(tmp_path), "inputs", tables, offsets, 0.8).skew == found.skew
    assert [path.stat().st_mtime_ns for path in files] == stamps


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(0, 60),
    buckets=st.integers(1, 5),
    threshold=st.sampled_from([0.5, 0.8, 1.0]),
    most=st.sampled_from([1, 300, 10**9]),
)
def test_the_search_between_two_sides_is_exact(tmp_path_factory, seed, n, buckets, threshold, most):
    job = a_job(tmp_path_factory.mktemp("job"))
    tables, offsets, texts = stored(job, edited(seed, n), buckets)
    side = np.random.default_rng(seed).integers(0, 4, n)  # 0: neither, 3: both
    held, train = side % 2 == 1, side >= 2
    found = SimilarPairs.joined(list(stored_between(job, "split", tables, offsets, held, train, threshold, most=most)))
    tiles = similar_tiles_between(gram_sets(texts), np.flatnonzero(held), np.flatnonzero(train), threshold)
    assert as_rows(found) == as_rows(SimilarPairs.joined(list(tiles)))


def test_texts_of_like_lengths_are_compared_by_tasks_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr(alike, "_FEW_CHARACTERS", 0)
    job = a_job(tmp_path)
    tables, offsets, texts = stored(job, ["", "a", *edited(7, 300)], 12)
    held = np.arange(len(texts)) % 4 == 0
    found = SimilarPairs.joined(list(stored_between(job, "split", tables, offsets, held, ~held, 0.5)))
    tiles = similar_tiles_between(gram_sets(texts), np.flatnonzero(held), np.flatnonzero(~held), 0.5)
    assert as_rows(found) == as_rows(SimilarPairs.joined(list(tiles)))
    assert len(found.left) > 30
    assert len(list((tmp_path / "split-across-0.5").iterdir())) == 3


@pytest.mark.parametrize("pieces", [1, 2, 5, 40])
def test_pieces_hold_each_text_once(pieces):
    texts = pl.DataFrame({"text": ["", "", "abc", "de", "x" * 500, *edited(8, 20)]})
    cut = [_piece(texts, piece, pieces)["text"] for piece in range(pieces)]
    assert sorted(pl.concat(cut).to_list()) == sorted(texts["text"].to_list())


def as_rows(pairs):
    columns = (pairs.left, pairs.right, pairs.shared, pairs.union)
    return sorted(zip(*(column.tolist() for column in columns), strict=True))


def test_another_threshold_uses_the_sides_again(tmp_path):
    job = a_job(tmp_path)
    tables, offsets, texts = stored(job, edited(5, 80), 2)
    held = np.arange(len(texts)) % 4 == 0
    high, low = (
        SimilarPairs.joined(list(stored_between(job, "split", tables, offsets, held, ~held, t))) for t in (0.9, 0.6)
    )
    assert 0 < len(high.left) < len(low.left)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("split")) == [
        "split-across-0.6", "split-across-0.9", "split-sides"
    ]  # fmt: skip


def test_offsets_that_do_not_fit_are_refused(tmp_path):
    job = a_job(tmp_path)
    tables, offsets, _ = stored(job, edited(6, 10), 2)
    with pytest.raises(ValueError, match="2 buckets need 3 offsets"):
        stored_candidates(job, "inputs", tables, offsets[:-1], 0.8)
    with pytest.raises(DataError, match="more than the limit of 4,294,967,296"):
        stored_candidates(job, "inputs", tables, np.array([0, 5, 2**33]), 0.8)
