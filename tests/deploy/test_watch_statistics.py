"""What a watch reads from looks, logs and results: drift of requests, live shares, standings, verdicts given again."""

import json
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.deploy.watch.course import live_standing, live_windows, look_at, standing_of
from tuneworth.deploy.watch.drift import DRIFT_LEVEL, drift_of, features_of, new_values
from tuneworth.deploy.watch.logs import LiveLog, volume_of
from tuneworth.deploy.watch.watch import decided_again
from tuneworth.evaluate import score_outputs
from tuneworth.style import parse_style

from ..shared import results_of

COLOURS = ["red", "blue", "green", "white"]
WORDS = "adjustable bipolar charge driver dual fast high low output power quad rail switch timer voltage".split()  # noqa: SIM905


def requests(rng, n, *, colours=COLOURS, words=WORDS, fields=True, longer=0):
    rows = []
    for number in range(n):
        text = " ".join(rng.choice(words, rng.integers(3, 8 + longer)))
        values = {"colour": str(rng.choice(colours)), "about": text, "weight": str(rng.integers(1, 500))}
        line = "\n".join(f"{name}: {value}" for name, value in values.items())
        rows.append({"input": f"{line} {number}", "fields": json.dumps(values) if fields else None, "group": None})
    return pl.DataFrame(rows, schema={"input": pl.String, "fields": pl.String, "group": pl.String})


def kinds(found):
    return {(one["kind"], one["field"], one["value"]) for one in found["differences"]}


# --- drift ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_requests_of_the_same_kind_do_not_drift():
    for seed in range(4):
        rng = np.random.default_rng(seed)
        found = drift_of(requests(rng, 200), requests(rng, 120), seed=seed)
        assert (found["drifted"], found["differences"], found["reason"]) == (False, [], None)
        assert found["p_value"] > DRIFT_LEVEL


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"colours": ["red", "violet"]}, ("value", "colour", "violet")),
        ({"words": [*WORDS, *["battery"] * 5]}, ("word", "", "battery")),
        ({"longer": 20}, ("length", "", "")),
    ],
)
def test_a_planted_difference_is_found_and_named(changed, expected):
    rng = np.random.default_rng(1)
    found = drift_of(requests(rng, 200), requests(rng, 120, **changed))
    assert found["drifted"]
    assert expected in kinds(found)
    assert all(one["p_value"] <= DRIFT_LEVEL for one in found["differences"])


@pytest.mark.slow
def test_a_field_that_is_missing_now_is_found():
    rng = np.random.default_rng(2)
    live = requests(rng, 120)
    without = [json.dumps({"about": json.loads(text)["about"]}) for text in live["fields"]]
    found = drift_of(requests(rng, 200), live.with_columns(fields=pl.Series(without)))
    assert ("missing", "colour", "") in kinds(found)


@pytest.mark.slow
def test_another_language_is_found():
    rng = np.random.default_rng(3)
    german = ["der", "schnelle", "Treiber", "schaltet", "die", "Spannung", "ohne", "Verlust", "und", "hält", "sie"]
    found = drift_of(requests(rng, 150), requests(rng, 100, words=german))
    assert any(one["kind"] == "language" and one["value"] == "de" for one in found["differences"])


@pytest.mark.slow
def test_only_texts_are_compared_if_one_side_has_no_fields():
    rng = np.random.default_rng(4)
    assert drift_of(requests(rng, 150), requests(rng, 100, fields=False))["drifted"] is False


@pytest.mark.slow
def test_one_request_that_comes_a_thousand_times_is_one_request():
    rng = np.random.default_rng(5)
    live = requests(rng, 60)
    flood = pl.concat([live, *[live.head(1)] * 1000])
    assert drift_of(requests(rng, 200), flood)["drifted"] is False


@pytest.mark.slow
def test_a_trait_of_one_large_group_is_no_difference():
    rng = np.random.default_rng(6)
    odd = requests(rng, 100, colours=["violet"])
    alone = drift_of(pl.concat([requests(rng, 200), odd]), requests(rng, 120))
    assert ("value", "colour", "violet") in kinds(alone)
    family = odd.with_columns(group=pl.lit("one family"))
    assert drift_of(pl.concat([requests(rng, 200), family]), requests(rng, 120))["drifted"] is False


