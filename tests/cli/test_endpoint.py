"""Projects whose variants are at endpoints: curated and judged without torch, without a model."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ..conftest import pair
from ..evaluate.endpoint_server import Asked, EndpointServer, Step, completion, error


def labels(asked: Asked) -> Step:
    """The label of the pair; the model that was not tuned forgets the first word of every third."""
    sent = sum(len(m["content"].split()) for m in asked.body["messages"])
    text = next((pair(n)["output"] for n in range(200) if asked.text.endswith(f"weight: {n} kg")), "?")
    if asked.body["model"] == "base" and len(text) % 3 == 0:
        text = text.removeprefix("Box ")
    usage = {"prompt_tokens": sent, "completion_tokens": len(text.split()), "total_tokens": sent + len(text.split())}
    return Step(body=completion(text, usage=usage))


PROJECT = """
[data]
path = "pairs.jsonl"
group = "family"
[evaluate]
variants = ["prompted", "tuned"]
rivals = "none"
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
MONEY = """
[roi]
requests_per_day = 1000
failures = "repair"
failure_cost = 0.1
[roi.prompted]
price_input = 1
price_output = 4
[roi.tuned]
price_input = 1
price_output = 4
"""


@pytest.fixture
def hosted(tmp_path: Path, pairs_file: Path, style_file: Path):
    """Writes the project file of variants at `url`; the project's folder."""

    def write(url: str, *, more: str = "", money: str = MONEY) -> Path:
        (tmp_path / "guide.txt").write_text("Write a label: Box with a COLOUR THING, WEIGHT.", encoding="utf-8")
        (tmp_path / "tuneworth.toml").write_text(PROJECT.format(url=url, more=more) + money, encoding="utf-8")
        return tmp_path

    return write


def the_run(project: Path) -> Path:
    (run,) = (project / "runs").iterdir()
    return run


