"""Requests in other words: found by meaning where characters do not show them."""

import json
import random
import sys

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.core import Clock, ConfigError
from tuneworth.curate import CurateSettings, curate, read_frame
from tuneworth.curate.check_parts import check
from tuneworth.curate.paraphrases import Meaning, load_embedding, nearest
from tuneworth.curate.part import CurateRequest
from tuneworth.curate.read import ReadParts
from tuneworth.examples import example_path

CARRIED = load_embedding(True)
PLANTED = 60


def corpus_of(rows):
    raw = read_frame(rows)
    request = CurateRequest(None, CurateSettings(), count_tokens=lambda: None)
    return check(ReadParts.of(raw), request, clock=Clock({})).corpus


def catalogue():
    """Requests in a sentence, from the fields of the example, each part once."""
    lines = (example_path("components") / "pairs.jsonl").read_text(encoding="utf-8").splitlines()
    rows, seen = [], set()
    for n, line in enumerate(lines):
        fields = json.loads(line)["input"]
        text = f"{fields['keywords']} {fields['category'].replace('_', ' ')} in {fields['package']}"
        if len(text.split()) > 7 and text not in seen:
            seen.add(text)
            rows.append({"id": f"r{n}", "input": text, "output": json.loads(line)["output"] + f" variant {n}"})
    return rows


DISGUISES = {
    "a polite prefix": lambda text: (
        f"Hello dear team, could you please write us the usual catalogue line for this: {text}"
    ),
    "a ticket number": lambda text: f"{text} (ticket 4711-0815, asked by phone, urgent, thanks a lot in advance)",
    "sorted words": lambda text: " ".join(sorted(text.split(), key=lambda word: word[::-1])),
    "other words": lambda text: (
        text.replace("regulator", "stabilizer").replace("single", "one").replace("dual", "two") + ", kindly"
    ),
}


def disguised(disguise):
    """A corpus of requests with copies of 60 of them in disguise, its ids, and which rows are copies."""
    rows = catalogue()
    chosen = random.Random(7).sample(rows, PLANTED)
    copies = [{**row, "id": f"{row['id']}-copy", "input": DISGUISES[disguise](row["input"])} for row in chosen]
    corpus = corpus_of([*rows, *copies])
    return corpus, corpus.pairs["id"], corpus.pairs["id"].str.ends_with("-copy")


@pytest.mark.slow
@pytest.mark.parametrize("disguise", DISGUISES)
def test_a_request_in_disguise_is_nearest_to_its_original(disguise, monkeypatch):
    monkeypatch.setattr("tuneworth.curate.paraphrases._LISTED", 1_000)
    corpus, ids, copy = disguised(disguise)
    every = np.arange(len(ids))
    split = pl.select(pl.when(copy).then(pl.lit("test")).otherwise(pl.lit("train"))).to_series()
    # Those that characters show as well are counted too.
    found = Meaning(corpus, every, CARRIED, similar=1.01).across(every, ids, split)
    assert found.held_out == len(found.rows) == PLANTED
    right = [row for row in found.rows if row.id == f"{row.train_id}-copy"]
    assert len(right) >= 57
    assert all(row.same_output for row in right)


def test_equal_outputs_calibrate_the_threshold_that_ties_rows():
    corpus, ids, _ = disguised("sorted words")
    meaning = Meaning(corpus, np.arange(len(ids)), CARRIED, similar=0.8)
    assert meaning.threshold > 0.9
    assert meaning.same_outputs >= 2 * 57
    left, right = meaning.ties()
    tied = set(zip(ids.gather(left), ids.gather(right), strict=True))
    copies = [id for id in ids if id.endswith("-copy")]
    assert sum((id.removesuffix("-copy"), id) in tied for id in copies) >= 57


@pytest.mark.slow
def test_tied_meanings_leave_nothing_near_across_the_split_and_the_run_says_so():
    rows = catalogue()
    chosen = random.Random(7).sample(rows, PLANTED)
    copies = [{**row, "id": f"{row['id']}-copy", "input": DISGUISES["sorted words"](row["input"])} for row in chosen]
    told = {}
    for tie in (False, True):
        settings = CurateSettings(meaning=True, tie_meaning=tie, tie_outputs=False, conflicts="report")
        told[tie] = curate([*rows, *copies], settings=settings).summary
    loose, tied = told[False], told[True]
    assert loose["meaning"]["close"] > 5
    assert (loose["meaning"]["tied"], tied["meaning"]["close"]) == (0, 0)
    assert tied["meaning"]["tied"] >= 57
    assert any("say the same in other words are kept on one side" in note for note in tied["split_notes"])
    assert [w["code"] for w in loose["warnings"] if "meaning" in w["code"]] == ["near_in_meaning"]


