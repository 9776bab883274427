"""Bad days in the browser: the server stops or is killed, the disk is full, the data is hostile."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..reports.chromium import Window
from ..reports.test_safety import PAYLOADS
from .served import Served, serving
from .small_runs import conflicting_pairs, curated, pair, plain_pairs, relays
from .workbench import Workbench, open_page

pytestmark = pytest.mark.browser


@pytest.fixture
def served(project: Path) -> Iterator[Served]:
    with serving(project, "--who", "Ada") as running:
        yield running


def decisions(project: Path) -> list[dict]:
    file = project / "overrides.jsonl"
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []


def test_what_a_stopped_server_did_not_save_is_saved_when_it_is_back(
    window: Window, served: Served, project: Path
) -> None:
    bench = open_page(window, served)
    address = bench.row()
    served.kill()
    bench.press("1")
    bench.sees("Not saved: Tuneworth does not answer", "#troubles")
    bench.sees("“Take the left one”", "#troubles")
    assert bench.row() == address, "the row stays until its decision is saved"
    assert "Saved" not in bench.page.locator("#said").inner_text()
    # It stays: nothing that is done meanwhile hides it.
    bench.press("j", "k", "?", "Escape")
    bench.page.wait_for_timeout(2500)
    bench.sees("Not saved: ", "#troubles")
    assert decisions(project) == []
    port = served.origin.rsplit(":", 1)[1]
    bench.sees(f"tuneworth review --port {port}", "#troubles")
    with serving(project, "--who", "Ada", "--port", port) as again:
        bench.page.goto(again.address)
        bench.hears("Saved: ")
        bench.page.locator("#troubles .trouble").wait_for(state="detached")
        assert [line["decision"] for line in decisions(project)] == ["keep", "drop"]


def test_a_draft_outlives_a_failed_save(window: Window, served: Served, project: Path) -> None:
    bench = open_page(window, served)
    served.kill()
    bench.press("e", "Control+a")
    bench.page.keyboard.type("Relay with two coils")
    bench.press("Control+Enter")
    bench.sees("Not saved: ", "#troubles")
    assert bench.page.locator("textarea").input_value() == "Relay with two coils"
    with serving(project, "--who", "Ada", "--port", served.origin.rsplit(":", 1)[1]) as again:
        bench.page.goto(again.address)
        bench.hears("Saved: ")
        bench.page.locator("#troubles .trouble").wait_for(state="detached")
        assert decisions(project)[0]["text"] == "Relay with two coils"


def test_a_kept_decision_can_be_discarded(window: Window, served: Served, project: Path) -> None:
    bench = open_page(window, served)
    served.kill()
    bench.press("1")
    bench.page.locator("#troubles button", has_text="Discard").click()
    bench.page.locator("#troubles b", has_text="Not saved").wait_for(state="detached")
    with serving(project, "--port", served.origin.rsplit(":", 1)[1]) as again:
        bench.page.goto(again.address)
        bench.row()
        bench.page.wait_for_timeout(300)
    assert decisions(project) == []


def test_a_kept_decision_never_replaces_one_made_meanwhile(window: Window, served: Served, project: Path) -> None:
    bench = open_page(window, served)
    key = bench.value("decodeURIComponent(location.hash.split('/')[2])")
    served.kill()
    bench.press("1")
    bench.sees("Not saved: ", "#troubles")
    with serving(project, "--port", served.origin.rsplit(":", 1)[1]) as again:
        other = again.client(who="Grace")
        assert other.decide(other.item("conflict", key), "neither").status_code == 200
        bench.page.goto(again.address)
        bench.sees("Your decision was not saved.", "#troubles")
        bench.page.locator("#troubles button", has_text="Discard").click()
        bench.page.locator("#troubles .trouble").wait_for(state="detached")
    assert [line["who"] for line in decisions(project)] == ["Grace", "Grace"]


@pytest.mark.slow
def test_a_full_disk_is_said_and_loses_nothing(window: Window, project: Path) -> None:
    # No file of the server may grow beyond 4 kB: writing fails as on a full disk, part-way through the line.
    (project / "overrides.jsonl").write_text(_filler(project, 4064), encoding="utf-8")
    with serving(project, "--who", "Ada", most_bytes=4096) as served:
        bench = open_page(window, served)
        bench.press("1")
        bench.sees("Not saved: not saved", "#troubles")
        bench.sees("“Take the left one”", "#troubles")
    assert (project / "overrides.jsonl").read_text(encoding="utf-8") == _filler(project, 4064)


def _filler(project: Path, size: int) -> str:
    """A decision about a row that no queue holds, as a line of this many bytes."""
    line = json.dumps({"id": "nobody", "decision": "keep", "why": ""})
    return json.dumps({"id": "nobody", "decision": "keep", "why": "x" * (size - len(line) - 1)}) + "\n"


# Elements that only data could have brought, and handlers or addresses that only data could have set.
FOREIGN = """[...document.querySelectorAll("*")].filter(e =>
  ["IMG", "IFRAME", "OBJECT", "EMBED", "BASE", "STYLE"].includes(e.tagName)
  || [...e.attributes].some(a => /^on/i.test(a.name) || /^\\s*javascript:/i.test(a.value))
  || e.tagName === "A" && !e.getAttribute("href")?.startsWith("#")
  || e.tagName === "SCRIPT" && e.getAttribute("src") !== "page/app.js"
  || e.tagName === "META" && e.httpEquiv === "refresh" || e.tagName === "FORM" && e.action !== location.href.split("#")[0]
).map(e => e.outerHTML.slice(0, 200))"""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which each hostile text stands in ids, requests, outputs and groups."""
    pairs = plain_pairs(20)
    for number, payload in enumerate(PAYLOADS.values()):
        left, right = relays(number * 2 + 3, number * 2 + 4)
        for one in conflicting_pairs(200 + number, f"{payload} {left}", f"{payload} {right}"):
            pairs.append(
                {**one, "id": f"{one['id']} {payload}", "input": f"{one['input']} {payload}", "maker": payload}
            )
        pairs.append(pair(300 + number, f"Switch {payload} {number} for {number * 3} V.", id=f"switch {payload}"))
    return curated(tmp_path_factory.mktemp("hostile") / "parts", pairs).project.folder


