"""The page of `tuneworth review` in a window, used as a person with a keyboard uses it."""

import time
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Page

from ..reports.chromium import Window
from .served import Served

SOON = 60_000  # milliseconds; what takes longer never comes, on a busy machine neither


@dataclass
class Workbench:
    """One tab."""

    window: Window
    page: Page

    def press(self, *names: str) -> None:
        """Press keys, one after the other."""
        for name in names:
            self.page.keyboard.press(name)

    def decide(self, *names: str) -> str:
        """Press the keys of one decision, and wait until the page says that it is saved; what it says."""
        self.forget()
        self.press(*names)
        return self.hears("Saved: ")

    def forget(self) -> None:
        """Empty what was said last, so that the next sentence is heard even if it is the same."""
        self.value("document.getElementById('said').textContent = ''")

    def hears(self, text: str) -> str:
        """Wait for a sentence of the page and return it."""
        said = self.page.locator("#said")
        said.filter(has_text=text).wait_for(timeout=SOON)
        return said.inner_text()

    def sees(self, text: str, within: str = "body") -> None:
        """Wait for a text that can be seen."""
        self.page.locator(within).filter(has_text=text, visible=True).first.wait_for(timeout=SOON)

    def goes(self, address: str) -> None:
        """Go to a place of the page by its address, and wait for its row."""
        self.value(f"location.hash = {address!r}")
        self.row()

    def row(self) -> str:
        """Wait for a row and return its address."""
        self.until(
            "document.querySelector('#view .item')?.dataset.key === decodeURIComponent(location.hash.split('/')[2] ?? '-')"
        )
        return self.value("location.hash")

    def leaves(self, address: str) -> None:
        """Wait until another place is shown."""
        self.until(f"location.hash !== {address!r}")

    def until(self, expression: str) -> None:
        """Wait until a JavaScript expression is true; Playwright's own way evaluates within the page, which forbids it."""
        end = time.monotonic() + SOON / 1000
        while not self.value(expression):
            assert time.monotonic() < end, f"never true: {expression}"
            self.page.wait_for_timeout(10)

    def title(self) -> str:
        return self.page.locator("h1").inner_text()

    def value(self, expression: str) -> Any:
        return self.page.evaluate(expression)

    def another(self) -> "Workbench":
        """A second tab of the same browser at the same place."""
        page = self.page.context.new_page()
        page.goto(self.page.url)
        tab = Workbench(self.window, page)
        tab.row()
        return tab


def open_page(window: Window, served: Served, at: str = "", **size: Any) -> Workbench:
    """The page of a server; for a place in the queue, once its row is shown."""
    page = window.open(served.address, at=at, **size)
    page.on("dialog", lambda dialog: dialog.accept())  # the question whether to leave while something is not saved
    bench = Workbench(window, page)
    if at in ("", "#queue") or at.startswith("#queue/"):
        page.locator("#rail .kinds a").first.wait_for(state="attached", timeout=SOON)
        bench.row()
    else:
        page.locator("#view :is(.rule, .side, form, .lead:not([role=status]))").first.wait_for(timeout=SOON)
    return bench
