"""One decision for all rows that share something, over HTTP: previewed, written as one batch, taken back at once."""

import json
from pathlib import Path

import pytest

from tuneworth.project import curate_project, decide_row

from .small_runs import ledger_of

pytestmark = pytest.mark.slow


def asked(item: dict, action: str, by: str = "rule") -> dict:
    like = next(like for like in item["likes"] if like["by"] == by)
    return {"kind": item["kind"], "key": item["key"], "action": action, "by": by, "value": like["value"]}


def written(project: Path) -> list[dict]:
    file = project / "overrides.jsonl"
    return [json.loads(line) for line in file.read_text().split("\n") if line] if file.exists() else []


def test_a_preview_shows_each_row_and_writes_nothing(undecided, shared):
    client = shared.client()
    item = client.item("repair")
    request = asked(item, "accept")
    found = client.post("bulk/preview", **request)
    assert found["count"] == next(like["count"] for like in item["likes"] if like["by"] == "rule") > 2
    assert len(found["rows"]) == found["count"]
    for row in found["rows"]:
        before, after = ("".join(text for text, _ in row[name]) for name in ("before", "after"))
        assert (before, row["decision"]) == (after + ".", "keep")
    page = client.post("bulk/preview", **request, start=1, limit=2)
    assert (page["rows"], page["stamp"]) == (found["rows"][1:3], found["stamp"])
    assert written(undecided) == []


def test_a_bulk_is_one_batch_and_one_undo(undecided, shared):
    client = shared.client("Ada")
    client.decide(client.item("conflict"), "left")
    request = asked(client.item("repair"), "accept")
    found = client.post("bulk/preview", **request)
    saved = client.post("bulk/apply", **request, why="stops only", stamp=found["stamp"])
    lines = written(undecided)[2:]
    assert [line["id"] for line in lines] == [row["id"] for row in found["rows"]]
    assert saved["saved"] == len(lines) == found["count"]
    assert {(line["who"], line["why"], line["decision"]) for line in lines} == {("Ada", "stops only", "keep")}
    assert len({line["when"] for line in lines}) == 1
    undo = client.state()["undo"]
    assert (undo["decisions"], undo["what"]) == (len(lines), f"{len(lines)} decisions")
    assert client.undo().json()["taken_back"] == [line["id"] for line in lines]
    assert len(written(undecided)) == 2


def test_the_ledger_of_the_next_run_has_each_row_of_a_bulk(project, served):
    client = served.client()
    client.settled()
    request = asked(client.item("repair"), "accept")
    found = client.post("bulk/preview", **request)
    client.post("bulk/apply", **request, stamp=found["stamp"])
    ledger = ledger_of(curate_project(project))
    assert {ledger[row["id"]]["outcome"] for row in found["rows"]} == {"kept"}


@pytest.mark.parametrize("elsewhere", ["another tab", "the command", "nothing"])
def test_a_bulk_is_done_only_if_it_is_what_the_preview_showed(undecided, shared, elsewhere):
    client, other = shared.client("Ada"), shared.client("Bob")
    item = client.item("repair")
    request = asked(item, "accept")
    stamp = client.post("bulk/preview", **request)["stamp"]
    if elsewhere == "another tab":
        assert other.decide(other.item("repair"), "drop").status_code == 200
    elif elsewhere == "the command":
        decide_row(undecided, item["sides"][0]["id"], "drop", who="Bob")
    else:
        stamp = "x"
    before = written(undecided)
    answer = client.send("bulk/apply", **request, stamp=stamp)
    assert answer.status_code == 409
    assert written(undecided) == before


def test_another_action_needs_another_preview(undecided, shared):
    client = shared.client()
    item = client.item("repair")
    stamp = client.post("bulk/preview", **asked(item, "accept"))["stamp"]
    assert client.send("bulk/apply", **asked(item, "drop"), stamp=stamp).status_code == 409
    assert written(undecided) == []


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"action": "edit"}, 400), ({"by": "row"}, 400), ({"by": "file"}, 400), ({"by": ""}, 400), ({"key": "none"}, 404),
        ({"kind": "none"}, 404), ({"value": 1}, 400),
    ],
)  # fmt: skip
def test_a_bulk_that_makes_no_sense_is_refused(undecided, shared, change, status):
    client = shared.client()
    request = {**asked(client.item("repair"), "accept"), **change}
    assert client.send("bulk/preview", **request).status_code == status


@pytest.mark.parametrize("change", [{"value": "none"}, {"action": "fly"}, {"by": "field:none"}])
def test_nothing_is_shared_that_no_row_has(undecided, shared, change):
    client = shared.client()
    found = client.post("bulk/preview", **{**asked(client.item("repair"), "accept"), **change})
    assert (found["count"], found["rows"]) == (0, [])


def test_a_row_in_several_conflicts_is_decided_once(undecided, shared):
    """Three answers to one request: each is in two conflicts."""
    client = shared.client()
    item = next(one for key in keys(client) if (one := client.item("conflict", key))["likes"])
    request = asked(item, "left", by="group")
    found = client.post("bulk/preview", **request)
    client.post("bulk/apply", **request, stamp=found["stamp"])
    decided = [(line["id"], line["decision"]) for line in written(undecided)]
    assert len({id for id, _ in decided}) == len(decided) > 0


def keys(client) -> list[str]:
    return [entry["key"] for entry in client.get("queue", kind="conflict")["entries"]]
