import json
import math
import random
import re
import tomllib
from dataclasses import replace
from decimal import Decimal
from itertools import product
from pathlib import Path

import pytest
from playwright.sync_api import expect

import tuneworth.reports
from tuneworth.core import unbroken
from tuneworth.reports import write_report

from ..evaluate.test_derived_money import DEARER, HOSTED, PRICED, SMALL, money
from .random_money import account, different, settings_of
from .real_run import write_real_run

pytestmark = pytest.mark.browser

SCRIPTS = Path(tuneworth.reports.__file__).parent / "scripts"
SENTENCE = "#what-if .sentence"


def source(name):
    return (SCRIPTS / f"{name}.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def shared_run(tmp_path_factory):
    """One run by the command for all tests of the form; it is not changed."""
    return write_real_run(tmp_path_factory.mktemp("what_if"), n=42, variants=("prompted", "tuned"))


@pytest.fixture(scope="module")
def page_file(shared_run):
    return shared_run / "report.html"


def field(page, key):
    return page.locator(f'#what-if [data-key="{key}"]')


def type_in(page, key, text):
    field(page, key).locator("input[type=text]").fill(text)


def settled(window):
    """The address once the form has written it."""
    window.page.wait_for_timeout(400)
    return window.value("location.hash")


def test_the_page_counts_as_the_python_does_on_a_hundred_settings(window, page_file):
    accounts = [account(*settings_of(seed)) for seed in range(1000, 1100)]
    page = window.open(page_file, unfold=True)
    count = f"(all) => {{ {source('money')}; return all.map(moneyFormulas.account) }}"
    found = page.evaluate(count, [each["formula_inputs"] for each in accounts])
    wrong = [
        text for seed, pair in enumerate(zip(accounts, found, strict=True)) for text in different(*pair, f"{seed} ")
    ]
    assert not wrong, wrong[:10]
    never = sum(each["payback_days"] is None for each in accounts)
    assert 20 < never < 80, "the settings must hold both what pays back and what never does"


@pytest.mark.smoke
def test_a_changed_number_counts_as_if_the_project_file_stated_it(window, page_file):
    keys = ("price_input", "price_output", "acceptance", "cached_share")
    cases = []
    for seed in range(30):
        table, measured = settings_of(seed)
        inputs = account(table, measured)["formula_inputs"]
        chance = random.Random(seed)
        changes = []
        for part in ("baseline", "candidate"):
            for name in keys:
                variant = inputs["variants"][inputs[part]]
                if variant["self_hosted"] or chance.random() < 0.5:
                    continue
                value = round(chance.random(), 3)
                changes.append({"part": part, "name": name, "value": value})
                table[inputs[part]][name] = Decimal(str(value))
        changes.append({"part": "plan", "name": "investment", "value": 77})
        table["investment"] = {"compute": Decimal(77)}
        changes.append({"part": "plan", "name": "horizon_days", "value": 200})
        table["horizon_days"] = Decimal(200)
        cases.append((inputs, changes, account(table, measured)))
    count = "([inputs, changes]) => moneyFormulas.account(moneyFormulas.changedInputs(inputs, changes))"
    page = window.open(page_file, unfold=True)
    found = page.evaluate(f"(all) => {{ {source('money')}; return all.map({count}) }}", [case[:2] for case in cases])
    wrong = [text for case, now in zip(cases, found, strict=True) for text in different(case[2], now)]
    assert not wrong, wrong[:10]


def _made_from_others():
    """Accounts against a free template and against cascades, by tokens, by the hour, and by both."""
    prices = {"token": PRICED, "machine": HOSTED, "both": PRICED | HOSTED}
    for (small, prompted), failures in product(
        product(prices.values(), repeat=2), ("ignore", "drop", "repair", "retry")
    ):
        tables = {
            "small": small,
            "prompted": prompted,
            "failures": failures,
            "tries": 2,
            "failure_cost": Decimal("0.02"),
        }
        for baseline, volume in (
            (SMALL, "requests_per_day"),
            (SMALL, "requests_total"),
            ("template", "requests_per_day"),
        ):
            daily = {"requests_per_day": None, "requests_total": 40_000} if volume == "requests_total" else {}
            yield money({"tuned": DEARER | HOSTED, **tables, **daily}, baseline=baseline, draws=1)


def test_the_page_counts_templates_and_cascades_as_the_python_does(window, page_file):
    accounts = list(_made_from_others())
    page = window.open(page_file, unfold=True)
    found = page.evaluate(
        f"(all) => {{ {source('money')}; return all.map(moneyFormulas.account) }}",
        [a["formula_inputs"] for a in accounts],
    )
    wrong = [text for n, pair in enumerate(zip(accounts, found, strict=True)) for text in different(*pair, f"{n} ")]
    assert not wrong, wrong[:10]


def test_a_price_changed_for_the_baseline_changes_for_another_variant_of_its_model(window, page_file):
    table, measured = settings_of(3)
    assert measured is not None
    del table["tuned"]
    table["failures"], table["prompted"] = "ignore", {"price_input": Decimal("0.4"), "price_output": Decimal(2)}
    same = {name: replace(run, model="one-model") for name, run in measured.items()}
    inputs = account(table, same)["formula_inputs"]
    assert inputs["variants"]["tuned"]["prices_like"] == "prompted"
    table["prompted"]["price_input"] = Decimal("0.7")
    changes = [{"part": "baseline", "name": "price_input", "value": 0.7}]
    count = "([inputs, changes]) => moneyFormulas.account(moneyFormulas.changedInputs(inputs, changes))"
    page = window.open(page_file, unfold=True)
    found = page.evaluate(f"(all) => {{ {source('money')}; return ({count})(all) }}", [inputs, changes])
    assert different(account(table, same), found) == []


def test_numbers_are_worded_as_in_python(window, page_file):
    chance = random.Random(5)
    values = [chance.choice((1, -1)) * 10 ** chance.uniform(-13, 19) for _ in range(300)]
    values += [round(value, chance.choice((0, 1, 2, 3))) for value in values]
    values += [chance.uniform(0, 1) for _ in range(100)] + [1 - 10 ** chance.uniform(-13, 0) for _ in range(60)]
    values += [each / 200 for each in range(201)] + [each / 8 for each in range(100)]
    values += [0, -0.0, 9.95, 9.949999, 99.95, 99.96, 999.5, 999.995, 999.994, 1000.5, 9999.995, 730.4, 730.5, 36525.0]
    values += [36526.0, 0.9995, 0.9994, 0.05, 0.04, 1e-9, 9.9e-10, 1e15, 9.99e14, 1e21, 3e22, 412.49499999999995]
    values += [None, math.nan, math.inf, -math.inf]
    forms = ("count", "percent", "days", "stated")
    worded = [[unbroken.money(v, "EUR"), *(getattr(unbroken, form)(v) for form in forms)] for v in values]
    words = f"(v) => [say.money(v, 'EUR'), ...{json.dumps(forms)}.map((form) => say[form](v))]"
    page = window.open(page_file, unfold=True)
    found = page.evaluate(
        f"(all) => {{ {source('numbers')}; const say = numberWords; return all.map({words}) }}", values
    )
    wrong = [(v, here, there) for v, here, there in zip(values, worded, found, strict=True) if here != there]
    assert not wrong, wrong[:10]
    shares = [v for v in values if v is not None and 0 <= v <= 1]
    stated = page.evaluate("(all) => all.map(numberWords.statedShare)", shares)
    assert stated == [unbroken.stated_share(share) for share in shares]


def test_all_follows_a_changed_number_and_reset_brings_the_run_back(window, page_file):
    page = window.open(page_file, unfold=True)
    before = page.locator("#what-if").inner_text()
    path = page.locator("#what-if .plot path.r-candidate").get_attribute("d")
    type_in(page, "requests_per_day", "700")
    type_in(page, "failure_cost", "0,05")
    expect(page.locator(SENTENCE)).to_contain_text(
        "With 700 requests a day and 0.05\u00a0EUR per failure, the tuned model costs"
    )
    assert page.locator("#what-if .plot path.r-candidate").get_attribute("d") != path
    assert page.locator("#what-if .figures tr.changed").count() >= 4
    assert page.locator("#what-if .lines pre").inner_text() == "[roi]\nrequests_per_day = 700\nfailure_cost = 0.05"
    assert settled(window) == "#what-if?requests_per_day=700&failure_cost=0.05"
    page.locator("#what-if .reset").click()
    expect(page.locator("#what-if .lines")).to_be_hidden()
    assert settled(window) == "#what-if"
    assert page.locator("#what-if").inner_text() == before
    assert window.messages == []
    assert window.asked() == []


def test_the_lines_to_copy_give_the_same_money(window, page_file, shared_run):
    inputs = json.loads((shared_run / "results.json").read_text(encoding="utf-8"))["money"]["formula_inputs"]
    page = window.open(page_file, unfold=True)
    for key, text in (("tuned.price_output", "7,5"), ("investment", "1,000.50"), ("upkeep_per_month", "31")):
        type_in(page, key, text)
    type_in(page, "prompted.acceptance", "25%")
    expect(page.locator("#what-if .lines pre")).to_contain_text("acceptance")
    table = tomllib.loads(page.locator("#what-if .lines pre").inner_text(), parse_float=Decimal)["roi"]
    assert table == {
        "investment": {"compute": Decimal("1000.5")},
        "running": {"monitoring_hours_per_month": 1, "monitoring_hourly": 31},
        "prompted": {"acceptance": Decimal("0.25")},
        "tuned": {"price_output": Decimal("7.5")},
    }
    assert inputs["investment"] != 1000.5
    page.locator("#what-if .copy").click()
    expect(page.locator("#what-if .copied")).to_contain_text("C")  # copied, or marked for Ctrl+C


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Enter a number"),
        ("many", "Enter a number"),
        ("-5", "negative"),
        ("1e400", "Enter at most"),
        ("1e13", "Enter at most"),
    ],
)
def test_what_is_no_number_is_named_and_keeps_the_last_good_result(window, page_file, text, words):
    page = window.open(page_file, unfold=True)
    type_in(page, "requests_per_day", "700")
    expect(page.locator(SENTENCE)).to_contain_text("With 700 requests")
    type_in(page, "requests_per_day", text)
    expect(field(page, "requests_per_day").locator(".wrong")).to_contain_text(words)
    box = field(page, "requests_per_day").locator("input[type=text]")
    assert box.get_attribute("aria-invalid") == "true"
    expect(page.locator(SENTENCE)).to_contain_text("With 700 requests")
    field(page, "requests_per_day").locator(".undo").click()
    expect(field(page, "requests_per_day").locator(".wrong")).to_be_hidden()
    expect(page.locator(SENTENCE)).to_contain_text("With 2,000 requests")


