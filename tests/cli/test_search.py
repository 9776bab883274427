"""`tuneworth search`: the budget first, validation pairs only, nothing asked twice, also after a kill."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tuneworth.core import ConfigError, install_command
from tuneworth.project import Run, plan_search, search_prompt
from tuneworth.project.gather.output_plan import required_outputs, searched_of, variants_of

from ..conftest import pair
from ..evaluate.endpoint_server import Asked, EndpointServer, Step, completion, counted, error
from ..reports.described import assert_described

PROJECT = """
[data]
path = "pairs.jsonl"
group = "family"
[curate]
split = {train = 0.4, validation = 0.3, test = 0.3}
[evaluate]
variants = ["prompted", "tuned"]
SETTINGS
[evaluate.prompted]
endpoint = "URL"
model = "base"
guide = "guide.txt"
few_shot = 2
tries = 1
[evaluate.tuned]
endpoint = "URL"
model = "ft:base:labels"
[evaluate.search]
SEARCH
[roi]
requests_per_day = 1000
[roi.prompted]
price_input = 1
price_output = 4
"""


def prompt(asked: Asked) -> str:
    return asked.body["messages"][0]["content"]


def number_of(asked: Asked) -> int:
    return next((n for n in range(200) if asked.text.endswith(f"weight: {n} kg")), -1)


def labels(asked: Asked) -> Step:
    """Right labels with the corrections in the prompt; otherwise every third begins wrongly."""
    text = pair(max(number_of(asked), 0))["output"]
    if "Mistakes to avoid" not in prompt(asked) and number_of(asked) % 3 == 0:
        text = text.removeprefix("Box ")
    sent = sum(len(m["content"].split()) for m in asked.body["messages"])
    usage = {"prompt_tokens": sent, "completion_tokens": len(text.split()), "total_tokens": sent + len(text.split())}
    return Step(body=completion(text, usage=usage))


@pytest.fixture
def hosted(tmp_path: Path, pairs_file: Path, style_file: Path, command: Callable[..., Any]) -> Callable[..., Path]:
    """A curated project of variants at `url`; called again, it changes the settings only."""

    def write(url: str, search: str = "", more: str = "") -> Path:
        (tmp_path / "guide.txt").write_text("Write a label: Box with a COLOUR THING, WEIGHT.", encoding="utf-8")
        text = PROJECT.replace("URL", url).replace("SEARCH", search).replace("SETTINGS", more)
        (tmp_path / "tuneworth.toml").write_text(text, encoding="utf-8")
        if not (tmp_path / "runs").exists():
            assert command("curate", tmp_path, "--quiet").code == 0
        return tmp_path

    return write


def the_run(project: Path) -> Run:
    (folder,) = (project / "runs").iterdir()
    return Run(folder)


def content(project: Path) -> dict[str, Any]:
    """What a search found, without the measured time."""
    folder = the_run(project).folder / "search"
    found = json.loads((folder / "searched.json").read_text())
    del found["search"]["seconds"]
    return found | {name: (folder / name).read_text() for name in ("guide.md", "examples.jsonl")}


# --- endpoints ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_search_finds_the_prompt_that_mends_the_mistakes(command, hosted):
    with EndpointServer(labels) as server:
        project = hosted(server.url)
        planned = command("search", project, "--plan", "--json").json
        assert server.requests == []
        assert not (the_run(project).folder / "search").exists()
        done = command("search", project, "--json")
        assert done.code == 0, done.err
        asked = list(server.requests)
        again = command("search", project, "--json")
        assert len(server.requests) == len(asked)
    found = done.json
    assert again.json == found
    best = next(row for row in found["tried"] if row["name"] == found["best"])
    assert found["best"].startswith("guide corrected")
    assert best["acceptable"]["share"] == 1
    assert found["tried"][0]["acceptable"]["share"] < 1
    assert len(found["tried"]) == 12
    assert found["search"]["calls"] == len(asked) <= planned["calls"]
    assert sum(round_["pairs"] for round_ in planned["rounds"][-1:]) == best["n"] == len(the_run(project).validation)
    usage = Counter()
    for one in asked:
        body = labels(one).body["usage"]
        usage.update(sent=body["prompt_tokens"], written=body["completion_tokens"])
    assert found["search"]["tokens"] == usage.total()
    assert found["search"]["cost"] == pytest.approx((usage["sent"] + 4 * usage["written"]) / 1e6)
    assert f"at most {planned['calls']} outputs of base at {server.url}" in done.err
    assert "in all" in done.err


@pytest.mark.slow
def test_any_of_several_references_is_right_in_a_search(command, hosted, pairs_file, style_file):
    style_file.write_text("checks: [{kind: equals}]", encoding="utf-8")
    rows = [json.loads(line) for line in pairs_file.read_text().splitlines()]
    lines = [json.dumps(row | {"references": [row["output"], row["output"].upper()]}) for row in rows]
    pairs_file.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def other_reference(asked: Asked) -> Step:
        number = max(number_of(asked), 0)
        return counted(asked, pair(number)["output"].upper() if number % 3 else "Box")

    with EndpointServer(other_reference) as server:
        project = hosted(server.url)
        done = command("search", project)
        assert done.code == 0, done.err
        found = command("search", project, "--json").json
    best = next(row for row in found["tried"] if row["name"] == found["best"])
    numbers = [int(re.findall(r"weight: (\d+) kg", text)[0]) for text in the_run(project).validation["input"]]
    assert best["n"] == len(numbers)
    assert 0 < best["acceptable"]["share"] < 1
    assert best["acceptable"]["share"] == pytest.approx(sum(n % 3 > 0 for n in numbers) / len(numbers))
    assert "correct (95% interval)" in done.out


@pytest.mark.slow
def test_only_train_and_validation_pairs_are_asked_and_each_once(command, hosted):
    with EndpointServer(labels) as server:
        project = hosted(server.url)
        assert command("search", project).code == 0
        bodies = Counter(json.dumps(asked.body["messages"]) for asked in server.requests)
        texts = {message["content"] for asked in server.requests for message in asked.body["messages"]}
    run = the_run(project)
    assert max(bodies.values()) == 1
    assert {asked.text for asked in server.requests} <= {*run.train["input"], *run.validation["input"]}
    for text in run.test["input"]:
        assert not any(text in sent for sent in texts)
    used = content(project)["used"]
    assert set(used) <= {*run.train["id"], *run.validation["id"]}
    assert set(run.validation["id"]) <= set(used)


@pytest.mark.slow
def test_the_result_is_a_variant_of_the_run(command, hosted):
    with EndpointServer(labels) as server:
        project = hosted(server.url)
        run = the_run(project)
        variants = variants_of(run, adapter=None)
        assert searched_of(run, variants) is None
        assert command("search", project).code == 0
        found = searched_of(run, variants)
        assert found is not None
        assert (found.name, found.way, found.of) == ("searched", "searched", ("prompted",))
        assert found.guide == content(project)["guide.md"]
        assert "Mistakes to avoid" in found.guide
        assert len(found.examples) == len(content(project)["examples.jsonl"].splitlines())
        assert set(found.examples) <= set(run.train.select("input", "output").iter_rows())
        assert found.search is not None
        assert found.search.calls == len(server.requests)
        assert (found.model, found.endpoint, found.settings) == ("base", server.url, variants[0].settings)
        assert searched_of(run, variants[1:]) is None
        assert [one.variant.name for one in required_outputs(run, adapter=None)] == ["prompted", "tuned", "searched"]
    for changed in (
        ("http://127.0.0.1:9/v1", ""),
        (server.url, 'rivals = "none"'),
        (server.url, 'rivals = ["nearest"]'),
    ):
        other = the_run(hosted(changed[0], more=changed[1]))
        assert searched_of(other, variants_of(other, adapter=None)) is None
    again = the_run(hosted(server.url, more='rivals = ["searched"]'))
    assert searched_of(again, variants_of(again, adapter=None)) is not None


@pytest.mark.slow
def test_a_later_run_takes_the_search_over_unless_it_saw_its_test_pairs(command, hosted):
    with EndpointServer(labels) as server:
        project = hosted(server.url)
        assert command("search", project).code == 0
        first = the_run(project).folder
        assert command("curate", project, "--quiet").code == 0
        later = Run(max((project / "runs").iterdir()))
        assert later.folder != first
        variants = variants_of(later, adapter=None)
        found = searched_of(later, variants)
        assert found is not None
        assert found.guide == (first / "search" / "guide.md").read_text()
        seen = json.loads((first / "search" / "searched.json").read_text())
        (first / "search" / "searched.json").write_text(json.dumps({**seen, "used": [later.test["id"][0]]}))
        assert searched_of(later, variants) is None


@pytest.mark.slow
def test_the_next_evaluation_measures_it_as_a_rival_with_its_cost(command, hosted):
    with EndpointServer(labels) as server:
        project = hosted(server.url, more='max_cost = 1\nrivals = ["searched"]')
        searched = command("search", project, "--json").json
        text = (project / "tuneworth.toml").read_text()
        (project / "tuneworth.toml").write_text(text + "[roi.tuned]\nprice_input = 1\nprice_output = 4\n")
        done = command("evaluate", project, "--json")
        assert done.code == 0, done.err
    results = json.loads((the_run(project).folder / "results.json").read_text())
    assert results["variants"]["searched"]["search"] == searched["search"]
    assert_described(results)
    assert (results["variants"]["searched"]["way"], results["variants"]["searched"]["of"]) == ("searched", ["prompted"])
    assert "search" not in results["variants"]["prompted"]
    assert [rival["name"] for rival in results["rivals"] if rival["measured"]] == ["prompted", "searched"]
    assert results["rivals"][1]["of"] == ["prompted"]
    quality = done.json["quality"]
    assert quality["prompted"]["acceptable"]["share"] < quality["searched"]["acceptable"]["share"] == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("search", "problem"),
    [
        ("budget_calls = 10", "allows 10 outputs, too few to compare two prompts"),
        ("budget_cost = 0.000001", "too few to compare two prompts"),
        ('variant = "promted"', 'variant is "promted"; expected one of prompted, tuned'),
        ('variant = "tuned"', "no prompt to improve"),
    ],
)
def test_what_cannot_be_searched_is_found_before_anything_is_asked(command, hosted, search, problem):
    project = hosted("https://api.example.com/v1", search)
    done = command("search", project)
    assert done.code == 2
    assert problem in done.err
    assert not (the_run(project).folder / "search").exists()


@pytest.mark.slow
def test_a_cost_limit_needs_every_price(command, hosted):
    project = hosted("https://api.example.com/v1", "budget_cost = 1")
    text = (project / "tuneworth.toml").read_text()
    (project / "tuneworth.toml").write_text(text[: text.index("[roi.prompted]")])
    done = command("search", project)
    assert done.code == 2
    assert "budget_cost needs every price; state price_input and price_output under [roi.prompted]" in done.err


@pytest.mark.slow
def test_personal_data_is_held_back(command, hosted, pairs_file):
    rows = [pair(n) for n in range(60)]
    for row in rows:
        row["input"]["contact"] = f"{row['id']}.byron@engines.example"
    pairs_file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    done = command("search", hosted("https://api.example.com/v1"))
    assert done.code == 2
    assert "personal data would be sent to api.example.com" in done.err


@pytest.mark.slow
def test_a_smaller_budget_makes_a_smaller_search(command, hosted):
    with EndpointServer(labels) as server:
        project = hosted(server.url, "budget_calls = 60")
        planned = command("search", project, "--plan", "--json").json
        done = command("search", project, "--json")
        assert done.code == 0, done.err
        assert len(server.requests) <= planned["calls"] <= 60
        whole = hosted(server.url, "budget_cost = 0.005")
        assert command("search", whole, "--plan", "--json").json["cost"] <= 0.005


@pytest.mark.slow
def test_the_cost_limit_holds_and_a_higher_one_goes_on(command, hosted):
    spent = []

    def dear(asked: Asked) -> Step:
        """As many tokens as the limit allows, and one for each byte of the prompt."""
        sent = sum(len(message["content"].encode()) for message in asked.body["messages"])
        written = asked.body["max_tokens"]
        spent.append((sent + 4 * written) / 1e6)
        usage = {"prompt_tokens": sent, "completion_tokens": written, "total_tokens": sent + written}
        return Step(body=completion("Box", usage=usage))

    with EndpointServer(dear) as server:
        project = hosted(server.url, "budget_cost = 0.02")
        done = command("search", project)
        assert done.code == 3, done.err
        assert "[evaluate.search] budget_cost: 0.0" in done.err
        assert "Raise budget_cost" in done.err
        assert 0.01 < sum(spent) <= 0.02
        hosted(server.url, "budget_cost = 10")
        assert command("search", project).code == 0
        bodies = Counter(json.dumps(asked.body["messages"]) for asked in server.requests)
        assert max(bodies.values()) == 1


@contextmanager
def searching(project: Path) -> Iterator[subprocess.Popen[bytes]]:
    code = f"import sys; from tuneworth.cli import main; main(['search', {str(project)!r}, '--quiet'])"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        yield process


@pytest.mark.slow
@pytest.mark.parametrize("after", [3, 70])
def test_a_killed_search_resumes_without_asking_anything_twice(command, hosted, tmp_path_factory, after):
    def slowly(asked: Asked) -> Step:
        step = labels(asked)
        return Step(body=step.body, wait=0.02)

    with EndpointServer(slowly) as server:
        project = hosted(server.url)
        whole = Path(shutil.copytree(project, tmp_path_factory.mktemp("whole") / "project"))
        assert command("search", whole).code == 0
        server.requests.clear()
        with searching(project) as process:
            while len(server.requests) < after:
                assert process.poll() is None
                time.sleep(0.005)
            os.kill(process.pid, signal.SIGKILL)
        killed = [json.dumps(asked.body["messages"]) for asked in server.requests]
        stored = (the_run(project).folder / "search" / "answers.jsonl").read_bytes().count(b"\n")
        server.requests.clear()
        assert command("search", project).code == 0
        later = [json.dumps(asked.body["messages"]) for asked in server.requests]
    # Only what was under way at the kill is asked again.
    assert len(set(killed) & set(later)) <= len(killed) - stored <= 8
    assert content(project) == content(whole)


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**31), candidates=st.integers(2, 20), most=st.integers(4, 40))
def test_no_plan_contains_a_test_pair(hosted, seed, candidates, most):
    project = hosted("https://api.example.com/v1", f"candidates = {candidates}\nmax_pairs = {most}")
    plan = plan_search(project, seed=seed)
    run = the_run(project)
    assert set(plan.pairs["id"]) <= set(run.validation["id"])
    assert set(plan.probe["id"]) <= set(run.train["id"])
    assert not {*plan.pairs["id"], *plan.probe["id"]} & set(run.test["id"])
    assert plan_search(project, seed=seed).data() == plan.data()


# --- a model that rewrites the guide -----------------------------------------------------------------------------------

REFLECTION = 'budget_calls = 120\nreflection = {endpoint = "URL", model = "mirror", price_input = 2, price_output = 8}'


def mirrored(asked: Asked) -> Step:
    """The mirror finds the word that mends everything once it has seen the broken rule; another model needs the word."""
    if asked.body["model"] == "mirror":
        seen = "Begin with" in asked.text or "Start with" in asked.text
        guide = "Begin every label with BOX-WORD." if seen else "Write nicely."
        return counted(asked, f"Here it is:\n```\n{guide}\n```")
    good = pair(max(number_of(asked), 0))["output"]
    fine = "BOX-WORD" in prompt(asked) or number_of(asked) % 3
    return counted(asked, good if fine else good.removeprefix("Box "))


def with_mirror(hosted: Callable[..., Path], server: EndpointServer, search: str = REFLECTION) -> Path:
    return hosted(server.url, search.replace("URL", server.url))


@pytest.mark.slow
def test_a_reflecting_model_mends_the_guide_from_the_rules_that_were_broken(command, hosted):
    pytest.importorskip("gepa")
    with EndpointServer(mirrored) as server:
        project = with_mirror(hosted, server)
        planned = command("search", project, "--plan", "--json").json
        done = command("search", project, "--json")
        assert done.code == 0, done.err
        asked = list(server.requests)
        assert command("search", project, "--json").json == done.json
        assert len(server.requests) == len(asked)
    found, run = content(project), the_run(project)
    assert found["method"] == "gepa"
    assert found["guide.md"] == "Begin every label with BOX-WORD."
    assert [row["acceptable"]["share"] for row in found["tried"]][-1] == 1
    assert found["tried"][0]["name"] == "guide as it is"
    outputs = [one for one in asked if one.body["model"] == "base"]
    reflections = [one for one in asked if one.body["model"] == "mirror"]
    assert len(outputs) <= planned["calls"] == 120
    assert 1 <= len(reflections) <= planned["reflections"]
    assert found["search"]["calls"] == len(asked)
    assert found["search"]["cost"] > 0
    read = "\n".join(one.text for one in reflections)
    assert any(text in read for text in run.train["input"])
    for text in (*run.validation["input"], *run.test["input"]):
        assert text not in read
    bodies = Counter(json.dumps(one.body["messages"]) for one in asked)
    assert max(bodies.values()) == 1


@pytest.mark.slow
def test_a_reflecting_model_that_refuses_the_key_ends_the_search(command, hosted):
    pytest.importorskip("gepa")

    def refuse(asked: Asked) -> Step:
        return error(401, "no such key") if asked.body["model"] == "mirror" else mirrored(asked)

    with EndpointServer(refuse) as server:
        done = command("search", with_mirror(hosted, server))
        assert done.code == 2
        assert "rejects the key" in done.err
        assert sum(asked.body["model"] == "mirror" for asked in server.requests) == 1


@pytest.mark.slow
def test_a_killed_reflection_resumes_to_the_same_guide(command, hosted, tmp_path_factory):
    pytest.importorskip("gepa")
    with EndpointServer(mirrored) as server:
        project = with_mirror(hosted, server)
        whole = Path(shutil.copytree(project, tmp_path_factory.mktemp("whole") / "project"))
        assert command("search", whole).code == 0
        answers = (the_run(whole).folder / "search" / "answers.jsonl").read_bytes().splitlines(keepends=True)
        for kept in range(0, len(answers), 20):  # as a kill after so many answers leaves it, with half a line
            folder = the_run(project).folder / "search"
            folder.mkdir(exist_ok=True)
            (folder / "answers.jsonl").write_bytes(b"".join(answers[:kept]) + answers[kept][:20])
            server.requests.clear()
            assert command("search", project).code == 0
            assert len(server.requests) == len(answers) - kept
            assert content(project) == content(whole)


# --- a model on this machine -----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_model_here_gives_the_same_result_for_a_seed_and_is_not_asked_twice(command, curated, tmp_path_factory):
    text = (curated / "tuneworth.toml").read_text()
    (curated / "tuneworth.toml").write_text(f"{text}\n[evaluate.search]\ncandidates = 4\nmax_pairs = 5\n")
    other = Path(shutil.copytree(curated, tmp_path_factory.mktemp("other") / "project"))
    first, second = (search_prompt(place).to_json() for place in (curated, other))
    assert first["tried"] == second["tried"]
    assert content(curated) == content(other)
    store = the_run(curated).folder / "search" / "generated.jsonl"
    size = store.stat().st_size
    again = search_prompt(curated)
    assert again.to_json() == first
    assert store.stat().st_size == size
    assert {row["name"] for row in first["tried"]} >= {"guide as it is, no examples"}
    assert again.cost.calls == sum(row["n"] for row in first["tried"]) + 16
    lines = store.read_bytes().splitlines(keepends=True)
    for kept in (0, 1, len(lines) // 2):  # as a kill leaves it, with half a line
        store.write_bytes(b"".join(lines[:kept]) + lines[kept][:30])
        assert search_prompt(curated).to_json()["tried"] == first["tried"]
        whole = [line for line in store.read_bytes().splitlines(keepends=True) if line.endswith(b"}\n")]
        assert whole[:kept] == lines[:kept]
        assert len(whole) == len(lines)


@pytest.mark.slow
def test_a_model_here_gets_its_guides_from_a_reflecting_one_elsewhere(command, curated):
    pytest.importorskip("gepa")
    with EndpointServer(mirrored) as server:
        search = REFLECTION.replace("URL", server.url).replace("120", "40") + "\nmax_pairs = 4\n"
        text = (curated / "tuneworth.toml").read_text()
        (curated / "tuneworth.toml").write_text(f"{text}\n[evaluate.search]\n{search}")
        found = search_prompt(curated)
        asked = len(server.requests)
        assert {one.body["model"] for one in server.requests} == {"mirror"}
        assert search_prompt(curated).to_json() == found.to_json()
        assert len(server.requests) == asked > 0
    assert found.method == "gepa"
    assert found.cost.calls <= 40 + asked
    assert plan_search(curated).reflections >= asked


@pytest.mark.slow
def test_a_project_without_gepa_says_how_to_install_it(hosted, monkeypatch):
    monkeypatch.setattr("tuneworth.evaluate.search.gepa.find_spec", lambda name: None)
    project = hosted("https://api.example.com/v1", REFLECTION.replace("URL", "https://api.example.com/v1"))
    with pytest.raises(ConfigError, match=re.escape(install_command("search"))):
        plan_search(project)
