"""Decisions over HTTP: written before the page says so, never lost, never overwritten."""

import json
import threading
import time
from pathlib import Path

import pytest

from tuneworth.curate import read_overrides
from tuneworth.project import curate_project, decide_row

from .served import Client, serving
from .small_runs import ledger_of

pytestmark = pytest.mark.slow


def written(project: Path) -> list[dict]:
    file = project / "overrides.jsonl"
    return [json.loads(line) for line in file.read_text().split("\n") if line] if file.exists() else []


def test_a_decision_is_a_line_of_each_row_with_its_content_and_its_person(undecided, shared):
    client = shared.client("Ada")
    item = client.item("conflict")
    answer = client.decide(item, "right", why="from the data sheet").json()
    left, right = (side["id"] for side in item["sides"])
    assert answer["saved"] == [{"id": left, "decision": "drop"}, {"id": right, "decision": "keep"}]
    lines = written(undecided)
    assert [(line["id"], line["decision"], line["who"], line["why"]) for line in lines] == [
        (left, "drop", "Ada", "from the data sheet"), (right, "keep", "Ada", "from the data sheet"),
    ]  # fmt: skip
    assert len({line["when"] for line in lines}) == 1
    assert [line["content"] for line in lines] == [side["content"] for side in item["sides"]]


def test_the_next_row_the_counts_and_the_version_follow(served):
    client = served.client()
    client.settled()
    client.counted()
    before, item = client.state(), client.item("rejected")
    assert client.state()["version"] == before["version"]
    answer = client.decide(item, "drop").json()
    after = client.state()
    counts = {state["version"]: {kind["kind"]: kind for kind in state["kinds"]} for state in (before, after)}
    old, new = (counts[state["version"]]["rejected"] for state in (before, after))
    assert (new["left"], new["decided"], new["count"]) == (old["left"] - 1, old["decided"] + 1, old["count"])
    assert before["version"] < answer["version"] <= after["version"]  # what is counted again may be there already
    assert answer["next"] == client.item("rejected")["key"] == item["next"]
    assert (old["seconds_each"], new["seconds_each"], new["seconds_left"]) == (None, 2.5, 2.5 * new["left"])


def test_what_the_page_showed_is_what_a_new_curate_does(project, served):
    client = served.client()
    conflict, rejected, near = client.item("conflict"), client.item("rejected"), client.item("near_duplicate")
    client.decide(conflict, "left")
    client.decide(rejected, "edit", text="Socket for the lamp in the hall")
    client.decide(near, "keep")
    ledger = ledger_of(curate_project(project))
    left, right = (side["id"] for side in conflict["sides"])
    assert (ledger[left]["outcome"], ledger[right]["outcome"]) == ("kept", "decided")
    for item in (rejected, near):
        assert ledger[item["sides"][0]["id"]]["outcome"] == "kept"


def test_the_counts_follow_and_are_those_of_a_new_curate(project, served):
    client = served.client()
    before = client.counted()
    assert before["after"] == before["before"]
    client.decide(client.item("conflict"), "left")
    client.decide(client.item("near_duplicate"), "keep")
    decide_row(project, "part-1", "drop")  # by the command, beside the page
    after = client.counted()["after"]
    summary = curate_project(project).curation
    assert after == {name: summary[name] for name in ("rows_read", "outcomes", "rules", "splits")}
    assert after != before["after"]


@pytest.mark.parametrize("elsewhere", ["tab", "command"])
def test_a_row_that_was_decided_elsewhere_is_shown_and_not_overwritten(undecided, shared, elsewhere):
    client, other = shared.client("Ada"), shared.client("Bob")
    item = client.item("conflict")
    if elsewhere == "tab":
        assert other.decide(other.item("conflict"), "left").status_code == 200
    else:
        decide_row(undecided, item["sides"][0]["id"], "keep", who="Bob")
    before = written(undecided)
    answer = client.decide(item, "neither")
    assert answer.status_code == 409
    assert "decided elsewhere" in answer.json()["error"]
    now = answer.json()["item"]
    assert now["sides"][0]["decision"]["who"] == "Bob"
    assert written(undecided) == before
    assert client.decide(now, "neither").status_code == 200  # who has seen that may decide otherwise


def test_a_decision_without_what_was_seen_is_refused(undecided, shared):
    client = shared.client()
    item = client.item("conflict")
    for seen in ({}, {side["id"]: "" for side in item["sides"]}, {side["id"]: "x" for side in item["sides"]}):
        assert client.decide(item, "left", seen=seen).status_code == 409
    assert written(undecided) == []