def test_too_few_requests_are_not_tested():
    rng = np.random.default_rng(7)
    found = drift_of(requests(rng, 200), requests(rng, 49))
    assert (found["drifted"], found["reason"]) == (None, "49 distinct requests; at least 50 are needed")


@pytest.mark.slow
def test_random_halves_have_no_more_false_alarms_than_stated():
    """At a level of 5%, as 0.1% would take thousands of halves; values that occur together make the traits dependent."""
    rng = np.random.default_rng(8)
    pool = requests(rng, 240)
    alarms = 0
    for seed in range(40):
        order = rng.permutation(240)
        alarms += bool(drift_of(pool[order[:140]], pool[order[140:]], level=0.05, seed=seed)["drifted"])
    assert alarms <= 6  # of 40; more have a chance of 1.4% at 5%


def test_only_fields_whose_values_repeat_have_new_values():
    trained = [{"part": f"A{n}", "colour": COLOURS[n % 4]} for n in range(100)]
    live = [{"part": f"B{n}", "colour": "violet", "urgent": "yes"} for n in range(3)]
    assert new_values(trained, live) == {"fields": {"urgent": 3}, "values": {"colour": {"violet": 3}}}


@pytest.mark.slow
@given(st.lists(st.text(max_size=30), min_size=1, max_size=20))
def test_the_traits_of_any_texts_vary_between_requests(texts):
    table = pl.DataFrame({"input": texts, "fields": [None] * len(texts)}, schema_overrides={"fields": pl.String})
    for trait in features_of(table):
        assert trait.has.shape == (len(texts),)
        assert trait.has.min() < trait.has.max()


# --- looks ----------------------------------------------------------------------------------------------------------

STYLE = parse_style("checks: [{kind: punctuation, end: none, id: no-stop}]")


def scores(texts):
    pairs = pl.DataFrame({"id": [f"p{n}" for n in range(len(texts))], "input": "x", "fields": None, "system": None})
    outputs = pairs.select("id", output=pl.Series(texts), finish_reason=pl.lit("stop"), error=pl.lit(None, pl.String))
    return score_outputs(pairs.with_columns(fields=pl.lit(None, pl.String)), outputs, STYLE)


def test_a_look_lists_what_fell_and_by_which_rule():
    look = look_at(scores(["a", "b.", "c", "d"]), scores(["a.", "b", "c", ""]))
    assert look["falls"] == {"p0": 1.0, "p1": -1.0, "p3": 1.0}
    assert look["rules"] == {"no-stop": 1, "empty output": 1}
    assert (look["asked"], look["answered"], look["recorded"], look["acceptable"]["share"]) == (4, 4, 0.75, 0.5)


def looks(falls_by_week, rows=40, tested=100):
    rng, made = np.random.default_rng(0), datetime.fromisoformat("2026-01-05T06:00:00+00:00")
    history = []
    for week, share in enumerate(falls_by_week):
        ids = [f"p{n}" for n in rng.permutation(tested)[:rows]]
        falls = {id: 1.0 for id in ids if int(id[1:]) < share * tested}
        at = (made + timedelta(weeks=week)).isoformat()
        history.append({"look": week + 1, "made": at, "answered": rows, "rows": ids, "falls": falls})
    return history


RECORDED = {f"p{n}": 1.0 for n in range(100)}


def test_the_standing_names_the_look_at_which_a_fall_begins():
    found = standing_of(looks([0] * 8 + [0.2] * 4), RECORDED, margin=0.03)
    assert found["worse"]
    assert found["since"]["look"] == 9
    assert found["fall"]["low"] > 0
    assert found["fall"]["value"] == pytest.approx(0.2, abs=0.05)
    assert found["spent_this_year"] == pytest.approx(found["spent"])


def test_looks_without_an_answer_leave_the_standing_as_it_is():
    history = looks([0, 0, 0])
    silent = {"look": 4, "made": "2026-01-27T06:00:00+00:00", "answered": 0}
    assert standing_of([*history, silent], RECORDED, margin=0.03) == standing_of(history, RECORDED, margin=0.03)
    assert standing_of([silent], RECORDED, margin=0.03)["looks"] == 0


