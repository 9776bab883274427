"""Watching a judged run end to end: a server that is honest, swapped, down or slow, and today's prices and volume."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from shutil import copytree

import pytest

from tuneworth.core import Appending, ConfigError, DataError, RunBroken
from tuneworth.deploy import (
    Served,
    Watched,
    WatchSettings,
    plan_watch,
    served_at,
    watch_markdown,
    watch_run,
    watch_text,
    watch_title,
)
from tuneworth.deploy.watch.served import History, Watcher
from tuneworth.project import Run, judge_outputs

from ..conftest import pair
from ..evaluate.endpoint_server import EndpointServer, Step, error
from .watched import down, honest, judge, number_of, swapped

pytestmark = pytest.mark.slow
START = datetime(2026, 11, 28, 6, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    return judge(tmp_path_factory.mktemp("judged") / "labels")


@pytest.fixture
def run(judged, tmp_path):
    """A copy of the judged project's run."""
    return copytree(judged.parent.parent, tmp_path / "labels") / "runs" / judged.name


@pytest.fixture
def server():
    with EndpointServer(honest) as opened:
        yield opened


def looking(server, **changes):
    return WatchSettings(served=[Served(server.url, "small")], **changes)


def weekly(run, server, behaviours):
    """The standing after each of these looks, a week apart, at a server that behaves as stated."""
    standings = []
    for week, behave in enumerate(behaviours):
        server.behave = behave
        watcher = Watcher(Run(run), History(run), 40, None, now=START + timedelta(weeks=week), looks=True)
        standings.append(watcher.watch(Served(server.url, "small"))["standing"])
    return standings


def look(run, server, weeks=0, **changes):
    """What a watch that looks at the server now says."""
    return watch_run(run, looking(server, **changes), now=START + timedelta(weeks=weeks)).content


def standing(content):
    return content["endpoints"][0]["standing"]


def asked_numbers(requests):
    return {number_of(one) for one in requests}