def test_of_two_who_decide_at_once_one_is_first(undecided, shared):
    clients = [shared.client(name) for name in ("Ada", "Bob", "Cleo", "Dan")]
    clients[0].settled()
    for _ in range(4):
        items = [client.item("rejected") for client in clients]
        before = len(written(undecided))
        answers: list[int] = []
        start = threading.Barrier(len(clients))

        def decide(client: Client, item: dict, start=start, answers=answers) -> None:
            start.wait()
            answers.append(client.decide(item, "drop").status_code)

        threads = [threading.Thread(target=decide, args=pair) for pair in zip(clients, items, strict=True)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answers) == [200, 409, 409, 409]
        assert len(written(undecided)) == before + 1


def test_two_servers_of_one_project_do_not_overwrite_each_other(undecided, shared):
    with serving(undecided) as second:
        ada, bob = shared.client("Ada"), second.client("Bob")
        ada.settled(), bob.settled()
        mine, other = ada.item("rejected"), bob.item("rejected")
        assert ada.decide(mine, "drop").status_code == 200
        assert bob.decide(other, "keep").status_code == 409
        assert bob.decide(bob.item("conflict"), "left").status_code == 200
        assert ada.state()["decisions"] == 3
        assert ada.undo().status_code == 200
        assert {line["who"] for line in written(undecided)} == {"Bob"}


def test_undo_takes_back_ones_own_last_batch(undecided, shared):
    ada, bob = shared.client("Ada"), shared.client("Bob")
    first = ada.item("conflict")
    ada.decide(first, "left")
    bob.decide(bob.item("rejected"), "drop")
    answer = ada.undo().json()
    assert answer["taken_back"] == [side["id"] for side in first["sides"]]
    assert (answer["kind"], answer["key"]) == ("conflict", first["key"])
    assert [line["who"] for line in written(undecided)] == ["Bob"]
    assert ada.undo().status_code == 409
    assert ada.state()["undo"] is None
    assert ada.item("conflict")["key"] == first["key"]


def test_undo_of_what_is_no_longer_the_last_is_refused(undecided, shared):
    client = shared.client()
    client.decide(client.item("conflict"), "left")
    stamp = client.state()["undo"]["stamp"]
    client.decide(client.item("rejected"), "drop")
    before = written(undecided)
    assert client.send("undo", stamp=stamp).status_code == 409
    assert written(undecided) == before


@pytest.mark.parametrize(
    ("kind", "action", "more"),
    [
        ("conflict", "accept", {}), ("conflict", "fly", {}), ("rejected", "edit", {}), ("rejected", "edit", {"text": "  "}),
        ("rejected", "left", {}), ("conflict", "", {}),
    ],
)  # fmt: skip
def test_an_action_that_does_not_fit_is_refused_with_a_sentence(undecided, shared, kind, action, more):
    client = shared.client()
    answer = client.decide(client.item(kind), action, **more)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert written(undecided) == []


def test_what_was_said_to_be_saved_survives_a_kill(project):
    saved = []
    for round in range(3):
        with serving(project) as served:
            client = served.client()
            for _ in range(2):
                answer = client.decide(client.item("rejected"), "drop", why=f"round {round}")
                saved += [entry["id"] for entry in answer.json()["saved"]]
            served.kill()
        assert [override.id for override in read_overrides(project / "overrides.jsonl")] == saved


def test_a_half_written_line_is_removed_and_said(project):
    file = project / "overrides.jsonl"
    whole = '{"id": "part-1", "decision": "drop"}\n'
    file.write_text(whole + '{"id": "part-2", "deci')
    with serving(project) as served:
        assert "half-written line" in served.client().state()["notice"]
        assert file.read_text() == whole
    with serving(project) as served:
        assert served.client().state()["notice"] == ""


