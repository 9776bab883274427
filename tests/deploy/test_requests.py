"""Requests to a deployed model: the same as at judging, and none is sent twice after its answer."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tuneworth import ConfigError, DataError, Run, RunBroken
from tuneworth.core import Console
from tuneworth.deploy import Served
from tuneworth.deploy.check.recorded import Recorded, recorded
from tuneworth.deploy.check.server import check_requests, plan_requests, price_of, send_requests
from tuneworth.evaluate import TokenPrice, open_answers

from ..cli.test_endpoint import labels
from ..evaluate.endpoint_server import Asked, EndpointServer, Step, error
from ..shared import unsealed

QUIET = Console(quiet=True)


def sent(requests: list[Asked], model: str) -> list[str]:
    """What each request for an output says, but for the model's name, in any order."""
    bodies = [asked.body for asked in requests if asked.body["model"] == model and asked.text != "."]
    return sorted(json.dumps({key: value for key, value in body.items() if key != "model"}) for body in bodies)


def ask(
    run: Run, was: Recorded, served: Served, pairs: pl.DataFrame, *, store: Path, max_cost: Decimal | None,
    price: TokenPrice | None, talk: Console, samples: int = 1,
) -> pl.DataFrame:  # fmt: skip
    """The served model's outputs for these pairs."""
    plan = plan_requests(run, was, served, pairs, max_cost=max_cost, price=price, samples=samples)
    with open_answers(store) as answers:
        check_requests(run, [plan], answers)
        return send_requests(run, plan, answers, max_cost=max_cost, talk=talk)


def asker(run: Run, name: str | None = None, **own: Any) -> Callable[[EndpointServer], Any]:
    """Asks a server for all pairs; `own` replaces the arguments."""

    def call(server: EndpointServer) -> Any:
        was = recorded(run, name)
        given = {"store": run.folder / "served" / "answers.jsonl", "max_cost": None, "price": None, "talk": QUIET}
        given |= {"samples": was.samples} | own
        return ask(run, was, Served(server.url, "deployed"), given.pop("pairs", was.pairs), **given)

    return call


@pytest.mark.slow
@pytest.mark.parametrize(("name", "model"), [(None, "ft:base:labels"), ("prompted", "base")])
def test_the_same_is_asked_as_at_judging(
    judged: Run, judged_once: tuple[Path, list[Asked]], name: str | None, model: str
) -> None:
    with EndpointServer(labels) as server:
        table = asker(judged, name)(server)
        assert sent(server.requests, "deployed") == sent(judged_once[1], model)
    was = recorded(judged, name)
    assert table.select("id", "sample").equals(was.outputs.select("id", "sample"))
    assert len(was.pairs) == 12
    assert was.pairs["input"].null_count() == 0


@pytest.mark.slow
def test_a_guide_changed_since_is_not_the_one_that_is_asked(judged: Run) -> None:
    (judged.project.folder / "guide.txt").write_text("Another guide.", encoding="utf-8")
    with EndpointServer(labels) as server:
        asker(judged, "prompted")(server)
        assert {asked.body["messages"][0]["content"] for asked in server.requests} == {"Write a label."}


@pytest.mark.slow
def test_nothing_is_asked_twice_after_a_stop(judged: Run) -> None:
    def refuses(asked: Asked) -> Step:
        return labels(asked) if asked.number < 5 else error(422, "no")

    store = judged.folder / "served" / "answers.jsonl"
    with EndpointServer(refuses) as server:
        failed = asker(judged)(server)
        answered = len(store.read_text().splitlines())
        assert failed["error"].null_count() == answered == 5
        server.behave = labels
        server.requests.clear()
        table = asker(judged)(server)
        assert len(server.requests) == 24 - answered
        server.requests.clear()
        assert asker(judged)(server).equals(table)
        assert server.requests == []


@pytest.mark.slow
def test_the_budget_stops_before_it_is_passed(judged: Run) -> None:
    price = TokenPrice(Decimal(1000), Decimal(1000), Decimal(1000), "EUR", "stated")
    with EndpointServer(labels) as server, pytest.raises(RunBroken, match=r"--max-cost: .*\n.*run the same command to"):
        asker(judged, max_cost=Decimal("0.4"), price=price)(server)


@pytest.mark.slow
def test_a_limit_needs_a_price_and_takes_the_projects(judged: Run) -> None:
    with EndpointServer(labels) as server:
        with pytest.raises(ConfigError, match=r'needs a price for "tuned"'):
            asker(judged, max_cost=Decimal(1))(server)
        assert server.requests == []
    price = price_of(judged, recorded(judged))
    assert price is not None
    assert (price.input, price.output) == (1, 4)


@pytest.mark.slow
def test_personal_data_goes_to_no_other_host(judged: Run) -> None:
    was = recorded(judged)
    pairs = was.pairs.with_columns(input=was.pairs["input"] + "\nmail: jane.doe@example.com")
    with pytest.raises(ConfigError, match="personal data would be sent to models"):
        ask(judged, was, Served("https://models.example.com/v1", "deployed"), pairs,
            store=judged.folder / "answers.jsonl", max_cost=None, price=None, talk=QUIET)  # fmt: skip


@pytest.mark.slow
def test_a_repaired_candidate_stands_for_the_model_that_it_is_made_of(judged: Run) -> None:
    file = unsealed(judged.folder) / "results.json"
    results = json.loads(file.read_text())
    results["comparison"]["candidate"] = "tuned, else prompted"
    made = {
        "tuned + repair": {**results["variants"]["tuned"], "of": ["tuned"], "repair": "safe"},
        "tuned, else prompted": {**results["variants"]["tuned"], "of": ["tuned + repair", "prompted"]},
    }
    results["variants"] |= made
    file.write_text(json.dumps(results))
    assert recorded(Run(judged.folder)).variant.name == "tuned"
    was = recorded(Run(judged.folder), "tuned + repair")
    assert (was.variant.name, was.variant.settings.repair) == ("tuned", "safe")


@pytest.mark.slow
def test_outputs_of_no_model_cannot_be_asked_again(judged: Run) -> None:
    variants = judged.folder / "evaluate" / "variants.json"
    stored = json.loads(variants.read_text())
    variants.write_text(json.dumps([one | {"source": "outputs"} for one in stored]))
    with pytest.raises(DataError, match="cannot be called again"):
        recorded(judged)
    with pytest.raises(DataError, match='no variant "tune"; did you mean "tuned"'):
        recorded(judged, "tune")


def test_a_run_that_was_not_evaluated_has_nothing_recorded(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}", encoding="utf-8")
    with pytest.raises(DataError, match="was not evaluated"):
        recorded(Run(tmp_path))