@pytest.mark.slow
def test_hostile_texts_are_shown_row_by_row_and_never_run(window: Window, hostile: Path, tmp_path: Path) -> None:
    project = Path(shutil.copytree(hostile, tmp_path / "parts"))
    with serving(project, "--who", "<b>Ada</b>") as served:
        state = served.client().state()
        bench = open_page(window, served)
        shown = []
        for kind in state["kinds"]:
            for entry in served.client().get("queue", kind=kind["kind"], limit=200)["entries"]:
                place = f"[{kind['kind']!r}, {json.dumps(entry['key'])}].map(encodeURIComponent).join('/')"
                bench.value(f"location.hash = '#queue/' + {place}")
                bench.row()
                _harmless(bench)
                shown.append(bench.value("document.querySelector('#view').textContent"))
        bench.press("l")
        bench.page.locator("#found li").first.wait_for()
        _harmless(bench)
        if bench.page.locator("#steps button", has_text="All like this").count():
            bench.press("b")
            bench.page.locator("dialog .preview li").first.wait_for()
            _harmless(bench)
    words = _bare("".join(shown))
    missing = [name for name, payload in PAYLOADS.items() if _bare(payload) not in words]
    assert missing == []


def _harmless(bench: Workbench) -> None:
    """Nothing of the data ran, asked for anything, or became more than text."""
    assert bench.value("typeof window.owned") == "undefined"
    assert bench.value(FOREIGN) == []
    assert bench.window.asked() == []
    assert [message for message in bench.window.messages if "Content Security" in message] == []
    assert bench.value("document.documentElement.scrollWidth <= innerWidth"), bench.value("location.hash")


def _bare(text: str) -> str:
    """Letters, digits and marks that every way of showing a text keeps."""
    return re.sub(r"[^!-~]", "", text)