@pytest.mark.slow
def test_too_many_of_one_meaning_are_not_tied():
    words = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"]
    texts = [f"please tell me about {a} and {b} in the old house" for a in words for b in words]
    rows = [{"id": str(n), "input": text, "output": f"out {n}"} for n, text in enumerate(texts)]
    settings = CurateSettings(meaning=True, tie_meaning=0.5, near_duplicate=1.0, tie_siblings=False)
    done = curate(rows, settings=settings).summary
    assert done["meaning"]["tied"] == 0
    assert any("are not kept on one side" in note for note in done["split_notes"])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"tie_meaning": True}, "needs meaning = true"),
        ({"meaning": ""}, "meaning is empty"),
        ({"meaning": True, "tie_meaning": 0.2}, "from 0.5 to 1"),
        ({"meaning": 1}, "meaning"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        CurateSettings(**settings)


def test_without_enough_equal_outputs_nothing_is_counted_and_the_nearest_are_listed():
    rows = catalogue()[:200]
    corpus = corpus_of(rows)
    split = pl.Series(["test" if n % 5 == 0 else "train" for n in range(len(rows))])
    meaning = Meaning(corpus, np.arange(len(rows)), CARRIED, similar=0.8)
    found = meaning.across(np.arange(len(rows)), corpus.pairs["id"], split)
    assert (meaning.threshold, found.close, found.same_outputs) == (None, None, 0)
    assert [row.similarity for row in found.rows] == sorted((row.similarity for row in found.rows), reverse=True)
    assert not len(meaning.ties()[0])
    assert len(meaning.ties(0.95)[0])


def test_other_numbers_are_another_product_and_equal_letters_are_left_to_the_join():
    same = "a rather long text about a voltage regulator of our usual range in blue with a warranty of many years"
    rows = [
        {"id": "a", "input": f"{same} 5 V", "output": "one"},
        {"id": "b", "input": f"{same} 12 V", "output": "two"},
        {"id": "c", "input": f"{same} 5 V ", "output": "three"},
        {"id": "d", "input": f"{same}, 5 V, dear all", "output": "four"},
    ]
    corpus = corpus_of(rows)
    meaning = Meaning(corpus, np.arange(4), CARRIED, similar=0.8)
    assert not len(meaning.ties(0.7)[0])
    loose = Meaning(corpus, np.arange(4), CARRIED, similar=1.01)
    ids = corpus.pairs["id"].to_list()
    assert {ids[n] for n in loose.ties(0.7)[0]} <= {"a", "c", "d"}


@given(st.integers(0, 30), st.integers(0, 40), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_the_nearest_are_those_of_a_full_comparison(n, m, k, seed):
    chance = np.random.default_rng(seed)
    a, b = (chance.normal(size=(size, 5)).astype(np.float16) for size in (n, m))
    places, cosines = nearest(a, b, k)
    every = a.astype(np.float32) @ b.astype(np.float32).T
    assert places.shape == (n, min(k, m))
    for row in range(n):
        assert sorted(every[row])[::-1][: min(k, m)] == pytest.approx(cosines[row].tolist(), abs=1e-5)
        assert every[row][places[row]] == pytest.approx(cosines[row].tolist(), abs=1e-5)


@pytest.mark.slow
def test_the_graph_finds_nearly_what_a_full_comparison_finds(monkeypatch):
    import tuneworth.curate.paraphrases as module

    chance = np.random.default_rng(1)
    bases = chance.normal(size=(3_000, 32))
    bases = (bases / np.linalg.norm(bases, axis=1, keepdims=True)).astype(np.float16)
    exact, _ = nearest(bases[:300], bases, 5)
    monkeypatch.setattr(module, "_PAIR", 1.0)
    found, cosines = nearest(bases[:300], bases, 5)
    again, _ = nearest(bases[:300], bases, 5)
    assert (found == again).all()
    assert cosines[:, 0] == pytest.approx(1, abs=1e-2)
    assert np.mean([len({*a} & {*b}) / 5 for a, b in zip(exact, found, strict=True)]) > 0.95


@pytest.mark.slow
def test_a_local_folder_of_a_model_is_used_as_it_is(tmp_path):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = {"[UNK]": 0, "red": 1, "lamp": 2, "blue": 3, "chair": 4}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    weights = np.random.default_rng(0).normal(size=(5, 8)).astype(np.float32)
    SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_weights=weights)]).save(str(tmp_path / "tiny"))
    vectors = load_embedding(str(tmp_path / "tiny")).embed(["red lamp", "lamp red", "blue chair"])
    assert vectors.shape == (3, 8)
    assert vectors[0] @ vectors[1] == pytest.approx(1, abs=1e-5)
    assert vectors[0] @ vectors[2] < 0.99


@pytest.mark.slow
@pytest.mark.parametrize("content", [None, "", "[]", '[{"type": "os.system", "path": ""}]'])
def test_a_folder_that_is_no_model_is_an_error_that_names_it(tmp_path, content):
    if content is not None:
        (tmp_path / "modules.json").write_text(content)
    with pytest.raises(ConfigError, match=str(tmp_path)):
        load_embedding(str(tmp_path))


def test_a_missing_model_is_noticed_before_anything_slow_is_imported(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)  # its import would fail
    with pytest.raises(ConfigError, match=r"no modules\.json"):
        load_embedding(str(tmp_path))
