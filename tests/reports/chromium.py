"""A window of the real Chromium (Debian's), driven by Playwright, which notes every message and every request."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright


class Window:
    """One page at a time: `open` loads it anew; `page` is Playwright's own for everything else."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._context: Any = None
        self.messages: list[str] = []
        self.requests: list[str] = []
        self.page: Page = None  # type: ignore[assignment]
        self._own = "file:"

    def open(
        self,
        path: Path | str,
        *,
        width: int = 1280,
        height: int = 800,
        dark: bool = False,
        script: bool = True,
        at: str = "",
        unfold: bool = False,
    ) -> Page:
        """Load the file, or the address, at a size; `at` is the fragment of its address, such as `#money`.

        With `unfold`, every folded part is then opened.
        """
        self.close()
        self.messages, self.requests = [], []
        self._context = self._browser.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light",
            java_script_enabled=script, reduced_motion="reduce", accept_downloads=True,
        )  # fmt: skip
        self._context.on("console", lambda message: self.messages.append(message.text))
        self._context.on("weberror", lambda error: self.messages.append(str(error.error)))
        self._context.on("request", lambda request: self.requests.append(request.url))
        self.page = self._context.new_page()
        address = path if isinstance(path, str) else path.resolve().as_uri()
        self._own = address if isinstance(path, str) else "file:"
        self.page.goto(address + at)
        if unfold:
            open_folds(self.page)
        return self.page

    def resize(self, width: int, height: int = 900) -> None:
        """Give the viewport a size in CSS pixels."""
        self.page.set_viewport_size({"width": width, "height": height})

    def value(self, expression: str) -> Any:
        """The value of a JavaScript expression on the page."""
        return self.page.evaluate(expression)

    def paper(self) -> bytes:
        """The page as a PDF."""
        return self.page.pdf(prefer_css_page_size=True, print_background=True)

    def asked(self) -> list[str]:
        """The requests that left the file, or the address, itself."""
        return [url for url in self.requests if not url.startswith((self._own, "data:", "blob:"))]

    def close(self) -> None:
        """End the page; the browser stays."""
        if self._context is not None:
            self._context.close()
            self._context = None


def open_folds(page: Page) -> None:
    """Open every folded part of the page, as it is needed again after it was loaded anew."""
    page.evaluate("document.querySelectorAll('.fold').forEach(part => { part.open = true; })")


def _has_font() -> bool:
    """Whether a font that the report asks for is there; where nobody can be asked (not Linux) the system has one."""
    if shutil.which("fc-list") is None:
        return True
    there = subprocess.run(["fc-list", ":", "family"], capture_output=True, text=True, check=True).stdout
    return any(
        name in there for name in ("Segoe UI", "Roboto", "Helvetica Neue", "Noto Sans", "Liberation Sans", "Arial")
    )


@contextmanager
def chromium_window() -> Iterator[Window]:
    """A window of a new Chromium, which ends with it."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert program, "Chromium is needed for the report's browser tests: apt-get install chromium"
    assert _has_font(), "The report needs one of its fonts, others are wider: apt-get install fonts-liberation"
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        window = Window(browser)
        yield window
        window.close()
        browser.close()
