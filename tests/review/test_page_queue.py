"""The queue by keyboard alone: each action of each kind becomes the decision that it says, and can be taken back."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
from playwright.sync_api import Route

from ..reports.chromium import Window
from .served import Served, serving
from .small_runs import all_kinds, curated
from .workbench import Workbench, open_page

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for all tests, each of which begins without a decision."""
    folder = curated(tmp_path_factory.mktemp("queue") / "parts", all_kinds()).project.folder
    with serving(folder, "--who", "Ada") as running:
        yield running


@pytest.fixture
def project(served: Served) -> Path:
    """The folder of the project, nothing decided."""
    file = Path(served.said["overrides"])
    file.unlink(missing_ok=True)
    return file.parent


@pytest.fixture
def bench(window: Window, served: Served, project: Path) -> Workbench:
    return open_page(window, served)


def decisions(project: Path) -> list[dict]:
    """The lines of overrides.jsonl."""
    file = project / "overrides.jsonl"
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []


def key_of(address: str) -> str:
    return unquote(address.split("/")[2])


def test_the_first_row_of_the_first_kind_is_shown(bench: Workbench) -> None:
    assert bench.value("location.hash").startswith("#queue/conflict/")
    assert bench.title().startswith("Conflicts")
    assert bench.value("document.activeElement.tagName") == "H1"
    assert bench.window.messages == []
    assert bench.window.asked() == []


@pytest.mark.parametrize(
    ("key", "expected"),
    [("1", ["keep", "drop"]), ("2", ["drop", "keep"]), ("3", ["keep", "keep"]), ("4", ["drop", "drop"])],
)
def test_a_conflict_is_resolved_with_one_key(bench: Workbench, project: Path, key: str, expected: list[str]) -> None:
    sides = bench.page.locator(".item .side .id").all_inner_texts()[:2]
    address = bench.row()
    bench.decide(key)
    bench.leaves(address)
    lines = decisions(project)
    assert [(line["id"], line["decision"]) for line in lines] == list(zip(sides, expected, strict=True))
    assert {line["who"] for line in lines} == {"Ada"}
    assert all(line["content"] for line in lines)


@pytest.mark.parametrize(
    ("key", "decision", "why"), [("1", "keep", ""), ("x", "drop", ""), ("w", "keep", "short is wrong here")]
)
def test_a_rejected_row_is_decided_with_one_key(
    bench: Workbench, project: Path, key: str, decision: str, why: str
) -> None:
    bench.goes("#queue/rejected/" + _first(bench, "rejected"))
    bench.decide(key)
    (line,) = decisions(project)
    assert (line["decision"], line.get("why", "")) == (decision, why)


def test_a_repair_is_accepted_with_its_text(bench: Workbench, project: Path) -> None:
    bench.goes("#queue/repair/" + _first(bench, "repair"))
    repaired = bench.page.locator(".side[aria-label=repaired] .output").inner_text()
    assert not repaired.endswith(".")
    bench.decide("a")
    (line,) = decisions(project)
    assert (line["decision"], line["text"]) == ("keep", repaired)


@pytest.mark.parametrize(("key", "decision"), [("1", "drop"), ("2", "keep")])
def test_a_near_duplicate_is_a_copy_or_not(bench: Workbench, project: Path, key: str, decision: str) -> None:
    bench.goes("#queue/near_duplicate/" + _first(bench, "near_duplicate"))
    bench.decide(key)
    (line,) = decisions(project)
    assert line["decision"] == decision
    bench.sees("Near duplicates: all decided", "h1")


def test_the_buttons_say_the_same_words_as_the_help(bench: Workbench) -> None:
    buttons = bench.page.locator("#actions button").evaluate_all(
        "all => all.map(one => [one.querySelector('kbd').textContent, one.querySelector('span').textContent])"
    )
    assert ["1", "Take the left one"] in buttons
    bench.press("?")
    listed = bench.page.locator("dialog .shortcuts > div").evaluate_all(
        "all => all.map(one => [one.querySelector('kbd').textContent, one.querySelector('dd').textContent])"
    )
    assert [pair for pair in listed if pair in buttons] == buttons
    bench.press("Escape")
    bench.page.locator("dialog").wait_for(state="detached")


def test_j_and_k_move_and_decide_nothing(bench: Workbench, project: Path) -> None:
    first = bench.row()
    bench.press("j")
    bench.leaves(first)
    second = bench.row()
    bench.press("k")
    bench.leaves(second)
    assert bench.row() == first
    bench.press("J")
    bench.leaves(first)
    bench.sees("Repairs", "h1")
    assert decisions(project) == []


