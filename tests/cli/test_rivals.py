"""Rivals in a run: measured with the model or the endpoint of their variants, announced, stored, left out with a reason."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ..conftest import pair
from ..evaluate.endpoint_server import Asked, EndpointServer, Step, completion
from .test_endpoint import MONEY

SCHEMA = Path(__file__).parents[2] / "evaluate/results.schema.json"
ASKED = ("nearest", "prompted + retry", "tuned + short guide")


def with_rivals(project: Path, rivals: str, more: str = "") -> Path:
    """The project with these rivals, and more keys in [evaluate.prompted]."""
    file = project / "tuneworth.toml"
    text = file.read_text().replace('rivals = "none"', f"rivals = {rivals}")
    file.write_text(text.replace("[evaluate.prompted]\n", f"[evaluate.prompted]\n{more}"))
    return project


def run_of(project: Path) -> Path:
    return sorted((project / "runs").iterdir())[-1]


def results_of(project: Path) -> dict[str, Any]:
    return json.loads((run_of(project) / "results.json").read_text())


def unmeasured(results: dict[str, Any]) -> dict[str, str]:
    return {row["name"]: row["why"] for row in results["rivals"] if not row["measured"]}


@pytest.mark.slow
def test_a_run_measures_every_rival_with_the_model_in_memory(command, project):
    done = command("run", with_rivals(project, '"all"', "retry = {tries = 2}\n"), "--json")
    assert done.code == 0, done.err
    results = results_of(project)
    jsonschema.validate(results, json.loads(SCHEMA.read_text(encoding="utf-8")))
    for name in ASKED:
        assert results["quality"][name]["n"] == 6, name
        assert f"evaluate: {name}, " in done.err
    assert "prompted + retry, 6 of 6 outputs retried, 0 fixed, in " in done.err  # a random model mends nothing
    assert done.err.count("model: loading") == 1
    assert not set(unmeasured(results)) & set(ASKED)
    rows = {row["name"]: row for row in results["rivals"]}
    assert (rows["nearest"]["way"], rows["nearest"]["of"], rows["nearest"]["calls"]) == ("nearest", ["prompted"], 1)
    assert (rows["prompted + retry"]["way"], rows["prompted + retry"]["calls"]) == ("retry", 2)
    assert "tuned + short guide" not in rows  # it is a form of the candidate
    tokens = results["tokens"]
    assert tokens["prompted + retry"]["output"] == pytest.approx(2 * tokens["prompted"]["output"], rel=0.2)
    assert tokens["nearest"]["fixed"] == tokens["prompted"]["fixed"]
    assert tokens["nearest"]["input"] > tokens["prompted"]["input"]
    # A second evaluation finds everything in the store.
    made = (run_of(project) / "evaluate/generated.jsonl").read_bytes()
    again = command("evaluate", project, "--json")
    assert (run_of(project) / "evaluate/generated.jsonl").read_bytes() == made
    assert again.json["quality"] == results["quality"]


@pytest.mark.slow
def test_named_rivals_alone_are_measured_and_the_others_say_why(command, project):
    done = command("run", with_rivals(project, '["nearest"]'), "--json")
    assert done.code == 0, done.err
    results = results_of(project)
    assert "nearest" in results["quality"]
    assert unmeasured(results) == dict.fromkeys(
        ("prompted + retry", "tuned + short guide"), "it is not among the stated rivals"
    )


@pytest.mark.slow
def test_rivals_take_no_more_than_their_share_of_the_time(command, trained):
    done = command("evaluate", with_rivals(trained, '"auto"\nrivals_time = 0'), "--json")
    assert done.code == 0, done.err
    why = unmeasured(results_of(trained))
    assert set(why) >= set(ASKED)
    assert all(", and of 0% of the run's own time, 0 s are left" in why[name] for name in ASKED)


def test_a_share_of_the_time_below_nothing_is_an_error(command, project):
    done = command("run", with_rivals(project, '"auto"\nrivals_time = -0.5'))
    assert done.code == 2
    assert '"rivals_time" is -0.5; expected 0 to 1000' in done.err


def test_an_unknown_rival_is_an_error_that_names_the_nearest(command, project):
    done = command("run", with_rivals(project, '["prompted + retries", "nearest + repair"]'))
    assert done.code == 2
    assert '"rivals" names "prompted + retries"; did you mean "prompted + retry"?' in done.err
    assert not (project / "runs").exists()


def test_a_table_for_nearest_may_not_name_another_model(command, project):
    with (with_rivals(project, '"all"') / "tuneworth.toml").open("a") as file:
        file.write('[evaluate.nearest]\nmodel = "other"\n')
    done = command("run", project)
    assert done.code == 2
    assert '"nearest": "model" has no effect, as it prompts the model of another variant' in done.err


# --- endpoints ------------------------------------------------------------------------------------------------------

HOSTED = """
[data]
path = "pairs.jsonl"
group = "family"
[evaluate]
variants = ["prompted", "tuned"]
rivals = {rivals}
{more}
[evaluate.prompted]
endpoint = "{url}"
model = "base"
guide = "guide.txt"
few_shot = 1
[evaluate.tuned]
endpoint = "{url}"
model = "ft:base:labels"
"""


def label(asked: Asked) -> Step:
    """The label of the request; the base model forgets its first word until the rule is named, for every fourth twice."""
    turns = [turn["content"] for turn in asked.body["messages"]]
    which = next((n for n in range(60) for turn in turns[-3:] if turn.endswith(f"weight: {n} kg")), None)
    text = "?" if which is None else pair(which)["output"]
    named = turns[-1].startswith("Your last answer breaks")
    if asked.body["model"] == "base" and which is not None and not (named and (which % 4 or turns[-2] == "nothing")):
        text = "nothing" if named else text.removeprefix("Box ")
    sent = sum(len(turn.split()) for turn in turns)
    return Step(body=completion(text, usage={"prompt_tokens": sent, "completion_tokens": 5, "total_tokens": sent + 5}))


@pytest.fixture
def hosted(tmp_path: Path, pairs_file: Path, style_file: Path):
    """Writes the project file of variants at `url`; the project's folder."""

    def write(url: str, rivals: str, *, more: str = "", prices: str = MONEY) -> Path:
        (tmp_path / "guide.txt").write_text("Write a label: Box with a COLOUR THING, WEIGHT.", encoding="utf-8")
        text = HOSTED.format(url=url, more=more, rivals=rivals) + prices
        (tmp_path / "tuneworth.toml").write_text(text, encoding="utf-8")
        return tmp_path

    return write


