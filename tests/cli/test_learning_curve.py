"""`tuneworth train --learning-curve`: the parts, what is left behind, what is not done twice."""

import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.project.training.learning_curve import PARTS, nested_part


def table(groups: list[int | None]) -> pl.DataFrame:
    return pl.DataFrame(
        {"id": [f"p{i}" for i in range(len(groups))], "group": [None if g is None else f"g{g}" for g in groups]},
        schema={"id": pl.String, "group": pl.String},
    )


@given(st.lists(st.one_of(st.none(), st.integers(0, 20)), max_size=80), st.integers(0, 5))
def test_parts_lie_in_each_other_whatever_the_order_of_the_rows(groups, seed):
    pairs = table(groups)
    parts = [set(nested_part(pairs, share, seed=seed)["id"]) for share in PARTS]
    assert parts[0] <= parts[1] <= parts[2]
    assert [len(part) for part in parts] == [round(share * len(pairs)) for share in PARTS]
    assert set(nested_part(pairs.reverse(), PARTS[1], seed=seed)["id"]) == parts[1]


def test_groups_stay_whole_but_the_last():
    pairs = table([i // 5 for i in range(100)])
    counts = nested_part(pairs, 0.5, seed=1)["group"].value_counts()["count"].to_list()
    assert sorted(counts)[1:] == [5] * (len(counts) - 1)


@pytest.mark.slow
def test_too_few_pairs_are_found_before_anything_is_trained(command, project):
    assert command("curate", project, "--quiet").code == 0
    done = command("train", project, "--learning-curve")
    assert done.code == 2
    assert "too few for a learning curve" in done.err
    run = next((project / "runs").iterdir())
    assert not (run / "train").exists()


@pytest.fixture
def larger(project):
    lines = (project / "pairs.jsonl").read_text().splitlines()
    more = []
    for copy in range(5):
        for line in lines:
            pair = json.loads(line)
            number = int(pair["id"][1:]) + 100 * copy + 1
            pair["id"] = f"q{number}"
            pair["family"] = f"f{number // 2}"
            pair["input"]["weight"] = f"{number} kg"
            pair["output"] = pair["output"].rpartition(",")[0] + f", {number} kg"
            more.append(json.dumps(pair))
    (project / "pairs.jsonl").write_text("\n".join(more) + "\n")
    return project


@pytest.mark.slow
def test_the_curve_is_made_once_and_stands_in_the_results(command, larger):
    (larger / "style.yaml").write_text("checks: [{kind: equals}]", encoding="utf-8")
    assert command("curate", larger, "--quiet").code == 0
    assert command("train", larger, "--quiet").code == 0
    done = command("train", larger, "--learning-curve")
    assert done.code == 0, done.err
    assert "correct on the test pairs" in done.out
    assert "Doubling the examples to" in done.out
    assert done.err.count("training on") == len(PARTS)
    run = next((larger / "runs").iterdir())
    curve = json.loads((run / "train" / "learning_curve.json").read_text())
    assert curve["sizes"] == sorted(curve["sizes"])
    # The tiny models say nothing right, which only the references can tell.
    assert [share["share"] for share in curve["acceptable"]] == [0] * (len(PARTS) + 1)
    made = (run / "evaluate" / "generated.jsonl").read_bytes()
    again = command("train", larger, "--learning-curve", "--json")
    assert again.json["learning_curve"] == curve
    assert "training on" not in again.err
    assert (run / "evaluate" / "generated.jsonl").read_bytes() == made
    assert command("evaluate", larger, "--json").json["learning_curve"] == curve
