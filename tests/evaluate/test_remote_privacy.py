"""Personal data is not sent unless the project allows it; messages have kinds and locations, never values."""

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from tuneworth.core import ConfigError
from tuneworth.evaluate import AnswerStore, check_privacy

from .endpoint_server import EndpointServer
from .remote_plans import a_variant, race, some_pairs, the_plans, words

FAR = "https://api.example.com/v1"
MAIL, IBAN = "ada.byron@engines.example", "DE89 3704 0044 0532 0130 00"


def found(plans: list, store: Path = Path("nothing")) -> str:
    with pytest.raises(ConfigError) as refused:
        check_privacy(plans, store=AnswerStore(store))
    assert MAIL not in str(refused.value)
    assert IBAN not in str(refused.value)
    return str(refused.value)


def with_input(text: str, *places: int) -> pl.DataFrame:
    pairs = some_pairs(9)
    return pairs.with_columns(
        input=pl.when(pl.Series(range(9)).is_in(list(places))).then(pl.lit(text)).otherwise("input")
    )


def test_texts_without_personal_data_may_be_sent():
    plans = the_plans(a_variant(FAR))
    check_privacy(plans, store=AnswerStore(Path("nothing")))
    assert plans[0].host == "api.example.com"


def test_personal_data_in_requests_is_counted_by_kind_and_listed_by_id():
    text = found(the_plans(a_variant(FAR), pairs=with_input(f"write to {MAIL} or {IBAN}", 1, 3, 4, 5, 6, 7)))
    assert "sent to api.example.com: 6 IBAN, 6 e-mail" in text
    assert 'in the input of "p1", "p3", "p4", "p5", "p6" and 1 more' in text
    assert "mask = true" in text
    assert 'personal_data = "allow"' in text
    assert len(text.splitlines()) == 2


def test_guides_examples_and_system_messages_are_checked_too():
    system = some_pairs().with_columns(system=pl.when(pl.col("id") == "p2").then(pl.lit(f"for {MAIL}")))
    assert 'system message of "p2"' in found(the_plans(a_variant(FAR), pairs=system))
    assert 'guide of "prompted"' in found(the_plans(a_variant(FAR, guide=f"Sign as {MAIL}.")))
    shown = replace(a_variant(FAR), examples=(("a", f"write {MAIL}"),))
    assert 'few-shot examples of "prompted"' in found(the_plans(shown))


@pytest.mark.parametrize(
    "near", ["http://localhost:8/v1", "http://127.0.0.1/v1", "http://[::1]:9/v1", "http://127.8.8.8/v1"]
)
def test_everything_may_be_sent_to_this_machine(near):
    plans = the_plans(a_variant(near), pairs=with_input(MAIL, 1))
    check_privacy(plans, store=AnswerStore(Path("nothing")))
    assert plans[0].endpoint.on_this_machine


@pytest.mark.parametrize(
    "far",
    ["http://10.0.0.5/v1", "http://localhost.example.com/v1", "http://model.internal/v1", "http://127.0.0.1.nip.io/v1"],
)
def test_another_machine_on_the_local_network_counts_as_remote(far):
    assert "personal data would be sent" in found(the_plans(a_variant(far), pairs=with_input(MAIL, 1)))


def test_an_id_that_is_an_address_is_not_repeated():
    pairs = with_input(MAIL, 0).with_columns(id=pl.Series([MAIL, *"abcdefgh"]))
    assert "[E-MAIL]" in found(the_plans(a_variant(FAR), pairs=pairs))


def test_shared_texts_are_counted_once_per_host():
    pairs = with_input(MAIL, 1)
    assert "1 e-mail" in found(the_plans(a_variant(FAR), a_variant(FAR, "tuned", None), pairs=pairs))
    text = found(the_plans(a_variant(FAR), a_variant("https://b.example/v1", "tuned"), pairs=pairs))
    assert ["api.example.com" in text, "b.example" in text] == [True, True]


def test_answered_requests_are_not_checked_again(tmp_path):
    file, pairs = tmp_path / "evaluate" / "answers.jsonl", with_input(MAIL, 1)
    with EndpointServer(words) as server:
        plans = the_plans(a_variant(server.url), pairs=pairs)
        race(plans, file)
    far = [replace(plan, endpoint=replace(plan.endpoint, url=FAR)) for plan in plans]
    check_privacy(far, store=AnswerStore(file))
    assert "1 e-mail" in found(far)