@pytest.mark.slow
def test_paid_rivals_need_to_be_asked_for(command, hosted):
    with EndpointServer(label) as server:
        project = hosted(server.url, '"auto"')
        done = command("run", project, "--json")
        assert done.code == 0, done.err
        first = len(server.requests)
        assert set(unmeasured(results_of(project))) == set(ASKED)
        assert set(unmeasured(results_of(project)).values()) == {
            'its requests to 127.0.0.1 are paid; rivals = "all", or a list with its name, measures it'
        }
        hosted(server.url, '"all"')
        again = command("evaluate", project, "--json")
        assert again.code == 0, again.err
    assert "127.0.0.1 gets " in again.err
    assert (
        "prompted + retry retries each output that breaks a rule at 127.0.0.1: at most 24 more requests; at most "
        in again.err
    )
    assert "prompted + retry, 12 of 12 outputs retried, 12 fixed" in again.err
    assert again.json["quality"]["prompted + retry"]["acceptable"]["share"] == 1
    wanted = [tuple(turn["content"] for turn in asked.body["messages"]) for asked in server.requests[first:]]
    assert max(Counter(wanted).values()) == 1
    retries = [turns for turns in wanted if turns[-1].startswith("Your last answer breaks")]
    slow = sum(pair_number(turns) % 4 == 0 for turns in retries) // 2
    assert len(retries) == 12 + slow
    calls = next(row["calls"] for row in again.json["rivals"] if row["name"] == "prompted + retry")
    assert calls == pytest.approx(1 + len(retries) / 12)


