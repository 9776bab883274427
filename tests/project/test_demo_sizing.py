"""The sizes of a demo, from what was measured on a machine: no model is needed."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.evaluate import GenerationSpeed, GenerationWork
from tuneworth.project.demo.sizing import AIM, FEWEST, LIMIT, MOST, DemoPlan, DemoSizes, DemoSpeed, DemoWork, plan_demo

# The shipped example: tokens of the prompts of 80 requests, and of their outputs in a live demo.
PLAIN = GenerationWork(outputs=80, shared=26, own=6_490, written=9_288, longest=119)
PROMPTED = GenerationWork(outputs=80, shared=721, own=6_490, written=6_703, longest=119)
TUNED = GenerationWork(outputs=80, shared=26, own=6_490, written=2_304, longest=119)
NEAREST = replace(PROMPTED, shared=423, own=33_717)
GENERAL = GenerationWork(outputs=60, shared=26, own=1_200, written=1_920, longest=32)
WORK = DemoWork(
    MOST,
    variants={"plain": PLAIN, "prompted": PROMPTED, "tuned": TUNED},
    rivals={"nearest": NEAREST, "prompted + retry 2": replace(PROMPTED, own=18_000)},
    train_probe={"tuned, train": TUNED},
    general=[("base, general", GENERAL), ("tuned, general", GENERAL)],
)
SETS = (WORK.variants, WORK.rivals, WORK.train_probe)
# Two idle cores with bf16 products, as `benchmarks/train.md` has them.
FAST = DemoSpeed(
    elapsed_seconds=15, curation_seconds=2, preflight_seconds=8, training_seconds=115, tokens_per_second=860,
    generation=GenerationSpeed(per_prompt_token=0.0008, per_pass=0.04, per_row=0.0015),
)  # fmt: skip


def slower(times: float) -> DemoSpeed:
    """A machine that takes this many times as long for everything."""
    one = FAST.generation
    return DemoSpeed(
        FAST.elapsed_seconds * times, FAST.curation_seconds * times, FAST.preflight_seconds * times,
        FAST.training_seconds * times, FAST.tokens_per_second / times,
        GenerationSpeed(one.per_prompt_token * times, one.per_pass * times, one.per_row * times),
    )  # fmt: skip


def titles(plan: DemoPlan) -> list[str]:
    return [step.title for step in plan.steps]


def test_a_fast_machine_gets_the_most_and_a_slow_one_the_fewest() -> None:
    assert plan_demo(WORK, FAST).sizes == MOST
    between = plan_demo(WORK, slower(1.7))
    assert FEWEST < between.sizes < MOST
    assert plan_demo(WORK, slower(30)).sizes == FEWEST


def test_the_seconds_are_those_of_the_formula() -> None:
    plan = plan_demo(WORK, FAST)
    seconds = dict(plan.steps)
    # 26 + 6,490 prompt tokens, two batches of 119 passes, 9,288 tokens in rows
    assert seconds["plain"] == pytest.approx(6_516 * 0.0008 + 2 * 119 * 0.04 + 9_288 * 0.0015)
    assert seconds["training"] == 115
    assert plan.seconds == pytest.approx(15 + sum(seconds.values()))


def test_fewer_pairs_and_requests_take_their_part_of_the_time() -> None:
    seconds = dict(plan_demo(WORK, slower(30)).steps)
    assert seconds["training"] == pytest.approx(30 * 115 * FEWEST.train_pairs / MOST.train_pairs)
    # 60 requests fit one batch, so there are half as many passes
    own = 6_490 * 60 / 80
    plain = (26 + own) * 0.0008 + 119 * 0.04 + 9_288 * 60 / 80 * 0.0015
    assert seconds["plain"] == pytest.approx(30 * plain)


@given(st.floats(0.2, 40))
def test_it_is_within_the_aim_or_has_the_fewest(times: float) -> None:
    plan = plan_demo(WORK, slower(times))
    assert plan.seconds <= AIM or plan.sizes == FEWEST
    assert FEWEST.train_pairs <= plan.sizes.train_pairs <= MOST.train_pairs
    assert FEWEST.test_pairs <= plan.sizes.test_pairs <= MOST.test_pairs
    assert 0 <= plan.rivals_time <= 1 / 3


@given(st.floats(0.2, 40), st.floats(1, 3))
def test_a_slower_machine_never_gets_more(times: float, more: float) -> None:
    assert plan_demo(WORK, slower(times * more)).sizes <= plan_demo(WORK, slower(times)).sizes


@pytest.mark.parametrize("times", [1.3, 1.45, 1.5, 1.6, 1.75, 1.9, 2.05])
def test_the_largest_sizes_that_fit_are_chosen(times: float) -> None:
    """Tried one after another, as if a project file stated them, in steps of ten pairs."""

    def seconds(sizes: DemoSizes) -> float:
        work = DemoWork(
            sizes, *({title: one.of(sizes.test_pairs) for title, one in sets.items()} for sets in SETS), WORK.general
        )
        training = times * FAST.training_seconds * sizes.train_pairs / 300
        return plan_demo(work, replace(slower(times), training_seconds=training), rivals_time=0.33).seconds

    sizes = [DemoSizes(pairs, round(60 + (pairs - 150) * 20 / 150)) for pairs in range(300, 149, -10)]
    assert plan_demo(WORK, slower(times)).sizes == next(one for one in sizes if seconds(one) <= AIM)


def test_rivals_get_what_is_left_where_even_the_fewest_take_long() -> None:
    shares = {times: plan_demo(WORK, slower(times)).rivals_time for times in (1, 2.4, 2.6, 2.8, 30)}
    assert shares[1] == 0.33
    assert shares[30] == 0
    assert sorted(shares.values(), reverse=True) == list(shares.values())
    between = plan_demo(WORK, slower(2.6))
    assert 0 < between.rivals_time < 0.33
    assert between.sizes == FEWEST
    assert between.seconds <= LIMIT


def test_rivals_that_do_not_fit_their_share_are_no_step() -> None:
    rivals = WORK.rivals
    assert [title for title in titles(plan_demo(WORK, FAST)) if title in rivals] == ["nearest"]
    assert [title for title in titles(plan_demo(WORK, FAST, rivals_time=1)) if title in rivals] == list(rivals)
    assert not rivals.keys() & titles(plan_demo(WORK, slower(30)))


def test_what_a_project_file_states_stays() -> None:
    plan = plan_demo(WORK, slower(10), rivals_time=0.5)
    assert (plan.sizes, plan.rivals_time, plan.chosen) == (MOST, 0.5, False)
    assert dict(plan.steps)["training"] == 1150


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (plan_demo(WORK, FAST), r"^this machine trains 860 tokens a second: 300 pairs and 80 requests, about 5 minutes$"),
        (plan_demo(WORK, slower(1.7)), r"trains 506 tokens a second: 200 pairs and 67 requests, about 6 minutes$"),
        (
            plan_demo(WORK, slower(30)),
            r"trains only 29 tokens a second: even 150 pairs and 60 requests, the fewest that are useful, take about "
            r"\d+ minutes; `tuneworth demo --collected` takes seconds$",
        ),
        (
            plan_demo(WORK, slower(10), rivals_time=0.5),
            r"300 pairs and 80 requests, as its project file states, about \d+ minutes$",
        ),
    ],
)  # fmt: skip
def test_the_demo_says_how_long_it_takes_and_why(plan: DemoPlan, said: str) -> None:
    assert re.search(said, plan.sentence()), plan.sentence()
