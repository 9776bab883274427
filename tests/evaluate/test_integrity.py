"""Outputs that are not what they should be: planted in files of outputs that are right otherwise, each in a few lines."""

import random
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from tuneworth.core import as_json
from tuneworth.evaluate import Raw, RunContext, Variant, evaluate_outputs
from tuneworth.evaluate.outputs.table import OUTPUT_SCHEMA
from tuneworth.style import parse_style

STYLE = parse_style("checks: [{kind: covers, fields: [city]}]")
N = 300
CITIES = ["Oslo", "Bergen", "Tromso", "Molde", "Hamar", "Narvik", "Bodo", "Moss", "Skien", "Larvik"]
FOODS = ["fish soup", "reindeer stew", "waffles", "brown cheese", "meatballs", "crab salad", "lamb roast", "pancakes"]


def request(k: int) -> tuple[str, str]:
    """A request, and its right answer of a length of its own."""
    rng = random.Random(k)
    city, food, year = rng.choice(CITIES), rng.choice(FOODS), rng.randint(1900, 2020)
    more = f" Guests praise the {rng.choice(FOODS)} as well." * rng.randint(0, 3)
    name = f"{rng.choice('BDFGKLMNPRST')}{rng.choice('aeiou')}{rng.choice('lmnrst')}{rng.choice('aeiou')}{k % 7}"
    asked = f"name: House {name}\ncity: {city}\nfood: {food}\nyear: {year}"
    return asked, f"House {name} has served {food} in {city} since {year}.{more}"


REQUESTS = [request(k) for k in range(N)]
RIGHT = [answer for _, answer in REQUESTS]
IDS = [f"p{k}" for k in range(N)]
TRAIN = pl.DataFrame(
    {"id": [f"t{k}" for k in range(400)], "output": [f"Item {k} blue." for k in range(400)],
     "input": [f"item {k}" for k in range(400)]}
).with_columns(group=pl.lit(None, pl.String))  # fmt: skip


def pairs(references=RIGHT, inputs=None) -> pl.DataFrame:
    inputs = [asked for asked, _ in REQUESTS] if inputs is None else inputs
    return pl.DataFrame({"id": IDS, "input": inputs, "output": references}).with_columns(
        group=pl.lit(None, pl.String), system=pl.lit(None, pl.String), fields=pl.lit(None, pl.String),
        reference_ok=pl.lit(True),
    )  # fmt: skip


def raw(name: str, outputs, **columns) -> Raw:
    table = pl.DataFrame({"id": IDS, "output": outputs, **columns}).with_columns(variant=pl.lit(name), sample=0)
    missing = [pl.lit(None, kind).alias(key) for key, kind in OUTPUT_SCHEMA.items() if key not in table.columns]
    variant = Variant(name, "outputs", tuned=name == "tuned")
    return Raw(variant, table.with_columns(missing).select(list(OUTPUT_SCHEMA)))


def judged(outputs, *, prompted=None, context=None, on=None, **columns):
    """The results as in results.json, of a tuned variant with these outputs."""
    plain = raw("prompted", prompted or [f"{text} Do come." for text in RIGHT])
    table = pairs() if on is None else on
    found = evaluate_outputs(
        table, [plain, raw("tuned", outputs, **columns)], STYLE, candidate="tuned", margin=0.03, context=context
    )
    return as_json(found.results)


def findings(outputs, **more) -> dict[tuple[str, str], int]:
    return {(one["what"], one["effect"]): one["n"] for one in judged(outputs, **more)["integrity"]}


def edited(change: Callable[[int, str], str]) -> list[str]:
    return [change(k, text) for k, text in enumerate(RIGHT)]


def swapped(outputs, share):
    rows = np.random.default_rng(0).permutation(N)[: int(share * N)]
    result = list(outputs)
    for row, other in zip(rows, np.roll(rows, 1), strict=True):
        result[row] = outputs[other]
    return result