def test_a_server_that_swaps_its_model_on_day_nine_is_caught_and_an_honest_one_is_not(run, server):
    standings = weekly(run, server, [honest] * 8 + [swapped] * 3)
    assert not any(one["worse"] for one in standings[:8])
    content = look(run, server, weeks=11)
    assert content["answer"] == "worse"
    assert standing(content)["since"]["look"] == 9
    assert standing(content)["fall"]["low"] > 0.03
    assert content["endpoints"][0]["model_before"] == ["tuned-1"]
    assert content["endpoints"][0]["fingerprint_before"] == ["fp-tuned-1"]
    assert 0.015 < standing(content)["spent"] < 0.05
    assert watch_title(content).startswith('Worse than judged: "small" fell by')
    assert "no-stop" in watch_markdown(content)
    assert repr(Watched(content)) == watch_text(content)
    assert "<strong>Worse than judged: &quot;small&quot; fell by" in Watched(content)._repr_html_()
    lines = (run / "watch" / "answers.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == len(server.requests) == 12 * 40


def test_a_day_without_an_answer_is_said_spends_nothing_and_asks_the_same_rows_again(run, server):
    (first,) = weekly(run, server, [honest])
    server.behave = down
    silent = look(run, server, weeks=1)
    assert silent["answer"] == "as judged"
    assert 'but "small" did not answer' in watch_title(silent)
    assert "nothing was spent" in watch_text(silent)
    assert standing(silent) == first
    tried = len(server.requests)
    server.behave = honest
    weekly(run, server, [honest])
    assert [one["look"] for one in History(run).read()] == [1, 2, 2]
    assert asked_numbers(server.requests[40:tried]) <= asked_numbers(server.requests[tried:])


def test_a_server_that_answers_half_of_the_rows_is_no_evidence(run, server):
    (standing,) = weekly(run, server, [lambda asked: swapped(asked) if number_of(asked) % 2 else error(400, "no")])
    assert (standing["looks"], standing["spent"]) == (0, 0.0)
    (one,) = History(run).read()
    assert "of 40 rows were answered; the first failure: 400: no" in one["reason"]


def test_an_endpoint_that_never_answered_is_wrong_input(run, server):
    server.behave = lambda asked: Step(404, {"error": {"message": "no such model"}})
    with pytest.raises(ConfigError, match='has no model "small"'):
        watch_run(run, looking(server))
    assert not (run / "watch" / "looks.jsonl").exists()


def test_a_limit_stops_a_look_and_the_next_call_completes_it_without_asking_twice(run, server):
    with pytest.raises(RunBroken, match="--max-cost"):
        watch_run(run, looking(server, max_cost=Decimal("0.0012")))
    before = len(server.requests)
    assert 0 < before < 40
    weekly(run, server, [honest])
    assert History(run).read()[-1]["answered"] == 40
    assert len(server.requests) == 40
    assert max(Counter(map(number_of, server.requests)).values()) == 1


def test_a_killed_watch_is_completed_by_the_next_without_asking_for_a_stored_answer(run, server):
    server.behave = lambda asked: replace(honest(asked), wait=0.0 if asked.number < 16 else 0.2)
    words = [sys.executable, "-m", "tuneworth.cli", "watch", run, "--endpoint", server.url, "--model", "small"]
    with subprocess.Popen(
        [str(word) for word in words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        while not stored(run) and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    kept = stored(run)
    assert 0 < len(kept) < 40
    before = len(server.requests)
    weekly(run, server, [honest])
    assert History(run).read()[-1]["answered"] == 40
    assert len(server.requests) - before == 40 - len(kept)
    assert not list((run / "watch" / "asking").glob("*.jsonl"))


def stored(run: Path) -> list[str]:
    """The complete answers of the look under way."""
    files = list((run / "watch" / "asking").glob("*-[0-9][0-9][0-9][0-9].jsonl"))
    return [line for file in files for line in file.read_text(encoding="utf-8").split("\n")[:-1]]


def test_a_full_disk_is_no_look_at_a_server_without_an_answer(run, server, monkeypatch):
    add = Appending.add

    def full(file, data, **more):
        if file.path.parent.name == "asking":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        add(file, data, **more)

    monkeypatch.setattr(Appending, "add", full)
    with pytest.raises(RunBroken, match="cannot be written: No space left on device"):
        weekly(run, server, [honest])
    assert History(run).read() == []


def test_the_next_look_removes_what_a_kill_left_of_one_that_was_complete(run, server):
    weekly(run, server, [honest])
    left = History(run).under_way(Served(server.url, "small"), 1)
    for file in (left, left.with_suffix(".sent.jsonl")):
        file.write_text("{}\n", encoding="utf-8")
    weekly(run, server, [honest])
    assert not list(left.parent.glob("*.jsonl"))


def test_two_watchers_at_once_do_not_both_look(run, server):
    with History(run).alone() as alone:
        assert alone
        content = look(run, server)
    assert content["busy"]
    assert not server.requests
    assert not (run / "watch" / "looks.jsonl").exists()


def test_a_look_cut_short_while_it_was_written_is_made_again_from_its_answers(run, server):
    weekly(run, server, [honest, honest])
    file = run / "watch" / "looks.jsonl"
    whole = file.read_bytes()
    file.write_bytes(whole[:-200])
    assert len(History(run).read()) == 1
    weekly(run, server, [honest])
    assert [one["look"] for one in History(run).read()] == [1, 2]


def test_a_damaged_history_names_its_line(run):
    (run / "watch").mkdir()
    (run / "watch" / "looks.jsonl").write_text("{}\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"looks\.jsonl, line 1: lacks the key"):
        watch_run(run, WatchSettings(served=[Served("http://127.0.0.1:1/v1", "small")]))


def test_looks_that_were_scored_by_another_style_do_not_count(run, server):
    weekly(run, server, [honest, honest])
    style = run.parent.parent / "style.yaml"
    style.write_text(style.read_text(encoding="utf-8").replace("none", '"."'), encoding="utf-8")
    content = look(run, server, weeks=2)
    assert standing(content)["looks"] == 1
    assert "2 earlier looks compared with other outcomes" in " ".join(watch_text(content).split())


def test_the_plan_says_the_cost_and_asks_nothing(run, server):
    (line,) = plan_watch(run, looking(server))
    assert "gets 40 requests" in line
    assert "EUR" in line
    assert not server.requests


# --- decided again --------------------------------------------------------------------------------------------------


def settings(run, before, after):
    file = run.parent.parent / "tuneworth.toml"
    file.write_text(file.read_text(encoding="utf-8").replace(before, after), encoding="utf-8")


def files(run):
    return {
        path.name: path.read_bytes() for path in (*run.glob("*.json"), *(run / "evaluate").iterdir()) if path.is_file()
    }


def test_another_price_gives_another_verdict_without_changing_the_run(run, command, tmp_path):
    before = files(run)
    assert command("watch", run).code == 0
    settings(run, "price_input = 1\nprice_output = 2", "price_input = 500\nprice_output = 2000")
    done = command("watch", run, "--markdown", tmp_path / "issue.md")
    assert done.code == 4
    assert done.out.startswith("Decide again: cannot tell yet, not fine-tune")
    assert "tuned.price_input from 1 to 500" in done.out
    assert (
        (tmp_path / "issue.md").read_text(encoding="utf-8").startswith("# Decide again: cannot tell yet, not fine-tune")
    )
    assert files(run) == before
    gated = command("watch", run, "--gate")
    assert gated.code == 1
    assert "Decide again" in gated.err


def test_a_retirement_date_is_said_with_the_days_until_then(run, command):
    day = datetime.now(UTC).date() + timedelta(days=30)
    settings(run, "monitoring_hourly = 0", f"monitoring_hourly = 0\nbase_model_retires = {day}")
    done = command("watch", run, "--json")
    assert done.json["retires"] == {"date": str(day), "days": 30, "soon": True}
    assert "the base model retires soon" in watch_text(done.json) or done.json["answer"] != "as judged"


# --- logs -----------------------------------------------------------------------------------------------------------


def log_of(path, numbers, *, good=0.9, days=14.0, changes=lambda n, row: row):
    rows = []
    for place, n in enumerate(numbers):
        one = pair(n)
        output = one["output"] + ("" if (place * 7919) % 100 < 100 * good else ".")
        moment = START + timedelta(days=days * place / len(numbers))
        rows.append(changes(n, {"input": one["input"], "output": output, "timestamp": moment.isoformat()}))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


AS_STATED = 170 / 14 / 5000  # the share of the stated 5,000 requests a day that 170 in a fortnight are


def watched_log(run, file, log_share=AS_STATED):
    return watch_run(run, WatchSettings(log=file, log_share=log_share), now=START + timedelta(days=15)).content


def test_live_outputs_are_scored_by_the_rules_and_an_honest_log_is_as_judged(run, tmp_path):
    logs = watched_log(run, log_of(tmp_path / "log.jsonl", range(170)))["logs"]
    assert logs["live"]["worse"] is False
    assert logs["live"]["acceptable"]["share"] == pytest.approx(0.9, abs=0.02)
    assert logs["live"]["windows"] > 1
    assert logs["drift"]["drifted"] is False


def test_a_live_model_that_breaks_a_rule_is_worse_and_its_rows_count_once(run, tmp_path):
    file = log_of(tmp_path / "log.jsonl", range(170), good=0.6)
    content = watched_log(run, file)
    assert content["answer"] == "worse"
    assert content["logs"]["rules"] == {"no-stop": pytest.approx(0.4, abs=0.02)}
    again = watched_log(run, file)["logs"]
    assert again["new"] == 0
    assert again["live"] == content["logs"]["live"]


def test_only_the_new_rows_of_a_growing_log_without_times_count(run, tmp_path):
    drop = lambda n, row: {key: row[key] for key in ("input", "output")}  # noqa: E731
    assert watched_log(run, log_of(tmp_path / "log.jsonl", range(50), changes=drop))["logs"]["new"] == 50
    grown = watched_log(run, log_of(tmp_path / "log.jsonl", range(80), changes=drop))["logs"]
    assert (grown["new"], grown["live"]["windows"], grown["timed"]) == (30, 2, False)


def test_requests_of_another_kind_are_drift_and_named(run, tmp_path):
    def changed(n, row):
        return row | {"input": {**row["input"], "colour": "violet" if n % 2 else "red", "urgent": "yes"}}

    content = watched_log(run, log_of(tmp_path / "log.jsonl", range(170), changes=changed))
    drift = content["logs"]["drift"]
    assert drift["drifted"]
    assert ("value", "colour", "violet") in {(one["kind"], one["field"], one["value"]) for one in drift["differences"]}
    assert drift["new"]["fields"] == {"urgent": 170}
    assert drift["new"]["values"]["colour"] == {"violet": 85}
    assert 'New values of "colour": violet (85)' in watch_text(content)


def test_the_limits_of_a_log_are_stated_for_it_alone(run, tmp_path):
    file = log_of(tmp_path / "log.jsonl", range(60))
    with pytest.raises(DataError, match="record"):  # every line is beyond it
        watch_run(run, WatchSettings(log=file, limits={"record": 20}), now=START + timedelta(days=15))
    with pytest.raises(ConfigError, match='limits: unknown limit "recrod"'):
        WatchSettings(log=file, limits={"recrod": 20})


def test_an_output_that_is_missing_from_the_log_counts_against_the_model(run, tmp_path):
    empty = lambda n, row: row | {"output": "" if n % 2 else row["output"]}  # noqa: E731
    content = watched_log(run, log_of(tmp_path / "log.jsonl", range(170), changes=empty))
    assert content["logs"]["no_output"] == 85
    assert content["answer"] == "worse"


def test_chat_logs_with_rendered_fields_are_read_as_those_fields(run, tmp_path):
    def chat(n, row):
        text = "\n".join(f"{name}: {value}" for name, value in row["input"].items())
        roles = [{"role": "user", "content": text}, {"role": "assistant", "content": row["output"]}]
        return {"messages": roles, "timestamp": row["timestamp"]}

    logs = watched_log(run, log_of(tmp_path / "log.jsonl", range(170), changes=chat))["logs"]
    assert logs["drift"]["drifted"] is False
    assert logs["live"]["acceptable"]["share"] == pytest.approx(0.9, abs=0.02)


def test_the_volume_of_the_log_is_decided_with_where_it_is_outside_the_assumed_range(run, tmp_path):
    file = log_of(tmp_path / "log.jsonl", range(170))
    content = watched_log(run, file, log_share=1.0)
    assert content["volume"]["requests_per_day"] == pytest.approx(170 / 14, rel=0.02)
    assert content["again"]["measured_volume"] == pytest.approx(170 / 14, rel=0.02)
    assert content["answer"] == "decide again"
    assert content["again"]["now"]["decision"] != "fine-tune"
    usual = watched_log(run, file)
    assert usual["again"]["measured_volume"] is None
    assert usual["answer"] == "as judged"


def test_a_model_name_with_markup_is_text_in_the_issue(run):
    name = "<b>x</b> @team [a](http://b) \x1b[31m"
    with EndpointServer(honest) as server:
        content = watch_run(run, WatchSettings(served=[Served(server.url, name)])).content
    page = watch_markdown(content)
    assert "<b>" not in page
    assert "@team" not in page
    assert "[a](" not in page
    assert "\x1b" not in page


def test_models_are_named_once_for_all_endpoints_or_once_each_or_not_at_all(run, server):
    urls = [server.url, "http://127.0.0.1:9/v1"]
    assert [one.model for one in served_at(run, urls, ["a"])] == ["a", "a"]
    assert [one.model for one in served_at(run, urls, ["a", "b"])] == ["a", "b"]
    with pytest.raises(ConfigError, match="expected one name for all 2 endpoints, or one for each; found 3"):
        served_at(run, urls, ["a", "b", "c"])
    weekly(run, server, [honest])
    assert [one.model for one in served_at(run, [server.url], [])] == ["small"]


def test_wrong_numbers_are_refused():
    for wrong in ({"rows": 0}, {"log_share": 0.0}, {"log_share": 1.5}, {"max_cost": Decimal(-1)}):
        with pytest.raises(ConfigError, match=next(iter(wrong)).replace("_", "-")):
            WatchSettings(**wrong)


def test_collected_outputs_have_no_model_to_ask_but_a_verdict_to_give_again(run, tmp_path):
    pairs = [{"id": f"p{n}", **pair(n)} for n in range(40)]
    outputs = [{"id": f"p{n}", "output": pair(n)["output"]} for n in range(40)]
    judged = judge_outputs(
        pairs, {"prompted": outputs, "tuned": outputs}, run.parent.parent / "style.yaml", out=tmp_path / "out"
    )
    with pytest.raises(ConfigError, match="only its verdict can be updated"):
        watch_run(judged.folder, WatchSettings(served=[Served("http://127.0.0.1:9/v1", "small")]))
    assert watch_run(judged.folder, WatchSettings()).answer == "as judged"