@pytest.mark.parametrize(
    ("text", "value"),
    [("0,10", "0.1"), ("1,000", "1000"), ("1.000,5", "1000.5"), ("12 000", "12000"), ("1'250", "1250"), (".5", "0.5"),
     ("2.", "2"), ("1,234,567.5", "1234567.5"), ("0,125", "0.125"), ("1e3", "1000"), ("0", "0")],
)  # fmt: skip
def test_numbers_may_be_written_as_people_write_them(window, page_file, text, value):
    page = window.open(page_file, unfold=True)
    type_in(page, "investment", text)
    expect(page.locator("#what-if .lines pre")).to_have_text(
        f"[roi.investment]  # replace the whole table\ncompute = {value}"
    )


def test_a_shared_view_opens_with_its_numbers(window, page_file):
    page = window.open(page_file, at="#what-if?requests_per_day=1000&tuned.price_input=0.9&unknown=4&horizon_days=-3")
    expect(page.locator(SENTENCE)).to_contain_text("With 1,000 requests a day")
    assert field(page, "tuned.price_input").locator("input[type=text]").input_value() == "0.9"
    assert field(page, "horizon_days").locator("input[type=text]").input_value() == "365"
    assert abs(window.value("document.getElementById('what-if').getBoundingClientRect().top")) < 400
    page.evaluate("location.hash = '#what-if?requests_per_day=5000'")
    expect(page.locator(SENTENCE)).to_contain_text("With 5,000 requests a day")
    assert field(page, "tuned.price_input").locator("input[type=text]").input_value() == "1.2"