def test_a_second_year_has_a_budget_of_its_own():
    found = standing_of(looks([0] * 60), RECORDED, margin=0.03)
    assert found["spent"] > 0.05
    assert found["spent_this_year"] < 0.01


def test_a_recovered_model_is_said_to_have_recovered():
    history = looks([0.3] * 3 + [0] * 6)
    assert standing_of(history[:3], RECORDED, margin=0.03)["worse"]
    states = [standing_of(history[:n], RECORDED, margin=0.03) for n in range(3, 10)]
    assert [state["recovered"] for state in states].count(True) == 1
    assert not states[-1]["worse"]


# --- live outputs ---------------------------------------------------------------------------------------------------


def live(share, days, a_day=50):
    start, count = datetime(2026, 1, 5), days * a_day
    times = [start + timedelta(days=n / a_day) for n in range(count)]
    good = [(n * 37) % 100 < share * 100 for n in range(count)]
    return pl.DataFrame({"acceptable": good, "time": times}, schema_overrides={"time": pl.Datetime("us")})


SHARE = {"share": 0.9, "low": 0.85, "high": 0.94}


def test_windows_are_whole_days_with_enough_outputs():
    assert [window["n"] for window in live_windows(live(0.9, 4))] == [50] * 4
    assert [window["n"] for window in live_windows(live(0.9, 7, a_day=15))] == [45, 60]
    assert len(live_windows(live(0.9, 3).with_columns(time=pl.lit(None, pl.Datetime("us"))))) == 1
    assert live_windows(live(0.9, 0)) == []


@pytest.mark.parametrize(("share", "worse"), [(0.95, False), (0.9, False), (0.86, False), (0.7, True)])
def test_a_live_share_is_worse_below_the_recorded_range_only(share, worse):
    found = live_standing(live_windows(live(share, 20)), SHARE, margin=0.03)
    assert found["worse"] is worse
    assert found["acceptable"]["share"] == pytest.approx(share, abs=0.03)


@pytest.mark.slow
def test_a_live_share_at_the_low_end_of_the_range_keeps_the_false_alarms():
    rng, alarms = np.random.default_rng(0), 0
    for _ in range(200):
        windows = [
            {"made": f"2026-01-{1 + day:02}T12:00:00+00:00", "n": 60, "acceptable": int(rng.binomial(60, 0.85))}
            for day in range(28)
        ]
        alarms += live_standing(windows, SHARE, margin=0.03)["worse"]
    assert alarms <= 10


# --- decided again --------------------------------------------------------------------------------------------------


def results(decision, **assumptions):
    listed = [{"key": key, "value": value, "unit": "EUR", "source": "stated"} for key, value in assumptions.items()]
    verdict = {"decision": decision, "what": None, "sentence": decision}
    return results_of(verdict=verdict, money={"assumptions": listed})


def test_a_verdict_is_another_one_only_if_its_decision_differs():
    same = decided_again(results("fine-tune", price=1), results("fine-tune", price=2))
    assert (same["another"], same["changed"]) == (
        False, [{"key": "price", "from": 1, "to": 2, "unit": "EUR", "source": "stated"}],
    )  # fmt: skip
    assert decided_again(results("fine-tune"), results("keep prompting"))["another"]
    assert decided_again(results("fine-tune"), results_of())["changed"] == []


def log_of(days, count):
    """A log with as many requests over as many days."""
    times = [datetime(2026, 11, 1) + timedelta(days=days * place / (count - 1)) for place in range(count)]
    return LiveLog(pl.DataFrame({"time": times}, schema={"time": pl.Datetime("us")}), 0, "jsonl")


def test_a_log_of_less_than_a_week_gives_no_volume():
    assert volume_of(log_of(6.9, 700), 1.0) is None
    found = volume_of(log_of(14, 700), 0.5)
    assert found["requests_per_day"] == 100
    assert (found["from"], found["to"], found["requests"]) == ("2026-11-01", "2026-11-15", 700)
    assert volume_of(LiveLog(pl.DataFrame({"time": [None]}, schema={"time": pl.Datetime}), 0, "jsonl"), 1.0) is None
