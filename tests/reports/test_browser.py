"""The report in a real Chromium, driven over its DevTools pipe."""

import base64
import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tuneworth.curate import curate, write_curated
from tuneworth.reports import write_report

pytestmark = pytest.mark.slow

WIDTHS = [320, 360, 390, 480, 600, 721, 768, 1024, 1041, 1280, 1600, 1920]
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-pipe",
]  # fmt: skip


class Browser:
    """One headless Chromium with one page; collects console messages, exceptions and requests."""

    def __init__(self, profile: Path) -> None:
        program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        assert program, "Chromium is needed for the report's browser tests: apt-get install chromium"
        theirs_in, self._write = os.pipe()
        self._read, theirs_out = os.pipe()
        # Chromium reads from 3 and writes to 4; high numbers first, as either end may be 3 or 4 already.
        high = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (theirs_in, theirs_out)]
        start = f'exec "$0" "$@" 3<&{high[0]} 4>&{high[1]}'
        self._process = subprocess.Popen(
            ["bash", "-c", start, program, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, pass_fds=high,
        )  # fmt: skip
        for end in (theirs_in, theirs_out, *high):
            os.close(end)
        self._number, self._rest, self._session = 0, b"", ""
        self.messages: list[str] = []
        self.requests: list[str] = []
        target = next(t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page")
        self._session = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One DevTools command and its answer."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer}"
                return answer["result"]
            self._note(answer)

    def open(
        self, page: Path, *, width: int = 1280, height: int = 800, dark: bool = False, script: bool = True
    ) -> None:
        """Load the page at a size."""
        self.messages, self.requests = [], []
        self.resize(width, height)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Emulation.setScriptExecutionDisabled", value=not script)
        self.call("Page.navigate", url=page.resolve().as_uri())
        while True:
            event = self._next()
            self._note(event)
            if event.get("method") == "Page.loadEventFired":
                return

    def resize(self, width: int, height: int) -> None:
        """Give the viewport a size in CSS pixels."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def value(self, expression: str) -> Any:
        """The value of a JavaScript expression on the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def picture(self, *, whole: bool = False) -> bytes:
        """A PNG of the viewport or of the whole page."""
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        return base64.b64decode(shot["data"])

    def paper(self) -> bytes:
        """The page as a PDF."""
        printed = self.call("Page.printToPDF", preferCSSPageSize=True, printBackground=True)
        return base64.b64decode(printed["data"])

    def close(self) -> None:
        """End the browser."""
        self._process.terminate()
        self._process.wait(20)
        os.close(self._write)
        os.close(self._read)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            part = os.read(self._read, 1 << 20)
            assert part, "Chromium ended"
            self._rest += part
        line, self._rest = self._rest.split(b"\0", 1)
        return json.loads(line)

    def _note(self, event: dict[str, Any]) -> None:
        if event.get("method") in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"):
            self.messages.append(json.dumps(event["params"])[:400])
        if event.get("method") == "Network.requestWillBeSent":
            self.requests.append(event["params"]["request"]["url"])


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    found = Browser(tmp_path_factory.mktemp("chromium"))
    yield found
    found.close()


@pytest.fixture
def page(make_run: Callable[..., Path]) -> Path:
    return write_report(make_run())[0]


def test_no_width_makes_the_page_scroll_sideways(browser: Browser, page: Path) -> None:
    for width in WIDTHS:
        browser.open(page, width=width, height=900)
        assert browser.value("document.documentElement.scrollWidth") <= width, width


@pytest.fixture(scope="module")
def curated_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run, long = tmp_path_factory.mktemp("curated"), "W" * 300
    rows = [
        {"input": f"{long} thing number {n} of a kind {n * n}", "output": f"{long} is {n}", "id": f"{long}{n}"}
        for n in range(60)
    ]
    write_curated(curate(rows + rows[:9]), run)
    return write_report(run)[0]


def test_a_curated_page_fits_every_width_and_its_first_screen(browser: Browser, curated_page: Path) -> None:
    for width in WIDTHS:
        browser.open(curated_page, width=width, height=900)
        assert browser.value("document.documentElement.scrollWidth") <= width, width
    for width, height in ((1280, 800), (390, 844)):
        browser.open(curated_page, width=width, height=height)
        bottom = browser.value("document.querySelector('.next').getBoundingClientRect().bottom")
        assert 0 < bottom <= height
    assert browser.messages == []


def test_long_names_and_words_stay_inside_the_page(browser: Browser, make_run: Callable[..., Path]) -> None:
    def lengthen(results: dict[str, Any]) -> None:
        long = "a-variant-with-a-name-that-nobody-would-call-short-" * 3
        for part in ("quality", "tokens", "seconds", "variants"):
            results[part][long] = results[part].pop("tuned")
        results["money"]["variants"][long] = results["money"]["variants"].pop("tuned")
        results["comparison"]["candidate"] = long
        results["project"] = results["verdict"]["doubt"] = "W" * 400
        results["risks"][0]["evidence"] = "x" * 300

    page = write_report(make_run(change=lengthen))[0]
    for width in (320, 390, 768, 1280):
        browser.open(page, width=width, height=900)
        assert browser.value("document.documentElement.scrollWidth") <= width, width


def test_the_page_says_nothing_on_the_console_and_asks_for_nothing(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.picture()
    assert browser.messages == []
    assert [url for url in browser.requests if not url.startswith(("file:", "data:"))] == []


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_the_first_screen_holds_verdict_numbers_doubt_and_next_step(
    browser: Browser, page: Path, width: int, height: int
) -> None:
    browser.open(page, width=width, height=height)
    numbers = [f".three:nth-child({index})" for index in (1, 2, 3)]
    for part in (".decision", "h1", *numbers, ".doubt", ".next"):
        place = f"document.querySelector('{part}').getBoundingClientRect()"
        box = browser.value(f"[{place}.top, {place}.bottom]")
        assert 0 <= box[0] < box[1] <= height, part


def test_without_script_everything_is_shown_but_the_filters(browser: Browser, page: Path) -> None:
    browser.open(page, script=False)
    shown = "[...document.querySelectorAll('.card')].filter(card => card.getClientRects().length).length"
    assert browser.value(shown) == 60
    assert browser.value("document.querySelector('.filters').getClientRects().length") == 0


def test_the_filters_leave_the_differences_and_the_chosen_rule(browser: Browser, page: Path) -> None:
    browser.open(page)
    shown = "[...document.querySelectorAll('.card:not([hidden])')]"
    browser.value("document.querySelector('.filters button[value=differences]').click()")
    differing = browser.value(f"{shown}.length")
    assert 0 < differing < 60
    assert browser.value(f"{shown}.every(card => ['lost', 'won'].includes(card.dataset.kind))")
    choose = (
        "rule => { const s = document.querySelector('select'); s.value = rule; s.dispatchEvent(new Event('change')); }"
    )
    browser.value(f"({choose})('grounded')")
    assert browser.value(f"{shown}.every(card => card.textContent.includes('grounded'))")
    said = browser.value("document.querySelector('.filters output').textContent")
    assert said == f"{browser.value(f'{shown}.length')} shown"


def test_hostile_text_runs_nothing(browser: Browser, make_run: Callable[..., Path]) -> None:
    attack = "</script><script>document.title='owned'</script><img src=x onerror=\"alert(1)\"><svg onload=alert(2)>"

    def poison(results: dict[str, Any]) -> None:
        results["verdict"]["sentence"] = results["verdict"]["doubt"] = results["project"] = attack
        results["style"]["checks"]["grounded"]["sentence"] = attack

    browser.open(write_report(make_run(change=poison))[0])
    assert browser.value("document.title").startswith("Fine-tune: </script>")
    assert browser.value("document.querySelectorAll('img').length + document.querySelectorAll('script').length") == 1
    assert browser.messages == []


def test_text_contrasts_with_its_ground_by_light_and_dark(browser: Browser, page: Path) -> None:
    for dark in (False, True):
        browser.open(page, dark=dark)
        assert browser.value(LOWEST_CONTRAST) >= 4.5, dark


def test_the_printed_page_has_pages_and_shows_the_volume_table(browser: Browser, page: Path) -> None:
    browser.open(page)
    printed = browser.paper()
    assert printed.startswith(b"%PDF")
    assert 5 <= printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page ") + printed.count(b"/Type /Page/") <= 20


# The lowest contrast ratio (WCAG 2.2, 1.4.3) of the words of the page against the first opaque ground behind them.
LOWEST_CONTRAST = """
(() => {
  const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = numbers(getComputedStyle(e).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  let lowest = 21;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || ["SCRIPT", "OPTION", "SELECT"].includes(element.tagName)) continue;
    const style = getComputedStyle(element);
    const words = numbers(element instanceof SVGElement ? style.fill : style.color);
    const [a, b] = [light(words), light(ground(element))].sort((x, y) => y - x);
    lowest = Math.min(lowest, (a + 0.05) / (b + 0.05));
  }
  return lowest;
})()
"""