@pytest.mark.parametrize(
    "fragment",
    [
        "#what-if?requests_per_day=<img src=x onerror=alert(1)>&__proto__=1&constructor=2&toString=3",
        "#what-if?requests_per_day=1e999&failure_cost=NaN&investment=Infinity&horizon_days=0x10",
        "#what-if?requests_per_day=%00%ff%zz&=&&&==&failure_cost=" + "9" * 5000,
        "#what-if?" + "&".join(f"requests_per_day={n}e5000" for n in range(1, 500)),
        "#what-if?",
    ],
)
def test_a_hostile_address_changes_nothing(window, page_file, fragment):
    page = window.open(page_file, unfold=True)
    usual = page.locator("#what-if").inner_text()
    page = window.open(page_file, at=fragment)
    assert page.locator("#what-if").inner_text() == usual
    assert window.messages == []
    assert window.asked() == []
    assert page.locator("#what-if img, #what-if iframe").count() == 0


def test_an_untouched_form_leaves_the_address_and_other_links_alone(window, page_file):
    page = window.open(page_file, at="#money", unfold=True)
    assert settled(window) == "#money"
    type_in(page, "requests_per_day", "900")
    settled(window)
    page.evaluate("document.querySelector('a[href=\"#money\"]').click()")
    assert settled(window) == "#money"
    assert field(page, "requests_per_day").locator("input[type=text]").input_value() == "900"


