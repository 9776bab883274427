"""The examples in a real Chromium: words that differ, filters, order, keys."""

import difflib
import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tuneworth.reports import write_report

from .chromium import Window

pytestmark = pytest.mark.browser
Make = Callable[..., Path]
SHOWN = "[...document.querySelectorAll('.card')].filter(card => card.getClientRects().length)"
FIVE = ("plain", "prompted", "short", "rival", "tuned")


@pytest.fixture
def page(make_run: Make) -> Path:
    return write_report(make_run())[0]


def until(window: Window, expression: str) -> None:
    """Ask again until it is true: the page's policy forbids Playwright's own waiting."""
    end = time.monotonic() + 10
    while not window.value(expression):
        assert time.monotonic() < end, expression
        time.sleep(0.02)


def shown(page: Page) -> int:
    return page.evaluate(f"{SHOWN}.length")


def said(page: Page) -> str:
    return page.locator(".filters output").inner_text()


def rest(text: str, spans: list[list[int]]) -> list[str]:
    """The words of the text outside the spans."""
    for start, end in reversed(spans):
        text = text[:start] + " " + text[end:]
    return text.split()


def test_what_is_not_marked_is_the_same_in_both_texts_and_no_less_than_difflib_finds(window: Window, page: Path):
    chance = random.Random(5)
    words = ["red", "lamp,", "blue", "2.7 V", "a", "the", "Ä", "\U0001f600", "x-y", "\n"]
    pairs = [[" ".join(chance.choices(words, k=chance.randrange(40))) for _ in range(2)] for _ in range(200)]
    pairs += [["", ""], ["same text", "same text"], ["", "new"], ["只有一个字不同", "只有两个字不同"]]
    window.open(page, unfold=True)
    found = window.page.evaluate("pairs => pairs.map(([one, two]) => exampleText.differences(one, two))", pairs)
    for (one, two), (left, right) in zip(pairs, found, strict=True):
        # Places are UTF-16 units there.
        first, second = rest(utf16(one), left), rest(utf16(two), right)
        assert first == second
        tokens = [re.findall(r"\d+(?:[.,]\d+)*\w*|\w+|[^\w\s]", text) for text in (one, two)]
        blocks = difflib.SequenceMatcher(None, *tokens, autojunk=False).get_matching_blocks()
        kept = len(re.findall(r"\d+(?:[.,]\d+)*\w*|\w+|[^\w\s]", " ".join(first).replace("\x00", "")))
        if two and not re.search("[\u4e00-\u9fff]", one):
            assert kept >= sum(block.size for block in blocks)
    assert found[-1] == [[[2, 3]], [[2, 3]]]


def utf16(text: str) -> str:
    """The text with a filler behind each character that JavaScript counts as two."""
    return "".join(c + "\x00" if ord(c) > 0xFFFF else c for c in text)


def test_texts_too_long_to_compare_are_said_and_a_common_start_and_end_cost_nothing(window: Window, page: Path):
    window.open(page, unfold=True)
    differences = "([one, two]) => exampleText.differences(one, two)"
    apart = [" ".join(f"{side}{n}" for n in range(401)) for side in "ab"]
    assert window.page.evaluate(differences, apart) is None
    same = "word " * 5000
    assert window.page.evaluate(differences, [f"{same}one {same}", f"{same}two {same}"]) == [
        [[25000, 25003]], [[25000, 25003]],
    ]  # fmt: skip


def test_differences_are_marked_and_taken_away_without_a_trace(window: Window, page: Path):
    opened = window.open(page, unfold=True)
    cards = "document.querySelector('.gallery').innerHTML"
    texts = f"{SHOWN}.map(card => [...card.querySelectorAll('.output')].map(exampleText.plain))"
    before, plain = window.value(cards), window.value(texts)
    opened.get_by_role("button", name="Show differences").click()
    until(window, f"{SHOWN}[9].querySelector('ins')")
    assert window.value(texts) == plain
    for one, two, reference in window.value(
        f"{SHOWN}.map(card => [...card.querySelectorAll('.output')].map(output => "
        "[exampleText.plain(output), [...output.querySelectorAll('ins')].map(ins => exampleText.plain(ins)).join('')]))"
    ):
        assert (one[1] == two[1] == "") == (one[0].split() == two[0].split())
        assert reference[1] == ""
    opened.locator("[name=against]").select_option("reference")
    until(
        window,
        f"{SHOWN}.slice(0, 10).every(card => [...card.querySelectorAll('.answer:not(.ref) .output')].every("
        "output => (exampleText.plain(output) === exampleText.plain(card.querySelector('.ref .output')))"
        " === !output.querySelector('ins') || !exampleText.plain(output)))",
    )
    opened.get_by_role("button", name="Show differences").click()
    until(window, "!document.querySelector('.gallery ins')")
    assert window.value(cards) == before