def test_a_full_disk_is_said_and_loses_nothing(project):
    """The largest size of a file that the process may write stands for the end of the disk."""
    file = project / "overrides.jsonl"
    before = "".join(f'{{"id": "part-{n}", "decision": "keep"}}\n' for n in range(30))
    file.write_text(before)
    with serving(project, most_bytes=len(before) + 1100) as served:
        client = served.client()
        client.settled()
        codes = []
        for _ in range(6):
            item = client.item("rejected")
            answer = client.decide(item, "drop", why="x" * 300)
            codes.append(answer.status_code)
            if answer.status_code == 507:
                assert answer.json()["error"].startswith("not saved: ")
                assert client.item("rejected")["key"] == item["key"]
                break
        assert codes[-1] == 507
        assert client.decide(client.item("rejected"), "drop").status_code == 200  # short enough
    lines = file.read_text().splitlines()
    assert "\n".join([*lines[:30], ""]) == before
    assert len(lines) == 30 + len(codes)
    assert [json.loads(line)["decision"] for line in lines[30:]] == ["drop"] * len(codes)


def test_texts_of_any_kind_come_back_as_they_were(undecided, shared):
    texts = [
        "\u2028\u202e<script>alert(1)</script>",
        "\0 zero",
        "tab\there",
        "\U0001f600 zwölf",
        '"}{\\',
        "line\nfeed\r\n",
    ]
    client = shared.client("Ada \u202e</script>")
    for text in texts:
        item = client.item("rejected")
        assert client.decide(item, "edit", text=text, why=text).status_code == 200
        decision = client.item("rejected", item["key"])["sides"][0]["decision"]
        assert (decision["text"], decision["why"]) == (text, text)
        if client.state()["kinds"] == [] or client.http.get("api/item", params={"kind": "rejected"}).status_code == 404:
            break
    assert {line["who"] for line in written(undecided)} == {"Ada \u202e</script>"}


def test_a_run_that_another_process_curates_again_is_read_anew(command, pairs_file, tmp_path):
    command("curate", pairs_file, "--out", tmp_path / "clean")
    with serving(tmp_path / "clean") as served:
        client = served.client()
        client.settled()
        client.counted()
        before = client.state()["version"]
        assert client.state()["version"] == before
        command("curate", tmp_path / "clean", "--again")
        assert client.state()["version"] > before


def test_a_run_that_cannot_be_counted_says_why(command, pairs_file, style_file, tmp_path):
    command("curate", pairs_file, "--style", style_file, "--out", tmp_path / "clean")
    style_file.unlink()
    with serving(tmp_path / "clean") as served:
        counts = served.client().counted()
    assert (counts["state"], counts["after"]) == ("off", None)
    assert "style.yaml" in counts["why"]


def test_curating_again_shows_its_progress_and_then_the_new_run(project, served):
    client = served.client()
    item = client.item("conflict")
    client.decide(item, "left")
    before = client.state()
    client.post("curate")
    assert client.send("curate").status_code == 400  # one at a time
    while (state := client.state())["curate"]["state"] == "running":
        assert state["run"] == before["run"]
        time.sleep(0.05)
    assert state["curate"]["state"] == "done", state["curate"]
    assert state["curate"]["run"] == state["run"] != before["run"]
    assert state["curate"]["lines"]
    counts = {kind["kind"]: kind["count"] for kind in state["kinds"]}
    assert counts["conflict"] == {kind["kind"]: kind["count"] for kind in before["kinds"]}["conflict"] - 1


def test_a_curation_that_fails_says_why_and_changes_nothing(project, served):
    client = served.client()
    before = client.state()["run"]
    (project / "pairs.jsonl").write_text("")
    client.post("curate")
    state = client.curated()
    assert state["curate"]["state"] == "failed"
    assert "pairs.jsonl" in " ".join(state["curate"]["lines"])
    assert state["run"] == before


def test_a_run_of_a_file_is_curated_again_in_its_folder(command, pairs_file, style_file, tmp_path):
    command("curate", pairs_file, "--style", style_file, "--out", tmp_path / "clean")
    decide_row(tmp_path / "clean", "p3", "drop")
    with serving(tmp_path / "clean") as served:
        client = served.client()
        client.post("curate")
        state = client.curated()
        assert (state["curate"]["state"], state["curate"]["run"]) == ("done", "clean"), state["curate"]
    summary = json.loads((tmp_path / "clean/curate/summary.json").read_text())
    assert summary["outcomes"]["decided"] == 1


def test_a_run_whose_file_is_gone_says_how_to_curate_it(command, pairs_file, tmp_path):
    command("curate", pairs_file, "--out", tmp_path / "clean")
    pairs_file.unlink()
    with serving(tmp_path / "clean") as served:
        client = served.client()
        client.post("curate")
        state = client.curated()
    assert state["curate"]["state"] == "failed"
    assert f"is no longer at {pairs_file}" in state["curate"]["lines"][0]