def pair_number(turns: tuple[str, ...]) -> int:
    return int(turns[-3].rpartition("weight: ")[2].removesuffix(" kg"))


@pytest.mark.slow
def test_a_plan_lists_every_rival_with_its_cost_or_the_reason_against_it(command, hosted):
    project = hosted("http://127.0.0.1:9/v1", '"auto"')
    assert command("curate", project).code == 0
    paid = command("evaluate", project, "--plan")
    assert paid.code == 0, paid.err
    assert "\nnearest: a rival, left out: its requests to 127.0.0.1 are paid; " in paid.out
    hosted("http://127.0.0.1:9/v1", '["nearest", "prompted + retry"]')
    done = command("evaluate", project, "--dry-run")
    assert "\nnearest: a rival, 14 requests to 127.0.0.1; about " in done.out
    assert "\nprompted + retry: a rival, at most 24 requests to 127.0.0.1; about " in done.out
    assert "tuned + short guide: a rival, left out: it is not among the stated rivals" in done.out
    told = command("evaluate", project, "--dry-run", "--json").json["rivals"]
    assert [(rival["name"], rival["requests"], rival["seconds"]) for rival in told] == [
        ("nearest", 14, None), ("prompted + retry", 24, None), ("tuned + short guide", 12, None),
    ]  # fmt: skip
    assert all(rival["cost"] > 0 for rival in told[:2])
    assert told[0]["input_tokens"] > 12 * 20


@pytest.mark.slow
def test_rivals_at_a_free_endpoint_need_no_request_by_name(command, hosted):
    with EndpointServer(label) as server:
        done = command("run", hosted(server.url, '"auto"', prices=""), "--json")
    assert done.code == 0, done.err
    assert "nearest" in json.loads(done.out)["quality"]


@pytest.mark.slow
def test_a_limit_stops_retries_too_and_a_higher_one_resumes(command, hosted):
    rivals = '["prompted + retry"]'
    with EndpointServer(label) as server:
        project = hosted(server.url, rivals, more="max_cost = 0.0035")
        done = command("run", project)
        assert done.code == 3
        assert "max_cost" in done.err
        assert '"prompted + retry"' in done.err
        asked = len(server.requests)
        hosted(server.url, rivals, more="max_cost = 1")
        again = command("evaluate", project, "--json")
        assert again.code == 0, again.err
        texts = [json.dumps(one.body) for one in server.requests]
    assert len(texts) > asked
    assert max(Counter(texts).values()) == 1


@pytest.mark.slow
def test_a_process_killed_among_retries_asks_for_nothing_twice(command, hosted):
    with EndpointServer(label) as server:
        project = hosted(server.url, '"all"')
        assert command("run", project).code == 0
        run, total = run_of(project), len(server.requests)
        whole = results_of(project)["quality"]
        answers = run / "evaluate/answers.jsonl"
        kills = 0
        for kept in (38, 44):  # the first of the retries is request 43 or so
            for file in (answers, run / "results.json"):
                file.unlink(missing_ok=True)
            server.requests.clear()
            server.behave = lambda asked: Step(**{**vars(label(asked)), "wait": 0.05})
            process = subprocess.Popen(
                [sys.executable, "-m", "tuneworth.cli", "evaluate", str(project)], stderr=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )  # fmt: skip
            while process.poll() is None and len(server.requests) < kept:
                time.sleep(0.01)
            os.kill(process.pid, signal.SIGKILL)
            kills += process.wait() == -signal.SIGKILL
            stored = len(answers.read_text().splitlines())
            server.behave = label
            before = len(server.requests)
            assert command("evaluate", project).code == 0
            # Those in flight when it was killed are the only ones that are sent again.
            assert len(server.requests) - before == total - stored
            assert results_of(project)["quality"] == whole
    assert kills == 2