def test_an_edited_output_is_saved_with_its_text_and_its_reason(bench: Workbench, project: Path) -> None:
    address = "#queue/rejected/" + _first(bench, "rejected")
    bench.goes(address)
    bench.press("y")
    bench.page.keyboard.type("too long by far")
    bench.press("Escape", "e")
    bench.press("Control+a")
    bench.page.keyboard.type("Socket with a cover, 1 of 2")
    assert decisions(project) == [], "nothing is saved before it is asked for"
    bench.decide("Control+Enter")
    (line,) = decisions(project)
    assert (line["decision"], line["text"], line["why"]) == ("keep", "Socket with a cover, 1 of 2", "too long by far")
    bench.leaves(address)


def test_leaving_an_edit_keeps_its_draft_also_over_a_reload(bench: Workbench, project: Path) -> None:
    bench.press("e")
    bench.page.keyboard.type("A draft. ")
    bench.press("Escape")
    assert bench.page.locator("textarea").count() == 0
    bench.press("e")
    assert "A draft. " in bench.page.locator("textarea").input_value()
    bench.page.reload()
    bench.row()
    assert "A draft. " in bench.page.locator("textarea").input_value()
    assert decisions(project) == []


@pytest.mark.smoke
def test_undo_takes_back_the_last_decision_and_shows_its_row(bench: Workbench, project: Path) -> None:
    first = bench.row()
    bench.decide("1")
    bench.leaves(first)
    second = bench.row()
    bench.decide("4")
    bench.leaves(second)
    assert len(decisions(project)) == 4
    bench.press("u")
    bench.hears("Taken back: ")
    bench.until(f"location.hash === {second!r}")
    assert len(decisions(project)) == 2
    bench.press("u")
    bench.until(f"location.hash === {first!r}")
    assert decisions(project) == []


def test_bulk_previews_all_and_one_undo_takes_it_back(bench: Workbench, served: Served, project: Path) -> None:
    count = next(kind["left"] for kind in served.client().state()["kinds"] if kind["kind"] == "rejected")
    bench.goes("#queue/rejected/" + _first(bench, "rejected"))
    bench.press("b")
    bench.sees(f"{count} rows, {count} shown", "dialog .told")
    assert bench.page.locator("dialog .preview li").count() == count > 2
    bench.page.locator("dialog label", has_text="Drop it").click()
    bench.sees(f"Drop it: apply to {count} rows", "dialog button")
    bench.forget()
    bench.press("Control+Enter")
    bench.hears(f"Saved: Drop it, {count} rows")
    lines = decisions(project)
    assert [line["decision"] for line in lines] == ["drop"] * count
    assert len({line["when"] for line in lines}) == 1
    bench.press("u")
    bench.hears(f"Taken back: your decisions about {count} rows")
    assert decisions(project) == []


def test_search_lists_the_rows_with_a_text_and_leads_to_one(bench: Workbench, served: Served) -> None:
    bench.goes("#queue/rejected/" + _first(bench, "rejected"))
    key = served.client().get("queue", kind="rejected")["entries"][-1]["key"]
    name = " ".join(served.client().item("rejected", key)["sides"][0]["text"].split()[:2])
    bench.press("/")
    bench.page.keyboard.type(name.lower())
    bench.sees(f"1 row with “{name.lower()}”", "#found")
    before = bench.value("location.hash")
    bench.press("Enter")
    bench.leaves(before)
    bench.row()
    bench.sees(name, ".item .output")
    assert bench.value("location.hash") == "#queue/rejected/" + quote(key, safe="")


def test_the_list_shows_what_is_decided_and_what_is_left(bench: Workbench) -> None:
    first = bench.row()
    bench.decide("1")
    bench.leaves(first)
    bench.row()
    bench.press("l")
    entries = bench.page.locator("#found li")
    entries.first.wait_for()
    all_of_them = entries.count()
    assert bench.page.locator("#found li .tag").count() >= 1
    bench.page.locator("#only-left").check()
    bench.until(f"document.querySelectorAll('#found li').length < {all_of_them}")
    assert bench.page.locator("#found li .tag").count() == 0


def test_counts_of_the_queue_change_with_each_decision(bench: Workbench) -> None:
    def left() -> int:
        return int(bench.page.locator("#kind-conflict .left").inner_text().split()[0])

    before = left()
    first = bench.row()
    bench.decide("4")
    bench.leaves(first)
    bench.until(f"!document.querySelector('#kind-conflict .left').textContent.startsWith('{before}')")
    assert left() < before


