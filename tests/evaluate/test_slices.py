"""Parts of the requests in which the candidate is worse: found, routed, doubted, and not invented."""

import json
import random

import polars as pl
import pytest

from tuneworth.core import as_json
from tuneworth.evaluate import Raw, Variant, evaluate_outputs, read_roi
from tuneworth.evaluate.outputs.table import OUTPUT_SCHEMA
from tuneworth.evaluate.results import Results
from tuneworth.style import parse_style

STYLE = "checks:\n  - {kind: vocabulary, forbidden: [wrong]}\n  - {kind: grounded}\n"
MONEY = {
    "requests_per_day": 5000, "failures": "repair", "failure_cost": 0.1, "investment": {"compute": 10},
    "running": {"monitoring_hours_per_month": 0},
    **{name: {"price_input": 1, "price_output": 4, "fixed_tokens": 0} for name in ("prompted", "tuned")},
}  # fmt: skip


def judged(
    rows: list[dict], *, groups: list[str] | None = None, references: list[str] | None = None, **outputs: list[bool]
) -> Results:
    """The results on requests with these fields; `outputs` say of each variant which of its outputs are right."""
    ids = [str(n) for n in range(len(rows))]
    pairs = pl.DataFrame(
        {
            "id": ids, "input": [json.dumps(row) for row in rows], "fields": [json.dumps(row) for row in rows],
            "output": references or [f"a text about {n}" for n in range(len(rows))], "group": groups,
            "system": None, "reference_ok": False, "row": range(len(rows)), "meta": None,
        },
        schema_overrides={"group": pl.String, "meta": pl.String, "system": pl.String},
    )  # fmt: skip
    raws = []
    for name, right in outputs.items():
        lines = [
            {**dict.fromkeys(OUTPUT_SCHEMA), "id": id, "variant": name, "sample": 0, "input_tokens": 50, "output_tokens": 20,
             "output": f"a {name} text {'as asked' if one else 'that is wrong'}"}
            for id, one in zip(ids, right, strict=True)
        ]  # fmt: skip
        raws.append(Raw(Variant(name, "outputs", tuned=name == "tuned"), pl.DataFrame(lines, schema=OUTPUT_SCHEMA)))
    return evaluate_outputs(
        pairs, raws, parse_style(STYLE, where="test"), candidate="tuned", margin=0.03, roi=read_roi(MONEY)
    ).results


def requests(n: int) -> list[dict]:
    return [
        {"kind": "hard" if i % 5 == 0 else "easy", "color": ["red", "blue", "green"][i % 3], "number": i}
        for i in range(n)
    ]


def chances(rows: list[dict], easy: float, hard: float, seed: int) -> list[bool]:
    chance = random.Random(seed)
    return [chance.random() < (hard if row["kind"] == "hard" else easy) for row in rows]


def test_requests_that_it_answers_worse_are_excepted_with_what_sending_them_elsewhere_gives():
    rows = requests(600)
    found = judged(rows, prompted=chances(rows, 0.6, 0.8, 1), tuned=chances(rows, 0.95, 0.2, 2))
    assert found.verdict is not None
    assert found.verdict.decision == "fine-tune"
    assert found.verdict.sentence.startswith("Fine-tune, except where kind = hard: ")
    assert as_json(found.verdict)["except"] == [{"field": "kind", "value": "hard"}]
    worst = found.slices[0]
    assert (worst.field, worst.value, worst.n, worst.worse, worst.routable) == ("kind", "hard", 120, True, True)
    assert found.routing is not None
    tuned, prompted = (sum(chances(rows, *shares)) for shares in ((0.95, 0, 2), (0, 0.8, 1)))
    assert found.routing.acceptable.share == pytest.approx((tuned + prompted) / 600)
    assert found.routing.share_of_requests == 0.2
    assert any("Sending these 20% of the requests to the prompted model" in reason for reason in found.verdict.reasons)
    # Nothing but the kind differs, and what identifies a request is no slice.
    assert {(row.field, row.value) for row in found.slices if row.worse} == {("kind", "hard")}
    assert {row.field for row in found.slices} >= {"kind", "color", "length of the request"}
    assert "number" not in {row.field for row in found.slices}


def test_what_no_request_shows_is_a_doubt_and_no_exception():
    rows = requests(600)
    long = [
        "a text " + "of many words " * (5 if row["kind"] == "hard" else n % 3) + str(n) for n, row in enumerate(rows)
    ]
    prompted, tuned = chances(rows, 0.6, 0.8, 1), chances(rows, 0.95, 0.2, 2)
    found = judged([{"number": n} for n in range(600)], references=long, prompted=prompted, tuned=tuned)
    assert found.verdict is not None
    assert (found.verdict.decision, as_json(found.verdict)["except"], found.routing) == ("fine-tune", [], None)
    assert found.verdict.doubt is not None
    assert found.verdict.confidence is not None
    assert found.verdict.doubt.startswith("Where the length of the reference is over ")
    assert "it is worse in a part of the requests" in found.verdict.confidence.sentence


def test_a_slice_needs_ten_groups():
    rows = requests(600)
    groups = [f"family {n % 5 if row['kind'] == 'hard' else n}" for n, row in enumerate(rows)]
    found = judged(rows, groups=groups, prompted=chances(rows, 0.6, 0.8, 1), tuned=chances(rows, 0.95, 0.2, 2))
    assert ("kind", "hard") not in {(row.field, row.value) for row in found.slices}


@pytest.mark.slow
def test_equal_variants_have_no_worse_slice():
    rows, false = requests(400), 0
    for seed in range(20):
        found = judged(rows, prompted=chances(rows, 0.8, 0.8, 2 * seed), tuned=chances(rows, 0.8, 0.8, 2 * seed + 1))
        false += any(row.worse for row in found.slices)
    assert false <= 1