def outputs_of(run: Path) -> list[dict[str, Any]]:
    """What the run's outputs say, but for the seconds."""
    lines = [json.loads(line) for line in (run / "evaluate" / "outputs.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


@pytest.mark.slow
def test_a_project_of_endpoints_goes_from_pairs_to_a_verdict(command, hosted):
    with EndpointServer(labels) as server:
        project = hosted(server.url)
        done = command("run", project, "--json")
    assert done.code == 0, done.err
    assert done.json["quality"]["tuned"]["n"] == 12
    assert done.json["quality"]["tuned"]["acceptable"]["share"] == 1
    assert done.json["quality"]["prompted"]["acceptable"]["share"] < 1
    assert done.json["money"]["saving_per_request"] > 0
    results = json.loads((the_run(project) / "results.json").read_text())
    assert results["variants"]["prompted"]["source"] == results["variants"]["tuned"]["source"] == "endpoint"
    # Nine words of guide and the example's fifteen, counted by the endpoint with the full stop's own taken off.
    assert results["tokens"]["prompted"]["fixed"] > results["tokens"]["tuned"]["fixed"] == 0
    assert results["validity"] == []
    assert not (the_run(project) / "train").exists()
    assert "127.0.0.1 gets 28 requests" in done.err
    assert "evaluate: 28 requests sent to endpoints; the answers cost" in done.err


@pytest.mark.slow
def test_what_models_here_need_is_said_before_an_endpoint_is_paid(command, hosted, monkeypatch):
    monkeypatch.setattr("tuneworth.project.load.find_spec", lambda name: None if name == "torch" else name)
    with EndpointServer(labels) as server:
        project = hosted(server.url)
        file = project / "tuneworth.toml"
        file.write_text(file.read_text().replace('["prompted", "tuned"]', '["plain", "prompted", "tuned"]'))
        assert command("curate", project).code == 0
        done = command("evaluate", project)
    assert (done.code, server.requests) == (2, [])
    assert '"plain": a model on this machine generates these outputs, which needs torch\n' in done.err
    assert "only variants with outputs or an endpoint" in done.err


@pytest.mark.slow
def test_a_second_evaluation_asks_for_nothing_and_says_the_same(command, hosted):
    with EndpointServer(labels) as server:
        project = hosted(server.url)
        first = command("run", project, "--json").json
        server.requests.clear()
        second = command("evaluate", project, "--json")
        assert second.code == 0, second.err
        assert server.requests == []
    assert second.json["quality"] == first["quality"]
    assert "requests" not in second.err


BASE_INSTALL = """
import sys

HEAVY = {"torch", "transformers", "peft", "datasets", "accelerate", "safetensors", "tokenizers"}


class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in HEAVY:
            raise ModuleNotFoundError(f"not in the base install: {name}", name=name)


sys.meta_path.insert(0, Blocked())
from tuneworth.cli import main

main(sys.argv[1:])
"""


@pytest.mark.slow
def test_the_base_install_is_enough(hosted):
    with EndpointServer(labels) as server:
        words = [sys.executable, "-c", BASE_INSTALL, "run", str(hosted(server.url)), "--json"]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["quality"]["tuned"]["n"] == 12


def test_a_missing_key_is_found_before_anything_is_curated(command, hosted, monkeypatch):
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    with EndpointServer(labels) as server:
        project = hosted(server.url, money='key_env = "NO_SUCH_KEY"\n' + MONEY)
        done = command("run", project)
        assert server.requests == []
    assert done.code == 2
    assert "NO_SUCH_KEY" in done.err
    assert not (project / "runs").exists()


@pytest.mark.slow
def test_personal_data_is_held_back_unless_allowed(command, hosted, pairs_file):
    rows = [pair(n) for n in range(60)]
    for row in rows:
        row["input"]["contact"] = f"{row['id']}.byron@engines.example"
    pairs_file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    far = "https://api.example.com/v1"
    project = hosted(far)
    done = command("run", project)
    assert done.code == 2
    assert "personal data would be sent to api.example.com" in done.err
    assert "Nothing was sent" in done.err
    assert "byron" not in done.err
    hosted(far, more='personal_data = "allow"')
    assert command("evaluate", project, "--dry-run").code == 0
    hosted(far, more="[curate]\nmask = true")
    assert command("curate", project).code == 0
    assert command("evaluate", project, "--dry-run").code == 0


@pytest.mark.slow
def test_the_cost_limit_stops_in_time_and_a_higher_one_goes_on(command, hosted):
    with EndpointServer(labels) as server:
        project = hosted(server.url, more="max_cost = 0.0016")
        done = command("run", project)
        assert done.code == 3, done.err
        assert "max_cost" in done.err
        assert "of 24 outputs are kept" in done.err
        sent = len(server.requests)
        assert 4 < sent < 28
        hosted(server.url, more="max_cost = 1")
        done = command("evaluate", project, "--json")
        assert done.code == 0, done.err
        assert len(server.requests) == 28
    assert done.json["quality"]["tuned"]["n"] == 12


def test_a_cost_limit_without_prices_is_refused_before_anything_is_curated(command, hosted):
    project = hosted("https://api.example.com/v1", more="max_cost = 1", money="")
    done = command("run", project)
    assert done.code == 2
    assert "max_cost needs a price" in done.err
    assert len(done.err.strip().splitlines()) <= 3
    assert not (project / "runs").exists()


@pytest.mark.smoke
@pytest.mark.slow
def test_too_many_failures_make_the_comparison_invalid_and_the_next_run_mends_it(command, hosted):
    broken = {f"weight: {n} kg" for n in range(0, 60, 2)}

    def half(asked: Asked) -> Step:
        return (
            error(400, "no")
            if asked.body["model"] == "base" and asked.text.split("\n")[-1] in broken
            else labels(asked)
        )

    with EndpointServer(half) as server:
        project = hosted(server.url)
        done = command("run", project, "--json")
        assert done.code == 0, done.err
        assert done.json["verdict"]["decision"] == "fix first"
        assert "failed after all tries" in done.err
        quality = done.json["quality"]
        assert 0 < quality["prompted"]["unscored"] == 12 - quality["tuned"]["n"]
        broken.clear()
        server.requests.clear()
        done = command("evaluate", project, "--json")
        assert done.json["quality"]["prompted"]["unscored"] == 0
        assert 0 < len(server.requests) < 12
        assert {asked.body["model"] for asked in server.requests} == {"base"}


@pytest.mark.slow
def test_a_dry_run_says_what_would_be_asked_and_asks_nothing(command, hosted):
    project = hosted("https://api.example.com/v1")
    assert command("curate", project).code == 0
    done = command("evaluate", project, "--dry-run")
    assert done.code == 0, done.err
    assert "prompted: base at api.example.com" in done.out
    assert "Next: nothing was sent; to send it: tuneworth evaluate " in done.out + done.err
    assert "api.example.com gets 28 requests (prompted 15, tuned 13); about " in done.out
    told = command("evaluate", project, "--dry-run", "--json").json
    assert [(row["variant"], row["requests"], row["there"]) for row in told["variants"]] == [
        ("prompted", 15, 0), ("tuned", 13, 0),
    ]  # fmt: skip
    assert told["variants"][0]["cost"] > 0
    assert not (the_run(project) / "evaluate").exists()
