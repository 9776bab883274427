from datetime import date, timedelta
from decimal import Decimal

import pytest

from tuneworth.core import ConfigError, from_json
from tuneworth.evaluate.money import compute_money, read_roi
from tuneworth.evaluate.money.inputs.presets import PRESETS
from tuneworth.evaluate.results import Money
from tuneworth.reports import money_text

TODAY = date(2026, 11, 28)
TOKENS = {"fixed_tokens": 500, "input_tokens": 150, "output_tokens": 150, "acceptance": Decimal("0.9")}
PROMPTED = {**TOKENS, "price_input": 1, "price_output": 4}
RATE = {"USD": Decimal("0.9"), "date": "2026-11-01"}


def money(tuned, *, today=TODAY, **more):
    table = {"currency": "USD", "requests_per_day": 5000, "prompted": PROMPTED, "tuned": {**TOKENS, **tuned}} | more
    return compute_money(
        read_roi(table, on=TODAY), baseline="prompted", candidate="tuned", draws=20, today=today
    ).to_json()


def entry(found, key):
    return next(line for line in found["assumptions"] if line["key"] == key)


@pytest.mark.parametrize("name", ["dedicated", "dedicated-fireworks", "own-gpu"])
def test_a_machine_of_a_preset_is_paid_by_the_hour_and_says_where_its_price_stands(name):
    found = money({"preset": name, "requests_per_second": 5})
    line = entry(found, "tuned.hourly")
    assert line["value"] == float(PRESETS[name].hourly)
    assert line["source"] == "price list"
    assert PRESETS[name].source in line["detail"]
    assert str(PRESETS[name].read) in line["detail"]
    assert found["variants"]["tuned"]["machine_cost_per_day"] == pytest.approx(24 * line["value"])
    assert PRESETS[name].source in "".join(money_text(from_json(found, Money)).split())


def test_the_price_of_a_preset_is_exchanged_and_a_stated_one_comes_first():
    found = money({"preset": "own-gpu", "requests_per_second": 5}, currency="EUR", exchange=RATE)
    assert entry(found, "tuned.hourly")["value"] == pytest.approx(2.89 * 0.9)
    ranged = money({"preset": "own-gpu"}, currency="EUR", exchange={"USD": [Decimal("0.8"), Decimal("0.9"), 1]})
    assert entry(ranged, "tuned.hourly")["range"] == pytest.approx([2.89 * 0.8, 2.89 * 0.9, 2.89])
    stated = entry(money({"preset": "dedicated", "hourly": 7, "requests_per_second": 5}), "tuned.hourly")
    assert (stated["value"], stated["source"]) == (7, "stated")
    with pytest.raises(ConfigError, match=r"its price is in USD, but \[roi\] uses EUR"):
        money({"preset": "dedicated"}, currency="EUR")


def test_a_serverless_adapter_costs_what_its_base_model_costs_without_a_warning():
    base = {"model": "openai:gpt-4o-mini"}
    warned = money(base)
    assert any("is a base model" in text for text in warned["warnings"])
    found = money(base | {"preset": "serverless-lora"})
    assert found["warnings"] == [text for text in warned["warnings"] if "is a base model" not in text]
    assert found["variants"]["tuned"]["cost_per_request"] == warned["variants"]["tuned"]["cost_per_request"]
    assert "requests to an adapter cost what its base model costs" in entry(found, "tuned.price_input")["detail"]
    with pytest.raises(ConfigError, match="state model, the base model of the adapter"):
        money({"preset": "serverless-lora"})


def test_an_unknown_preset_lists_those_there_are():
    with pytest.raises(ConfigError, match=r"serverless-lora.*dedicated.*own-gpu"):
        money({"preset": "cloud"})


def test_an_old_preset_is_warned_about():
    later = money({"preset": "own-gpu", "requests_per_second": 5}, today=PRESETS["own-gpu"].read + timedelta(200))
    assert later["warnings"] == [
        "roi.tuned: the price of the preset was read 200 days ago; check it on the provider's page"
    ]


def test_every_preset_has_a_source_and_a_date():
    for preset in PRESETS.values():
        assert "." in preset.source.partition("/")[0]
        assert date(2026, 1, 1) < preset.read <= TODAY