SHIFTED, OTHER, CUT = ("shifted", "invalid"), ("other requests", "invalid"), ("cut", "invalid")
OWN = edited(lambda k, text: text.replace("has served", "serves").replace("since", "from") if k % 3 else text)
PLANTED = {
    "shifted by one": (OWN[1:] + OWN[:1], SHIFTED, N),
    "shifted back by two": (OWN[-2:] + OWN[:-2], SHIFTED, N),
    "shifted from the middle on": (OWN[:150] + OWN[151:] + OWN[:1], SHIFTED, 150),
    "a tenth is the answer to the request before": ([OWN[k - 1] if k % 10 == 0 else OWN[k] for k in range(N)], SHIFTED, 30),
    "permuted": (swapped(OWN, 1), OTHER, N),
    "half permuted": (swapped(OWN, 0.5), OTHER, N // 2),
    "a tenth permuted": (swapped(OWN, 0.1), ("other requests", "doubt"), N // 10),
    "cut at 70 characters": ([text[:70] for text in OWN], CUT, sum(len(text) > 70 for text in OWN)),
    "cut in mid-sentence at 11 words": (
        [" ".join(text.split()[:11]) for text in OWN], CUT, sum(len(text.split()) > 11 for text in OWN),
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("kind", PLANTED)
def test_what_is_planted_is_found_with_its_count_and_effect(kind):
    outputs, expected, n = PLANTED[kind]
    found = findings(outputs)
    assert list(found) == [expected]
    assert 0.7 * n <= found[expected] <= n


HONEST = {
    "right": OWN,
    "empty": [""] * N,
    "wrong values": edited(lambda k, text: text.replace(CITIES[k % 10], CITIES[(k + 1) % 10]).replace("19", "18")),
    "one text": ["House Bali0 has served waffles in Oslo since 1950."] * N,
    "no full stop": edited(lambda k, text: text.rstrip(".")),
    "first sentences": edited(lambda k, text: text.partition(".")[0] + "."),
    "other words": edited(lambda k, text: " ".join(reversed(text.split()))),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", HONEST)
def test_poor_outputs_of_their_own_requests_raise_no_alarm(kind):
    assert findings(HONEST[kind]) == {}


@pytest.mark.slow
def test_a_cut_that_the_provider_explains_is_counted_once():
    ends = ["length" if len(text) > 70 else "stop" for text in OWN]
    found = judged([text[:70] for text in OWN], finish_reason=ends)
    assert found["integrity"] == []
    assert [cause["cause"] for cause in found["quality"]["tuned"]["causes"]] == ["cut"]


@pytest.mark.slow
def test_cut_at_one_number_of_tokens_is_said_in_tokens():
    tokens = [min(len(text.split()), 11) for text in OWN]
    (found,) = judged([" ".join(text.split()[:11]) for text in OWN], output_tokens=tokens)["integrity"]
    assert (found["length"], found["unit"]) == (11, "tokens")


@pytest.mark.slow
def test_a_shift_makes_the_comparison_invalid_and_is_said_first():
    verdict = judged(OWN[1:] + OWN[:1])["verdict"]
    assert (verdict["decision"], verdict["what"]) == ("fix first", "comparison")
    assert "seem shifted by 1 row: 300 of 300 fit the request and the reference of the next row" in verdict["sentence"]
    assert "id of its own request" in verdict["next"]


@pytest.mark.slow
def test_a_shift_of_labels_is_found():
    labels = [random.Random(k).choice("abcdefgh") for k in range(N)]
    asked = [f"text {k}" for k in range(N)]
    found = findings(labels[1:] + labels[:1], on=pairs(labels, asked), prompted=labels)
    assert list(found) == [SHIFTED]
    noisy = [label if k % 3 else "a" for k, label in enumerate(labels)]
    assert findings(noisy, on=pairs(labels, asked), prompted=labels) == {}


@pytest.mark.slow
def test_short_training_outputs_that_are_recited_are_a_risk_over_its_limit():
    found = judged(TRAIN["output"].to_list()[:N], context=RunContext(train=TRAIN))
    assert [(one["what"], one["n"]) for one in found["integrity"]] == [("recited", N)]
    memorised = next(risk for risk in found["risks"] if risk["id"] == "memorisation")
    assert memorised["status"] == "over"
    assert found["verdict"]["doubt"].startswith(
        "300 of 300 outputs of the tuned model are training outputs word for word"
    )


@pytest.mark.slow
def test_labels_that_train_has_as_well_are_not_recited():
    labels = [f"{CITIES[k % 10]} {k % 50}" for k in range(N)]
    asked = [f"name: House {k}\ncity: {CITIES[k % 10]}" for k in range(N)]
    context = RunContext(train=TRAIN.with_columns(output=pl.Series([f"{CITIES[k % 10]} {k % 50}" for k in range(400)])))
    outputs = ["Oslo 7" if k % 4 == 0 else label for k, label in enumerate(labels)]
    found = judged(outputs, on=pairs(labels, asked), prompted=labels, context=context)
    assert found["integrity"] == []
    assert next(risk for risk in found["risks"] if risk["id"] == "memorisation")["status"] == "ok"


@pytest.mark.slow
@pytest.mark.parametrize(("copied", "effect", "scored"), [(60, "left out", 240), (285, "invalid", 300)])
def test_requests_that_a_model_trained_elsewhere_knows_are_left_out_while_enough_remain(copied, effect, scored):
    found = judged(OWN, context=RunContext(copied=IDS[:copied]))
    (leaked,) = found["integrity"]
    assert (leaked["what"], leaked["n"], leaked["effect"]) == ("leaked", copied, effect)
    assert found["quality"]["tuned"]["n"] == scored
    if effect == "invalid":
        assert (found["verdict"]["decision"], found["verdict"]["what"]) == ("fix first", "data")
    else:
        assert f"{copied} of 300 test requests are not scored" in found["verdict"]["reasons"][0]


@pytest.mark.slow
def test_a_model_that_this_run_trained_knows_none_of_them():
    prompted, tuned = raw("prompted", OWN), raw("tuned", OWN)
    tuned = replace(tuned, variant=replace(tuned.variant, source="adapter"))
    context = RunContext(copied=IDS[:60])
    found = evaluate_outputs(pairs(), [prompted, tuned], STYLE, candidate="tuned", margin=0.03, context=context)
    assert found.results.integrity == []
    assert found.results.quality["tuned"].n == N


@pytest.mark.slow
def test_rules_that_refuse_most_references_are_the_first_doubt():
    long = [f"{text} {'More of it. ' * 12}" if k % 3 else text for k, text in enumerate(RIGHT)]
    rules = parse_style("checks: [{kind: length, unit: words, max: 40}, {kind: covers, fields: [city]}]")
    outputs = [raw("prompted", RIGHT), raw("tuned", OWN)]
    verdict = evaluate_outputs(pairs(long), outputs, rules, candidate="tuned", margin=0.03).results.verdict
    assert verdict is not None
    assert verdict.doubt.startswith("The rules refuse 67% of the test set's own references")