def test_a_decision_of_another_tab_is_said_and_never_overwritten(bench: Workbench, project: Path) -> None:
    other = bench.another()
    other.decide("1")
    bench.sees("Decided elsewhere by you in another tab", ".alert")
    lines = decisions(project)
    assert [line["decision"] for line in lines] == ["keep", "drop"]
    # Who decides again has seen the other decision, and replaces it knowingly.
    bench.decide("2")
    assert [line["decision"] for line in decisions(project)][-2:] == ["drop", "keep"]
    other.page.close()


def test_a_decision_made_meanwhile_is_refused_with_the_row_as_it_is(
    bench: Workbench, served: Served, project: Path
) -> None:
    key = key_of(bench.row())
    bench.value("window.setTimeout = () => 0")  # this tab does not ask for the state again
    other = served.client(who="Grace")
    assert other.decide(other.item("conflict", key), "right").status_code == 200
    bench.press("1")
    bench.sees("Decided elsewhere by Grace", ".alert")
    bench.sees("Your decision was not saved", ".alert")
    assert [line["who"] for line in decisions(project)] == ["Grace", "Grace"]


def test_a_name_is_changed_in_the_page_and_carried_by_decisions(bench: Workbench, project: Path) -> None:
    bench.page.locator("#who").click()
    bench.page.locator("#name").fill("Grace Hopper")
    bench.press("Enter")
    bench.sees("Grace Hopper", "#who")
    bench.decide("1")
    assert {line["who"] for line in decisions(project)} == {"Grace Hopper"}


def test_single_keys_can_be_switched_off(bench: Workbench, project: Path) -> None:
    bench.press("?")
    bench.page.locator("#keys-on").uncheck()
    bench.press("Escape")
    bench.press("1", "x", "u")
    bench.page.wait_for_timeout(300)
    assert decisions(project) == []
    bench.press("?")
    bench.page.locator("#keys-on").check()


def test_a_key_held_down_decides_once(bench: Workbench, project: Path) -> None:
    first = bench.row()
    bench.page.keyboard.down("1")
    for _ in range(5):
        bench.page.keyboard.down("1")  # what the system sends while it is held
    bench.page.keyboard.up("1")
    bench.leaves(first)
    bench.page.wait_for_timeout(300)
    assert len(decisions(project)) == 2


def test_curating_again_shows_its_progress_and_the_queue_of_the_new_run(bench: Workbench, project: Path) -> None:
    first = bench.row()
    bench.decide("4")
    bench.leaves(first)
    before = bench.page.locator("#about").get_attribute("title")
    bench.page.get_by_text("2 decisions in").first.wait_for()
    bench.press("c")
    bench.sees("with 2 decisions", "dialog")
    bench.press("Enter")
    bench.sees("Curating …", "dialog")
    bench.sees("The queue is that of the new run", "dialog")
    bench.press("Escape")
    bench.row()
    dropped = {line["id"] for line in decisions(project)}
    runs = sorted((project / "runs").iterdir(), key=lambda run: (run / "curate" / "summary.json").stat().st_mtime_ns)
    kept = (runs[-1] / "curate" / "train.jsonl").read_text(encoding="utf-8")
    assert before
    assert not any(json.dumps(id) in kept for id in dropped)


def test_a_kind_whose_rows_are_still_looked_for_is_waited_for(window: Window, served: Served, project: Path) -> None:
    early = 2  # answers of the server in which no repair was found yet

    def answer(route: Route) -> None:
        nonlocal early
        state = route.fetch().json()
        if early:
            early -= 1
            state["kinds"] = [{**kind, "exact": False} for kind in state["kinds"] if kind["kind"] != "repair"]
        route.fulfill(json=state)

    page = window.open(served.address, at="#style")
    page.route("**/api/state*", answer)
    page.goto("about:blank")
    page.goto(f"{served.address}#queue/repair")
    page.get_by_text("Rejected rows are still tried for a repair.").wait_for()
    Workbench(window, page).row()
    assert page.locator("#view .item").count() == 1
    assert early == 0


def _first(bench: Workbench, kind: str) -> str:
    """The key of the first row of a kind, once the counts of the kinds are exact."""
    return bench.value(
        f"""(async () => {{
        for (;;) {{
          const state = await (await fetch("api/state?who=")).json();
          if (state.kinds.every((one) => one.exact) && state.kinds.some((one) => one.kind === {kind!r})) break;
          await new Promise((go) => setTimeout(go, 100));
        }}
        return (await (await fetch("api/item?kind={kind}")).json()).key;
        }})()"""
    )
