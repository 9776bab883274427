"""Rules against people: scikit-learn's figures, every person against the others by hand, and simulated judges."""

from collections.abc import Sequence
from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score, precision_score, recall_score
from statsmodels.stats.inter_rater import cohens_kappa

from tuneworth.core import as_json
from tuneworth.evaluate.statistics.agreement import people_agreement

from .situations import simulated_people

ITEM = st.tuples(st.booleans(), st.lists(st.booleans(), min_size=1, max_size=5))
ITEMS = st.lists(ITEM, min_size=1, max_size=40)
Items = Sequence[tuple[bool, list[bool]]]


def found_on(items: Items, *, mirrored: bool = False, groups: Sequence[object] | None = None):
    rules, votes = [rule for rule, _ in items], [ratings for _, ratings in items]
    counts = [sum(ratings) for ratings in votes], [len(ratings) for ratings in votes]
    counted = np.array(rules), *map(np.array, counts)
    return as_json(people_agreement(*counted, groups or range(len(items)), mirrored=mirrored))


def decided(items: Items) -> list[tuple[bool, bool]]:
    """The rules' decision and the majority of people, where there is one."""
    return [(rule, 2 * sum(votes) > len(votes)) for rule, votes in items if 2 * sum(votes) != len(votes)]


def each_person(items: Items) -> list[tuple[bool, bool, bool]]:
    """The rules' decision, each person's, and the majority of the others."""
    rows = []
    for rule, votes in items:
        for number, vote in enumerate(votes):
            others = votes[:number] + votes[number + 1 :]
            if 2 * sum(others) != len(others):
                rows.append((rule, vote, 2 * sum(others) > len(others)))
    return rows


def kappa_of(one: Sequence[bool], other: Sequence[bool]) -> float | None:
    """scikit-learn's kappa; it is undefined where both always decide the same."""
    if len({*one, *other}) == 1:
        return None
    return pytest.approx(cohen_kappa_score(one, other), abs=1e-9)


@given(ITEMS)
def test_the_figures_are_those_of_scikit_learn(items: Items):
    rows, found = decided(items), found_on(items)
    if not rows:
        assert found is None
        return
    assert found is not None
    rules, people = zip(*rows, strict=True)
    assert found["n"] == len(rows)
    assert found["agreement"]["share"] == pytest.approx(np.mean(np.array(rules) == people))
    assert found["kappa"]["value"] == kappa_of(rules, people)
    for key, score, seen in (("precision", precision_score, rules), ("recall", recall_score, people)):
        expected = score(people, rules, pos_label=False) if not all(seen) else None
        assert (found[key] and found[key]["share"]) == (None if expected is None else pytest.approx(expected))


@given(ITEMS)
def test_one_person_is_compared_with_the_majority_of_the_others(items: Items):
    rows, found = each_person(items), found_on(items)
    if not rows or found is None:
        assert found is None or found["raters"] is None
        return
    raters = found["raters"]
    rules, person, others = zip(*rows, strict=True)
    assert raters["decisions"] == len(rows)
    assert raters["rules"]["kappa"]["value"] == kappa_of(rules, others)
    assert raters["one_person"]["kappa"]["value"] == kappa_of(person, others)
    assert raters["one_person"]["agreement"] == pytest.approx(np.mean(np.array(person) == others))


def test_a_case_by_hand():
    # Both yes 20, only people 5, only rules 10, neither 15: they agree in 0.7 and would by chance in 0.5.
    cells = [(True, True, 20), (False, True, 5), (True, False, 10), (False, False, 15)]
    items = [(rule, [people]) for rule, people, count in cells for _ in range(count)]
    found = found_on(items)
    assert found is not None
    assert found["agreement"]["share"] == pytest.approx(0.7)
    assert found["kappa"]["value"] == pytest.approx(0.4)
    assert found["precision"]["share"] == pytest.approx(15 / 20)
    assert found["recall"]["share"] == pytest.approx(15 / 25)
    assert found["raters"] is None


def test_the_interval_has_the_width_of_the_large_sample_formula():
    items = [(n % 10 < 6, [n % 7 < 5]) for n in range(2100)]
    found = found_on(items)
    assert found is not None
    table = np.array([[sum(row == (a, b) for row in decided(items)) for b in (True, False)] for a in (True, False)])
    expected = cohens_kappa(table)
    assert found["kappa"]["value"] == pytest.approx(expected.kappa)
    assert found["kappa"]["high"] - found["kappa"]["low"] == pytest.approx(2 * 1.96 * expected.std_kappa, rel=0.05)


@given(ITEMS)
def test_between_two_sides_chance_is_one_half_and_their_names_do_not_matter(items: Items):
    found, swapped = (
        found_on(rows, mirrored=True)
        for rows in (items, [(not rule, [not vote for vote in votes]) for rule, votes in items])
    )
    if found is None or swapped is None:
        assert found is swapped
        return
    assert found["kappa"]["value"] == pytest.approx(2 * found["agreement"]["share"] - 1)
    assert found["precision"] is found["recall"] is None
    assert swapped["kappa"]["value"] == pytest.approx(found["kappa"]["value"])


@given(ITEMS)
def test_every_interval_holds_its_value(items: Items):
    found = found_on(items)
    if found is None:
        return
    raters = found["raters"] or {}
    for part in chain([found["kappa"]], (raters[who]["kappa"] for who in ("rules", "one_person") if raters)):
        if part["value"] is not None:
            assert -1 <= part["low"] <= part["value"] <= part["high"] <= 1


def test_groups_that_agree_count_less_than_single_outputs():
    items = [(True, [n % 40 < 30]) if n % 2 else (False, [n % 40 < 10]) for n in range(200)]
    alone, grouped = found_on(items), found_on(items, groups=[n % 40 // 10 for n in range(200)])
    assert alone is not None
    assert grouped is not None
    assert grouped["groups"] == 4
    assert grouped["kappa"]["value"] == alone["kappa"]["value"]
    assert grouped["kappa"]["high"] - grouped["kappa"]["low"] > 1.3 * (alone["kappa"]["high"] - alone["kappa"]["low"])


@pytest.mark.slow
@pytest.mark.parametrize(("base", "noise"), [(0.7, 0.15), (0.9, 0.1), (0.5, 0.25)])
def test_rules_as_good_as_a_person_are_rarely_below_and_random_ones_usually(base: float, noise: float):
    rng = np.random.default_rng(5)

    def below(**rules: float) -> float:
        sets = [simulated_people(rng, base=base, noise=noise, requests=60, people=3, **rules) for _ in range(100)]
        return float(np.mean([found["raters"]["difference"]["high"] < 0 for found in sets]))

    assert below(rule_noise=noise) <= 0.05  # 2.5% is nominal
    assert below(rule_noise=0.5) >= 0.7
