"""The style and judging at the addresses that the page asks."""

import time
from collections.abc import Iterator

import pytest

from .served import Client, Served, serving
from .small_runs import all_kinds, curated

pytestmark = pytest.mark.slow


@pytest.fixture
def served(tmp_path) -> Iterator[Served]:
    run = curated(tmp_path / "parts", all_kinds())
    with serving(run.folder) as served:
        yield served


def rules(client: Client) -> dict:
    while (found := client.get("style"))["counting"]:
        time.sleep(0.05)
    return found


def test_a_rule_is_tried_saved_and_counted_anew(served: Served):
    client = served.client()
    found = rules(client)
    check = next(rule for rule in found["checks"] if rule["numbers"] or rule["lists"])
    assert all(isinstance(rule["fail"], int) for rule in found["checks"])
    edits = [{"check": check["id"], "level": "should"}]
    tried = client.post("style/try", edits=edits, start=0, limit=5)
    assert tried["checked"] == tried["total"] > 0
    assert tried["diff"].count("\n+") == 2
    assert client.send("style/save", edits=edits, stamp="other").status_code in (400, 409, 422)
    path = client.post("style/save", edits=edits, stamp=tried["stamp"])["path"]
    assert path == found["path"]
    assert {rule["id"]: rule["level"] for rule in rules(client)["checks"]}[check["id"]] == "should"
    refused = client.send("style/try", edits=[{"check": "nobody", "level": "should"}], start=0, limit=5)
    assert refused.status_code in (400, 422)
    assert "no check" in refused.json()["error"]


def test_a_run_without_outputs_has_nothing_to_judge(served: Served):
    client = served.client()
    assert client.state()["judging"] is False
    assert client.send("judging", id="p1", choice="left", seconds=1).status_code in (400, 404, 422)