def test_exactly_the_words_that_differ_are_marked_across_the_marks_of_violations(window: Window, page: Path):
    opened = window.open(page, unfold=True)
    opened.get_by_role("button", name="Show differences").click()
    until(window, f"{SHOWN}[9].querySelector('ins')")
    cards: list[Any] = window.value(f"""{SHOWN}.map(card => {{
      const outputs = [...card.querySelectorAll('.answer:not(.ref) > .output')];
      const texts = outputs.map(exampleText.plain), spans = exampleText.differences(...texts);
      return outputs.map((output, n) => [
        spans[n].map(([start, end]) => texts[n].slice(start, end)).join(''),
        [...output.querySelectorAll('ins')].map(exampleText.plain).join(''), output.querySelectorAll('mark ins').length]);
    }})""")
    for expected, marked, _ in (side for card in cards for side in card):
        assert marked == expected
    assert sum(inside for card in cards for _, _, inside in card) > 0


def test_hostile_outputs_stay_text_when_they_are_compared_and_searched(window: Window, make_run: Make):
    run = make_run()
    path = run / "evaluate" / "outputs.jsonl"
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for number, line in enumerate(lines):
        line["output"] = (
            f"<img src=x onerror=\"document.title='owned'\"> <script>alert({number})</script> \u202e $& {{{{7}}}}"
        )
        line["violations"] = [
            {"check": "x", "found": "<b>", "start": 2, "end": 30, "expected": "<svg onload=alert(1)>"}
        ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    opened = window.open(write_report(run)[0], unfold=True)
    opened.get_by_role("button", name="Show differences").click()
    opened.get_by_label("Search").fill("onerror [(\\")
    until(window, "document.querySelector('.nothing').getClientRects().length")
    opened.get_by_label("Search").fill("ONERROR=")
    until(window, f"{SHOWN}.length === 10 && document.querySelector('ins')")
    assert window.value("document.querySelectorAll('main img, main script:not([type]), main svg [onload]').length") == 0
    assert "owned" not in opened.title()
    assert window.messages == []
    assert window.asked() == []


def test_ten_are_shown_first_then_more_and_all(window: Window, page: Path):
    opened = window.open(page, unfold=True)
    assert (shown(opened), said(opened)) == (10, "60 examples, 10 shown")
    opened.get_by_role("button", name="Show 20 more").click()
    expect(opened.locator(".filters output")).to_have_text("60 examples, 30 shown")
    assert shown(opened) == 30
    opened.get_by_role("button", name="Show all 60").click()
    expect(opened.locator(".filters output")).to_have_text("60 of 60 shown")
    assert shown(opened) == 60
    assert not opened.get_by_role("button", name="Show all").is_visible()


def test_each_filter_leaves_what_it_says_and_clear_takes_all_away(window: Window, page: Path):
    opened = window.open(page, unfold=True)
    kinds = window.value("[...document.querySelectorAll('.card')].map(card => card.dataset.kind)")
    for kind in dict.fromkeys(kinds):
        opened.locator("[name=kind]").select_option(kind)
        assert said(opened).startswith(f"{kinds.count(kind)} of 60")
    opened.get_by_role("button", name="Only differences").click()
    assert said(opened).startswith(f"{kinds.count('won') + kinds.count('lost')} of 60")
    opened.locator("[name=check]").select_option("grounded")
    found = window.value("[...document.querySelectorAll('.card:not([hidden])')].map(card => card.textContent)")
    assert 0 < len(found) < 60
    assert all("grounded" in text for text in found)
    opened.get_by_role("button", name="Clear").click()
    assert said(opened) == "60 examples, 10 shown"
    assert not opened.get_by_role("button", name="Clear").is_visible()
    assert window.value("document.activeElement.type") == "search"


def test_a_group_can_be_chosen(window: Window, make_run: Make):
    run = make_run()
    path = run / "curate" / "test.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for number, row in enumerate(rows):
        row["group"] = f"g{number // 20}"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    opened = window.open(write_report(run)[0], unfold=True)
    opened.locator("[name=group]").select_option(label="g1")
    assert said(opened) == "20 of 60 found, 10 shown"
    ids = {row["id"] for row in rows[20:40]}
    assert (
        set(window.value("[...document.querySelectorAll('.card:not([hidden]) h3 bdi')].map(b => b.textContent)")) == ids
    )


def test_search_folds_case_and_marks_finds_across_numbers_and_says_when_nothing_is_found(
    window: Window, make_run: Make
):
    run = make_run()
    path = run / "evaluate" / "outputs.jsonl"
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    place = {"check": "grounded", "found": "Über", "start": 0, "end": 4, "expected": "x"}
    lines[0].update(output="Über-Größe", violations=[place])
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    opened = window.open(write_report(run)[0], unfold=True)
    search = opened.get_by_label("Search")
    search.fill("uber-GRO")
    until(window, "document.querySelectorAll('.card:not([hidden])').length === 1")
    assert said(opened) == "1 of 60 shown"
    search.fill("nothing is like this")
    until(window, "!document.querySelector('.nothing').hidden")
    assert said(opened) == "0 of 60 shown"


@pytest.mark.parametrize("order", ["id", "long", "faults", "far"])
def test_an_order_is_that_of_the_cards_and_the_first_one_comes_back(window: Window, page: Path, order: str):
    opened = window.open(page, unfold=True)
    facts = """[...document.querySelectorAll('.card')].map(card => {
      const [one, two, reference] = [...card.querySelectorAll('.pair > .answer > .output')].map(exampleText.plain);
      const id = card.querySelector('h3 bdi').textContent, faults = card.dataset.checks.split(' ').filter(Boolean).length;
      return {id, long: -Math.max(one.length, two.length), faults: -faults, far: exampleText.similarity(two, reference)};
    })"""
    before: list[dict[str, Any]] = window.value(facts)
    opened.locator("[name=order]").select_option(order)
    after = window.value(facts)
    assert [row[order] for row in after] == sorted(row[order] for row in before)
    opened.locator("[name=order]").select_option("")
    assert window.value(facts) == before


def test_an_order_holds_where_texts_are_cut_and_faults_are_not_listed(window: Window, make_run: Make):
    run = make_run(n=200)
    path = run / "evaluate" / "outputs.jsonl"
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for number, line in enumerate(lines):
        line["output"] += " word" * (600 + number * 37 % 211)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    longest, broken = Counter[str](), dict[str, set[str]]()
    for line in lines:
        longest[line["id"]] = max(longest[line["id"]], len(line["output"]))
        broken.setdefault(line["id"], set()).update(found["check"] for found in line["violations"])
    opened = window.open(write_report(run)[0], unfold=True)
    assert opened.locator(".card .cut.left").count() > 200
    assert opened.locator(".faults").count() < 20
    for order, known in (("long", longest), ("faults", {id_: len(checks) for id_, checks in broken.items()})):
        opened.locator("[name=order]").select_option(order)
        ids = window.value("[...document.querySelectorAll('.card h3 bdi')].map(bdi => bdi.textContent)")
        assert [known[id_] for id_ in ids] == sorted((known[id_] for id_ in ids), reverse=True), order
        assert len(ids) >= 50


def test_the_keys_move_search_and_compare_and_are_quiet_in_fields(window: Window, page: Path):
    opened = window.open(page, unfold=True)
    focused = "[...document.querySelectorAll('.card:not([hidden])')].indexOf(document.activeElement)"
    for _ in range(12):
        opened.keyboard.press("j")
    assert window.value(focused) == 11
    assert shown(opened) > 11
    assert window.value("document.activeElement.matches(':focus-visible')")
    assert 0 <= window.value("document.activeElement.getBoundingClientRect().top") < 800
    opened.keyboard.press("k")
    assert window.value(focused) == 10
    opened.keyboard.press("d")
    assert opened.get_by_role("button", name="Show differences").get_attribute("aria-pressed") == "true"
    opened.keyboard.press("/")
    opened.keyboard.type("jd/?")
    assert opened.get_by_label("Search").input_value() == "jd/?"
    assert opened.get_by_role("button", name="Show differences").get_attribute("aria-pressed") == "true"
    opened.keyboard.press("Control+a")
    opened.keyboard.press("Delete")
    opened.get_by_role("button", name="Show differences").focus()
    opened.keyboard.press("?")
    assert opened.get_by_text("next and previous example").is_visible()
    opened.get_by_label("Enable shortcuts").uncheck()
    opened.locator(".keys summary").focus()
    opened.keyboard.press("d")
    assert opened.get_by_role("button", name="Show differences").get_attribute("aria-pressed") == "true"


def test_a_number_in_an_output_leads_to_its_note_and_back(window: Window, page: Path):
    opened = window.open(page, unfold=True)
    number = opened.locator("mark sup a").first
    number.focus()
    opened.keyboard.press("Enter")
    note = opened.locator(".faults li:target")
    assert note.is_visible()
    assert note.locator("a").get_attribute("href") == f"#{number.get_attribute('id')}"
    note.locator("a").press("Enter")
    assert window.value("location.hash") == f"#{number.get_attribute('id')}"


def test_an_address_of_a_note_that_is_not_shown_yet_shows_it(window: Window, page: Path):
    window.open(page, unfold=True)
    last = window.value("[...document.querySelectorAll('.faults li[id]')].pop().id")
    opened = window.open(page, at=f"#{last}")
    assert opened.locator(f"[id='{last}']").is_visible()
    window.open(page, at="#%E0%A4%A")
    assert window.messages == []


def test_a_rule_elsewhere_on_the_page_leads_to_the_examples_that_break_it(window: Window, page: Path):
    opened = window.open(page)
    window.value("""(() => { const link = document.createElement('a'); link.href = '#requests'; link.id = 'made';
      link.dataset.check = 'no-part-name'; link.textContent = 'x'; document.querySelector('main').prepend(link); })()""")
    opened.locator("#made").click()
    assert opened.locator("[name=check]").input_value() == "no-part-name"
    assert re.fullmatch(r"\d+ of 60 found, 10 shown", said(opened))


def test_five_variants_stand_in_the_card_and_are_searched(window: Window, evaluated_run: Make):
    opened = window.open(write_report(evaluated_run(variants=FIVE))[0], width=390, height=844, unfold=True)
    opened.get_by_text("Other outputs for this request").first.click()
    assert opened.locator(".others").get_by_role("heading", name="plain").first.is_visible()
    opened.get_by_label("Search").fill("(short)")
    until(window, "/ of 84/.test(document.querySelector('.filters output').textContent)")
    assert window.value("document.documentElement.scrollWidth") <= 390
    opened.get_by_role("button", name="Show differences").click()
    assert window.messages == []


def test_another_variant_can_be_shown_beside_the_compared_ones(window: Window, evaluated_run: Make):
    run = evaluated_run(variants=FIVE)
    page = window.open(write_report(run)[0], unfold=True)
    options = page.locator("[name=also] option").all_inner_texts()
    assert options == ["no other variant", "prompted", "short", "plain", "all variants"]
    others = "[...document.querySelectorAll('.others .answer')].filter((one) => one.checkVisibility())"
    assert window.value(f"{others}.length") == 0
    page.locator("[name=also]").select_option(label="short")
    names = window.value(f"{others}.map((one) => one.querySelector('bdi').textContent)")
    assert names
    assert all("short" in name.split("; ") for name in names)
    page.locator("[name=also]").select_option("all")
    assert window.value(f"{others}.length") > len(names)
    page.locator("[name=also]").select_option("")
    assert window.value(f"{others}.length") == 0
    assert window.messages == []


def test_without_script_all_cards_and_no_controls_are_there(window: Window, page: Path):
    opened = window.open(page, script=False, unfold=True)
    assert opened.locator(".card").count() == 60
    assert all(card.is_visible() for card in opened.locator(".card").all()[::20])
    for control in (".filters", ".further", "#blind", ".nothing"):
        assert not opened.locator(control).is_visible()
