"""The pictures for the README and docs/: a report (wide, phone, dark, its first page on paper), two runs compared, and the
workbench.

    python docs/pictures.py [RUN [LATER]]

RUN is a run's folder; without it, the newest of tuneworth-demo/runs. With LATER, another run, the page that compares both
is photographed too (wide, phone). The report of RUN is rendered again into a temporary folder and photographed in
Debian's Chromium (`apt-get install chromium fonts-liberation poppler-utils`). The workbench is that of the shipped
example, curated into the same folder, after some decisions.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tuneworth.examples import example_path
from tuneworth.project import compare_runs, curate_project
from tuneworth.reports import write_report

DOCS = Path(__file__).parent
RUNS = DOCS.parent / "tuneworth-demo" / "runs"
MOST_BYTES = 150_000


def main() -> None:
    """Write the pictures."""
    run = Path(sys.argv[1]) if len(sys.argv) > 1 else _newest(RUNS)
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None or shutil.which("pdftoppm") is None:
        sys.exit("Chromium and pdftoppm are needed: apt-get install chromium fonts-liberation poppler-utils")
    with tempfile.TemporaryDirectory() as name, sync_playwright() as driver:
        copy = Path(name) / "run"
        shutil.copytree(run, copy, ignore=shutil.ignore_patterns("adapter*", "checkpoint*", "*.safetensors"))
        page = write_report(copy)[0]
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox", "--force-color-profile=srgb"])
        _picture(browser, page, "report-wide", width=1280, height=800)
        _picture(browser, page, "report-dark", width=1280, height=800, dark=True)
        _picture(browser, page, "report-phone", width=390, height=844, sharpness=2)
        _paper(browser, page, Path(name))
        if len(sys.argv) > 2:
            _comparison(browser, run, Path(sys.argv[2]), Path(name))
        _workbench(browser, Path(name))
        browser.close()
    for path in sorted(DOCS.glob("*.png")):
        size = path.stat().st_size
        print(f"{path.relative_to(DOCS.parent)}: {size / 1000:.0f} KB")
        if size > MOST_BYTES:
            sys.exit(f"{path} is larger than {MOST_BYTES / 1000:.0f} KB")


def _newest(runs: Path) -> Path:
    """The newest run that was judged."""
    found = sorted((path.parent for path in runs.glob("*/results.json")), key=lambda run: run.name)
    if not found:
        sys.exit(f"{runs}: holds no finished run. Run `make demo` first, or name a run: make pictures RUN=FOLDER")
    return found[-1]


def _picture(
    browser: Browser, page: Path, name: str, *, width: int, height: int, dark: bool = False, sharpness: int = 1
) -> None:
    """The first screen at a size in CSS pixels, `sharpness` device pixels to each."""
    view = browser.new_page(
        viewport={"width": width, "height": height}, device_scale_factor=sharpness,
        color_scheme="dark" if dark else "light", reduced_motion="reduce",
    )  # fmt: skip
    view.goto(page.as_uri())
    path = DOCS / f"{name}.png"
    view.screenshot(path=path)
    view.close()
    _fewer_colours(path)


def _paper(browser: Browser, page: Path, folder: Path) -> None:
    """The first A4 page as it is printed."""
    view = browser.new_page()
    view.goto(page.as_uri())
    view.pdf(path=folder / "report.pdf", prefer_css_page_size=True, print_background=True)
    target = DOCS / "report-page"
    subprocess.run(
        ["pdftoppm", "-png", "-r", "96", "-f", "1", "-l", "1", "-singlefile", folder / "report.pdf", target], check=True
    )
    _fewer_colours(target.with_suffix(".png"))


def _comparison(browser: Browser, run: Path, later: Path, folder: Path) -> None:
    """The first screen of a later run compared with this one."""
    page = compare_runs(run, later).write(folder / "compared")[0]
    _picture(browser, page, "compare-wide", width=1280, height=800)
    _picture(browser, page, "compare-phone", width=390, height=844, sharpness=2)


def _workbench(browser: Browser, folder: Path) -> None:
    """A conflict of the shipped example after some decisions, on a desk and on a phone."""
    project = Path(shutil.copytree(example_path("components"), folder / "components"))
    curate_project(project)
    with _serving(project) as address:
        for name, width, height, sharpness in (("review", 1280, 800, 1), ("review-phone", 390, 844, 2)):
            view = browser.new_page(
                viewport={"width": width, "height": height}, device_scale_factor=sharpness, reduced_motion="reduce"
            )
            view.goto(f"{address}#queue/conflict")
            for key in "1121":
                before = view.locator(".item .id").first.inner_text()
                view.keyboard.press(key)
                view.locator(".item .id").first.filter(has_not_text=before).wait_for()
                view.wait_for_timeout(4_000)  # as a person needs, which the time left is counted by
            view.screenshot(path=DOCS / f"{name}.png")
            view.close()
            _fewer_colours(DOCS / f"{name}.png")


@contextmanager
def _serving(project: Path) -> Iterator[str]:
    """The address of the workbench of a project."""
    command = [sys.executable, "-m", "tuneworth.cli", "review", str(project), "--no-open", "--json", "--who", "Ada"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield json.loads("".join(iter(process.stdout.readline, "}\n")) + "}")["address"]
    finally:
        process.kill()
        process.wait()


def _fewer_colours(path: Path) -> None:
    """A palette of 128 colours, which no eye tells apart here, where ImageMagick is there to make it."""
    if program := shutil.which("convert"):
        subprocess.run([program, path, "-strip", "+dither", "-colors", "128", f"PNG8:{path}"], check=True)


if __name__ == "__main__":
    main()