def test_a_slider_moves_by_keyboard_and_finds_back_to_the_runs_own_number(window, page_file):
    page = window.open(page_file, unfold=True)
    slider = field(page, "requests_per_day").locator("input[type=range]")
    box = field(page, "requests_per_day").locator("input[type=text]")
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert box.input_value() != "2000"
    assert slider.get_attribute("aria-valuetext").endswith("a day")
    page.keyboard.press("ArrowLeft")
    assert box.input_value() == "2000"
    page.keyboard.press("End")
    assert box.input_value() == "60000"
    page.keyboard.press("Home")
    expect(page.locator(SENTENCE)).to_contain_text("With 66.7 requests a day")
    assert settled(window) == "#what-if?requests_per_day=66.7"


def test_without_script_and_on_paper_the_usual_doubts_stand_alone(window, page_file):
    page = window.open(page_file, script=False, unfold=True)
    assert page.locator("#what-if .board").is_hidden()
    assert "the volume is half as high" in page.locator("#what-if .doubts").inner_text()
    assert "Turn on JavaScript" in page.locator("#what-if").inner_text()
    page = window.open(page_file, unfold=True)
    page.get_by_label("Print everything").check()
    page.emulate_media(media="print")
    assert page.locator("#what-if .board").is_hidden()
    assert page.locator("#what-if .doubts").is_visible()


@pytest.mark.parametrize("width", [320, 390, 720, 900, 1280])
def test_the_form_fits_every_width(window, page_file, width):
    page = window.open(
        page_file, width=width, at="#what-if?requests_per_day=1e12&investment=1e12&tuned.price_input=1e12"
    )
    expect(page.locator(SENTENCE)).to_contain_text("1,000,000,000,000 requests")
    beyond = page.evaluate(
        """() => [...document.querySelectorAll('#what-if *')]
            .filter((e) => !e.closest('.scroll') && !e.closest('.lines') && !e.closest('svg'))
            .filter((e) => e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.className || e.tagName)"""
    )
    assert beyond == []


def test_a_hostile_name_is_text_in_the_form_and_in_the_lines(window, shared_run, tmp_path):
    name = "</script><img src=x onerror=alert(1)>\"'\\&__proto__"
    run = tmp_path / "hostile"
    run.mkdir()
    text = (shared_run / "results.json").read_text(encoding="utf-8")
    renamed = re.sub(r'"tuned"(?!: (?:true|false))', lambda _: json.dumps(name), text)
    results = json.loads(renamed.replace('"tuned.', json.dumps(name)[:-1] + "."))
    (run / "results.json").write_text(json.dumps(results), encoding="utf-8")
    write_report(run)
    page = window.open(run / "report.html", unfold=True)
    type_in(page, "requests_per_day", "900")
    expect(page.locator(SENTENCE)).to_contain_text(name)
    page.locator("#what-if [data-part=candidate][data-name=price_input] input[type=text]").fill("3")
    expect(page.locator("#what-if .lines pre")).to_contain_text("price_input = 3")
    table = tomllib.loads(page.locator("#what-if .lines pre").inner_text())["roi"]
    assert table == {"requests_per_day": 900, name: {"price_input": 3}}
    address = settled(window)
    page = window.open(run / "report.html", at=address)
    expect(page.locator("#what-if .lines pre")).to_contain_text("price_input = 3")
    assert window.messages == []
    assert page.locator("#what-if img").count() == 0


def test_a_batch_and_failures_dropped_have_their_own_words(window, tmp_path):
    roi = """
[roi]
requests_total = 30000
failures = "drop"
[roi.investment]
compute = 100
[roi.prompted]
price_input = 0.60
price_output = 2.40
fixed_tokens = 1400
[roi.tuned]
price_input = 0.30
price_output = 1.20
fixed_tokens = 20
"""
    run = write_real_run(tmp_path, n=42, variants=("prompted", "tuned"), roi=roi)
    page = window.open(run / "report.html", unfold=True)
    sentence = page.locator(SENTENCE).inner_text()
    assert sentence.startswith("With 30,000 requests in total, the tuned model costs ")
    assert "less per acceptable output; after the investment of 100\u00a0EUR there is " in sentence
    assert page.locator("#what-if .redrawn").is_hidden()
    type_in(page, "prompted.acceptance", "0")
    expect(page.locator(SENTENCE)).to_have_text(
        "With these numbers no output is acceptable, so there is no cost to calculate."
    )
    assert window.messages == []
