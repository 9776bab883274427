"""The table of thresholds against curating at each of them."""

import json

import pytest

from tuneworth.curate import CurateSettings, curate
from tuneworth.curate.summary import THRESHOLDS
from tuneworth.examples import example_path


@pytest.fixture(scope="module")
def rows():
    lines = (example_path("components") / "pairs.jsonl").read_text(encoding="utf-8").splitlines()
    labels = [
        {"id": f"l{i}", "input": f"review number {i // 2} of this long film", "output": f"good {i % 2}"}
        for i in range(40)
    ]
    parts = [json.loads(line) for line in lines[:1200]]
    repeats = [{**row, "id": f"again {row['id']}", "output": row["output"].replace(",", ";")} for row in parts[::40]]
    return [*parts, *repeats, *labels]


@pytest.mark.slow
@pytest.mark.parametrize("conflicts", ["quarantine", "keep best", "report"])
def test_each_row_of_the_table_is_what_curating_at_that_threshold_gives(rows, conflicts):
    table = curate(rows, identifiers=["part"], settings=CurateSettings(conflicts=conflicts), with_threshold_table=True)
    found = table.summary["threshold_table"]
    assert [row["threshold"] for row in found] == list(THRESHOLDS)
    for row in found[::2] if conflicts == "quarantine" else found[4:5]:
        settings = CurateSettings(near_duplicate=row["threshold"], conflicts=conflicts)
        done = curate(rows, identifiers=["part"], settings=settings)
        near = done.ledger.filter(rule="near_duplicate")
        assert (row["dropped"], row["conflicts"]) == (len(near), done.summary["outcomes"]["conflict"])
        if row["example"] is not None:
            assert row["example"]["similarity"] == pytest.approx(near["similarity"].min())
            own = near.filter(id=row["example"]["id"])
            assert own["other_id"].item() == row["example"]["other_id"]
    assert found[0]["dropped"] > found[-1]["dropped"]


def test_no_table_unless_asked(rows):
    assert curate(rows[:50], identifiers=["part"]).summary["threshold_table"] is None
