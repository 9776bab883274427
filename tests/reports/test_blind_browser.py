"""Judging blind in a real Chromium: nothing gives a side away, every choice is kept, saved and taken in again."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page

from tuneworth.core import as_json
from tuneworth.evaluate import JudgedRun, judgement_results, read_judgements, wilson
from tuneworth.reports import read_run, write_report

from .chromium import Window, open_folds

pytestmark = pytest.mark.browser
Make = Callable[..., Path]


@pytest.fixture
def run(make_run: Make) -> Path:
    path = make_run()
    write_report(path)
    return path


def begin(window: Window, run: Path, **options: Any) -> tuple[Page, Locator]:
    opened = window.open(run / "report.html", **options, unfold=True)
    opened.get_by_role("button", name="Judge blind").click()
    return opened, opened.get_by_role("dialog")


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def judged_run(run: Path) -> JudgedRun:
    groups = {pair["id"]: None for pair in lines(run / "curate" / "test.jsonl")}
    return JudgedRun(read_run(run).shown_outputs, "prompted", "tuned", groups, {})


def saved(opened: Page, folder: Path) -> Path:
    """What “Save to a file” gives, in a file."""
    opened.locator(".keep").evaluate("keep => { keep.open = true; }")
    with opened.expect_download() as download:
        opened.get_by_role("button", name="Save to a file").click()
    assert download.value.suggested_filename == "judgements.json"
    path = folder / "judgements.json"
    download.value.save_as(path)
    return path


def press(opened: Page, keys: str) -> None:
    for key in keys:
        opened.keyboard.press(key)


def test_the_interval_is_wilsons(window: Window, run: Path):
    window.open(run / "report.html", unfold=True)
    grid = [(n, k) for n in (1, 2, 3, 10, 57, 200) for k in range(0, n + 1, max(1, n // 9))]
    found = window.page.evaluate(
        "grid => grid.map(([n, k]) => preferenceTally("
        "[...Array(k).fill('candidate'), ...Array(n - k).fill('baseline'), 'equal']))",
        grid,
    )
    for (n, k), tally in zip(grid, found, strict=True):
        expected = wilson(k, n)
        assert [tally["share"], tally["low"], tally["high"]] == pytest.approx(
            [expected.share, expected.low, expected.high], abs=1e-12
        )
    assert window.page.evaluate("preferenceTally(['equal']).share") is None


def test_no_name_id_state_reference_or_mark_is_to_be_seen(window: Window, run: Path):
    opened, box = begin(window, run)
    ids = [pair["id"] for pair in lines(run / "curate" / "test.jsonl")]
    for _ in range(20):
        text = box.locator(".judging").inner_text()
        for word in ("prompted", "tuned", "acceptable", "expected", *ids):
            assert word not in text
        assert box.locator(".judging mark, .judging sup, .judging ins").count() == 0
        press(opened, "s")
    assert window.messages == []


def test_what_the_keys_chose_is_what_is_saved_and_what_the_command_reads(window: Window, run: Path, tmp_path: Path):
    opened, box = begin(window, run)
    outputs = {(line["id"], line["variant"]): line["output"] for line in lines(run / "evaluate" / "outputs.jsonl")}
    texts = []
    for number in range(12):
        texts.append(
            [(one.text_content() or "").replace("(empty)", "") for one in box.locator(".judging .output").all()]
        )
        opened.keyboard.press(["1", "2", "3", "ArrowLeft", "ArrowRight"][number % 5])
    assert "12 judged" in box.locator(".progress").inner_text()
    path = saved(opened, tmp_path)
    content = json.loads(path.read_text(encoding="utf-8"))
    assert [row["choice"] for row in content["judgements"]] == (["left", "right", "equal", "left", "right"] * 3)[:12]
    for row, (left, right) in zip(content["judgements"], texts, strict=True):
        assert (outputs[row["id"], row["left"]], outputs[row["id"], row["right"]]) == (left, right)
        assert row["seconds"] >= 0
    [found] = read_judgements([path], judged_run(run))
    results = judgement_results([found], judged_run(run))
    assert results is not None
    box.get_by_role("button", name="Show results so far").click()
    counts = as_json(results.together)
    said = box.locator(".tally p").inner_text()
    assert said.startswith(
        f"tuned preferred {counts['candidate']}, prompted {counts['baseline']}, equal {counts['equal']}."
    )
    low, high = (round(100 * counts["preferred"][end]) for end in ("low", "high"))
    assert f"(range {low}% to {high}%)" in said


def test_marks_are_saved_with_the_choice_and_can_be_changed_and_removed(window: Window, run: Path, tmp_path: Path):
    opened, box = begin(window, run)
    press(opened, "4512")  # yes and then no for the left output; the second request without a mark
    press(opened, "67")
    press(opened, "73")  # the same mark again removes it
    press(opened, "571")
    press(opened, "b")
    pressed = {
        one: box.locator(f'button[value="{one}"]').get_attribute("aria-pressed") for one in ("left-no", "right-yes")
    }
    assert pressed == {"left-no": "true", "right-yes": "false"}
    press(opened, "6")
    path = saved(opened, tmp_path)
    rows = json.loads(path.read_text(encoding="utf-8"))["judgements"]
    marks = [{key: value for key, value in row.items() if key.endswith("_acceptable")} for row in rows]
    assert marks == [{"left_acceptable": False}, {}, {}, {"left_acceptable": False, "right_acceptable": True}]
    opened.reload()
    open_folds(opened)
    opened.get_by_role("button", name="Judge blind").click()
    assert json.loads(saved(opened, tmp_path).read_text(encoding="utf-8"))["judgements"] == rows
    [found] = read_judgements([path], judged_run(run))
    assert sorted(found.acceptable.values()) == [False, False, True]
    sides = {"tuned": "candidate", "prompted": "baseline"}
    assert found.acceptable[rows[3]["id"], sides[rows[3]["right"]]] is True


def test_how_it_stands_is_not_told_before_ten_choices(window: Window, run: Path):
    opened, box = begin(window, run)
    for _ in range(9):
        press(opened, "1")
    assert box.get_by_role("button", name="Results are shown after 10 choices").is_disabled()
    assert box.locator(".tally p").inner_text() == ""
    press(opened, "1")
    assert box.get_by_role("button", name="Show results so far").is_enabled()


def test_sides_and_rows_are_shuffled_and_the_same_again_under_their_seed(window: Window, run: Path, tmp_path: Path):
    opened, box = begin(window, run)
    for _ in range(60):
        press(opened, "3")
    assert box.get_by_text("You have judged all requests.").is_visible()
    rows = json.loads(saved(opened, tmp_path).read_text(encoding="utf-8"))["judgements"]
    # Rows with the same output on both sides are left out; of a fair coin's 40 and more, 10 to 90% are heads.
    outputs = {(line["id"], line["variant"]): line["output"] for line in lines(run / "evaluate" / "outputs.jsonl")}
    differing = {id_ for id_, _ in outputs if outputs[id_, "prompted"] != outputs[id_, "tuned"]}
    assert {row["id"] for row in rows} == differing
    assert f"Excluded because both outputs are the same: {60 - len(differing)}." in box.inner_text()
    assert 0.1 < sum(row["left"] == "tuned" for row in rows) / len(rows) < 0.9
    shown = window.value("[...document.querySelectorAll('.card h3 bdi')].map(name => name.textContent)")
    assert [row["id"] for row in rows] != [id_ for id_ in shown if id_ in differing]
    opened.reload()
    open_folds(opened)
    opened.get_by_role("button", name="Judge blind").click()
    again = json.loads(saved(opened, tmp_path).read_text(encoding="utf-8"))["judgements"]
    assert again == rows


def test_back_shows_the_choice_made_and_takes_another_and_what_was_skipped_comes_again(
    window: Window, run: Path, tmp_path: Path
):
    opened, box = begin(window, run)
    assert box.get_by_role("button", name="Back").first.is_disabled()
    first, sides = box.locator(".judging .request").inner_text(), box.locator(".judging .output").all_inner_texts()
    press(opened, "1s")
    press(opened, "bb")
    assert box.locator(".judging .request").inner_text() == first
    assert box.locator(".judging .output").all_inner_texts() == sides
    assert box.get_by_role("button", name="Left").get_attribute("aria-pressed") == "true"
    press(opened, "2")
    assert "Request 2 of" in box.locator(".progress").inner_text()
    [row] = json.loads(saved(opened, tmp_path).read_text(encoding="utf-8"))["judgements"]
    assert row["choice"] == "right"
    box.locator("h2").focus()
    for _ in range(70):
        press(opened, "s")
    assert "skipped" in box.locator(".done p").inner_text()
    box.get_by_role("button", name="Show skipped requests").click()
    assert "Request 2 of" in box.locator(".progress").inner_text()


def test_choices_are_kept_by_the_browser_and_can_be_forgotten(window: Window, run: Path):
    opened, box = begin(window, run)
    press(opened, "123")
    opened.keyboard.press("Escape")
    assert not box.is_visible()
    opened.reload()
    open_folds(opened)
    opened.get_by_role("button", name="Judge blind").click()
    assert "3 judged" in box.locator(".progress").inner_text()
    opened.on("dialog", lambda dialog: dialog.accept())
    box.locator(".keep summary").click()
    box.get_by_role("button", name="Start over").click()
    assert "0 judged" in box.locator(".progress").inner_text()


def test_two_tabs_are_one_session_and_neither_undoes_the_choices_of_the_other(window: Window, run: Path):
    second = window.open(run / "report.html", unfold=True).context.new_page()
    first = window.page
    second.goto(first.url)
    open_folds(second)
    for opened, keys, judged in ((first, "1123", 4), (second, "2", 5), (first, "3", 6)):
        if not opened.get_by_role("dialog").is_visible():
            opened.get_by_role("button", name="Judge blind").click()
        press(opened, keys)
        opened.get_by_text(f"{judged} judged").wait_for(timeout=2000)
    first.reload()
    open_folds(first)
    first.get_by_role("button", name="Judge blind").click()
    assert "6 judged" in first.locator("#blind .progress").inner_text()
    assert window.messages == []


def test_closing_and_opening_goes_on_at_the_same_request_also_where_nothing_is_kept(window: Window, run: Path):
    opened, box = begin(window, run)
    press(opened, "1ss")
    opened.keyboard.press("Escape")
    opened.get_by_role("button", name="Judge blind").click()
    assert "Request 4 of" in box.locator(".progress").inner_text()
    window.value("void (Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); })")
    press(opened, "12")
    opened.keyboard.press("Escape")
    opened.get_by_role("button", name="Judge blind").click()
    assert "3 judged" in box.locator(".progress").inner_text()


def test_where_the_browser_keeps_nothing_it_is_said_and_judging_goes_on(window: Window, run: Path, tmp_path: Path):
    opened = window.open(run / "report.html", unfold=True)
    window.value("void (Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); })")
    opened.get_by_role("button", name="Judge blind").click()
    press(opened, "12")
    opened.locator(".keep summary").click()
    assert opened.get_by_text("This browser cannot save your choices").is_visible()
    assert len(json.loads(saved(opened, tmp_path).read_text(encoding="utf-8"))["judgements"]) == 2
    assert window.messages == []


def test_what_is_broken_in_the_browsers_store_is_passed_over(window: Window, run: Path):
    window.open(run / "report.html", unfold=True)
    key = "`tuneworth/judgements/${document.getElementById('blind').dataset.outputs}`"
    for text in ("{", "null", "[]", '{"schema": "tuneworth/judgements/1", "judgements": [null]}'):
        window.page.evaluate(f"text => localStorage.setItem({key}, text)", text)
        window.page.reload()
        open_folds(window.page)
        window.page.get_by_role("button", name="Judge blind").click()
        assert "0 judged" in window.page.locator(".progress").inner_text()
    assert window.messages == []


def test_a_saved_file_is_gone_on_with_and_a_wrong_one_is_said(window: Window, run: Path, tmp_path: Path):
    opened, _ = begin(window, run)
    press(opened, "112")
    opened.locator(".keep summary").click()
    opened.get_by_label("Your name").fill("1s<b>3")
    path = saved(opened, tmp_path)
    good = json.loads(path.read_text(encoding="utf-8"))
    assert (good["judge"], len(good["judgements"])) == ("1s<b>3", 3)
    opened, box = begin(window, run)
    box.locator(".keep summary").click()
    row = good["judgements"][0]
    for wrong, said in (
        ("{", "cannot be read as JSON"),
        ("null", "not a judgements file"),
        (json.dumps({**good, "schema": "x"}), "not a judgements file"),
        (json.dumps({**good, "run": {}}), "another run"),
        (json.dumps({**good, "seed": "1"}), "seed is missing"),
        (json.dumps({**good, "judgements": [{**row, "id": "nobody"}]}), "not shown here"),
        (json.dumps({**good, "judgements": [{**row, "choice": "both"}]}), "other than left, right or equal"),
        (json.dumps({**good, "judgements": [{**row, "left": row["right"]}]}), "other variants"),
        (json.dumps({**good, "judgements": [{**row, "left_acceptable": "no"}]}), "a mark other than true or false"),
    ):
        path.write_text(wrong, encoding="utf-8")
        box.get_by_label("Resume from a saved file").set_input_files(path)
        box.get_by_text(said).wait_for()
        assert "0 judged" in box.locator(".progress").inner_text()
    path.write_text(json.dumps(good), encoding="utf-8")
    box.get_by_label("Resume from a saved file").set_input_files(path)
    box.get_by_text("3 judged").wait_for()
    assert box.get_by_label("Your name").input_value() == "1s<b>3"
    assert json.loads(saved(opened, tmp_path).read_text(encoding="utf-8")) == good


def test_at_the_end_the_names_stand_at_the_outputs_again(window: Window, run: Path):
    opened, box = begin(window, run)
    for _ in range(60):
        press(opened, "1")
    assert "preferred" in box.locator(".tally p").inner_text()
    box.get_by_role("button", name="Close").click()
    opened.locator(".yours").first.wait_for(state="attached")
    labels = window.value("[...document.querySelectorAll('.yours')].map(label => label.textContent)")
    assert set(labels) == {"you preferred tuned", "you preferred prompted"}


def test_the_box_fits_a_phone_and_says_where_long_outputs_are_cut(window: Window, make_run: Make):
    run = make_run()
    path = run / "evaluate" / "outputs.jsonl"
    rows = lines(path)
    for row in rows:
        row["output"] += " word" * 1500 + "W" * 300
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    write_report(run)
    for width in (320, 390, 1280):
        opened, box = begin(window, run, width=width, height=700)
        size = box.bounding_box()
        assert size is not None
        assert size["x"] >= 0
        assert size["x"] + size["width"] <= width
        assert box.evaluate("box => box.scrollWidth <= box.clientWidth")
        cuts = box.locator(".judging .cut").all_inner_texts()
        assert [bool(re.fullmatch(r"… [\d,]+ more characters", cut)) for cut in cuts] == [True, True]
        opened.get_by_role("button", name="Skip").click()
