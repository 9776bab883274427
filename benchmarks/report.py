"""The report measured in a real browser: its size, what it takes to write, open and filter; beside other tools' pages.

Run: python benchmarks/report.py [--peers FOLDER]; it writes benchmarks/report.md and
the table of docs/report.md. FOLDER holds what other tools are
installed in: `promptfoo/` (npm install promptfoo), `evidently/` and `ydata-profiling/` (virtual environments). Those
that are not there are said to be not installed. Needs Debian's chromium, fonts-liberation and poppler-utils, about two
minutes in all.

Timed: `write_report` in CPU seconds of its process, the best of three; opening until the page is laid out and a frame
is drawn; a filter from its event to the second frame after it; scrolling from frame to frame. Each page is opened from the
disk with the network off.
"""

import argparse
import json
import os
import platform
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from report_peers import PEERS, children, peer_page

LABELS = {"evidently": "Evidently"}
AXE = "4.12"  # what axe-playwright-python brings
CASES = 300  # of the comparison with other tools
LONG = 4000  # letters of a long text
GUIDE = {"prompted": 1400, "tuned": 20}  # tokens of each variant's fixed prompt
PAGE = Path(__file__).parents[1] / "docs" / "report.md"
BEGIN, END = "<!-- measured by benchmarks/report.py -->", "<!-- end -->"


# --- data ---------------------------------------------------------------------------------------------------------


def make(folder: Path, n: int, *, letters: int = 0) -> list[dict[str, Any]]:
    """`n` pairs of the shipped example, again and again where it has fewer, and two variants' outputs by a fixed seed.

    `tuned` writes the reference in 6 of 7 cases, `prompted` in 3; else a line that breaks rules of form and of facts.
    With `letters`, every text is made that long.
    """
    from tuneworth.examples import example_path

    source = (example_path("components") / "pairs.jsonl").read_text(encoding="utf-8").splitlines()
    chance, rows = random.Random(0), []
    for number in range(n):
        pair = json.loads(source[number * max(1, len(source) // n) % len(source)])
        fields, output = dict(pair["input"]), pair["output"]
        name, family = f"{pair['id']}/{number}", f"{pair['family']}/{number // len(source)}"
        bad = f"The {fields['part']} runs at 9.75 V and does what {number} others do."
        if letters:
            words = [chance.choice(("current", "voltage", "output", "input", "supply")) for _ in range(letters // 7)]
            fields["notes"], output, bad = " ".join(words), f"{output} {' '.join(words)}", f"{bad} {' '.join(words)}"
        made = {side: output if chance.random() < share / 7 else bad for side, share in (("prompted", 3), ("tuned", 6))}
        request = "\n".join(f"{key}: {value}" for key, value in fields.items() if value not in (None, [], ""))
        rows.append(
            {"id": name, "family": family, "input": fields, "reference": output, "request": request, **made,
             "part": fields["part"], "package": fields.get("package") or ""}
        )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    pairs = [{"id": r["id"], "family": r["family"], "input": r["input"], "output": r["reference"]} for r in rows]
    _write(folder / "pairs.jsonl", pairs)
    for side, guide in GUIDE.items():
        lines = [
            {"id": r["id"], "output": r[side], "input_tokens": guide + len(r["request"]) // 4,
             "output_tokens": 1 + len(r[side]) // 4, "seconds": 0.4, "model": "small-model"}
            for r in rows
        ]  # fmt: skip
        _write(folder / f"{side}.jsonl", lines)
    return rows


def _write(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def judge(folder: Path) -> Path:
    """The run folder of `tuneworth evaluate` on the made outputs."""
    from tuneworth.examples import example_path

    project = folder / "project"
    project.mkdir(exist_ok=True)
    settings = (example_path("components") / "tuneworth.toml").read_text(encoding="utf-8")
    for name, tokens in GUIDE.items():  # collected outputs say how many tokens a prompt has, not how many are the guide
        settings = settings.replace(f"[roi.{name}]", f"[roi.{name}]\nfixed_tokens = {tokens}")
    (project / "tuneworth.toml").write_text(settings, encoding="utf-8")
    for name in ("pairs.jsonl", "style.yaml", "words.txt"):
        shutil.copy(example_path("components") / name, project)
    words = ["evaluate", str(project), "--pairs", str(folder / "pairs.jsonl")]
    for name in ("prompted", "tuned"):
        words += ["--outputs", f"{name}={folder / name}.jsonl"]
    command = [sys.executable, "-m", "tuneworth.cli", *words, "--out", str(folder / "run"), "--quiet"]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "run"


def written(run: Path) -> float:
    """CPU seconds of writing the report of a run, the best of three."""
    from tuneworth.reports import write_report

    found = []
    for _ in range(3):
        began = time.process_time()
        write_report(run)
        found.append(time.process_time() - began)
    return min(found)


# --- browser ------------------------------------------------------------------------------------------------------


@contextmanager
def browser() -> Iterator[Any]:
    """Chromium by Playwright."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as driver:
        yield driver.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])


_DRAWN = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now()))))"
# Texts right of the window's edge that no scrolling reaches.
_CUT = """() => [...document.querySelectorAll("body *")].filter(one => {
  const own = [...one.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
  const box = one.getBoundingClientRect();
  if (!own || !one.checkVisibility() || !box.width || box.right <= innerWidth + 1) return false;
  for (let at = one; at && at !== document.body; at = at.parentElement)
    if (["auto", "scroll"].includes(getComputedStyle(at).overflowX)) return false;
  return true;
}).length"""


def look(chromium: Any, page: Path) -> dict[str, Any]:
    """What a page is in the browser, the network off."""
    from axe_playwright_python.sync_playwright import Axe

    found: dict[str, Any] = {"KB": page.stat().st_size / 1000}
    asked, messages = [], []
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, offline=True)
    context.on("request", lambda request: asked.append(request.url))
    context.on("console", lambda message: messages.append(message.text) if message.type == "error" else None)
    context.on("weberror", lambda error: messages.append(str(error.error)))
    tab = context.new_page()
    tab.goto(page.as_uri(), wait_until="load", timeout=60_000)
    found["opens, s"] = tab.evaluate(_DRAWN) / 1000
    tab.wait_for_timeout(1500)  # what scripts draw later
    found["network requests"] = len({url for url in asked if url.startswith("http")})
    found["console errors"] = len(messages)
    axe = Axe().run(tab).response["violations"]
    found["axe violations (places)"] = f"{len(axe)} ({sum(len(one['nodes']) for one in axe)})"
    paper = page.with_suffix(".pdf")
    paper.write_bytes(tab.pdf(format="A4", print_background=True))
    said = subprocess.run(["pdfinfo", str(paper)], capture_output=True, text=True, check=True).stdout
    found["A4 pages"] = int(next(line for line in said.splitlines() if line.startswith("Pages")).split()[1])
    tab.set_viewport_size({"width": 390, "height": 844})
    tab.wait_for_timeout(300)
    found["texts cut off on a phone"] = tab.evaluate(_CUT)
    context.close()
    plain = chromium.new_context(java_script_enabled=False, offline=True)
    tab = plain.new_page()
    tab.goto(page.as_uri(), timeout=60_000)
    # The words that stand there without a script; the driver itself may ask.
    found["words without script"] = len(tab.locator("body").inner_text().split())
    plain.close()
    return found


def filtered(chromium: Any, page: Path) -> float:
    """Milliseconds from a search's first letter to the second frame after it, the worst of five words."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    tab = context.new_page()
    tab.goto(f"{page.as_uri()}#requests")  # opens the part with all examples
    took = [
        tab.evaluate(
            """async word => {
                const field = document.querySelector("#examples input[type=search]");
                const shown = () => document.querySelector("#examples .filters output").textContent;
                const frame = () => new Promise(requestAnimationFrame);
                const began = performance.now(); field.value = word;
                field.dispatchEvent(new Event("input", { bubbles: true }));
                const before = shown(); while (shown() === before && performance.now() - began < 1000) await frame();
                await frame(); return performance.now() - began; }""",
            word,
        )
        for word in ("zzz", "", "amplifier", "", "zzz")
    ]
    context.close()
    return max(took)


def scrolled(chromium: Any, page: Path) -> float:
    """Milliseconds from frame to frame that 99 of 100 keep, all examples shown, down the page by 120 pixels a frame."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    tab = context.new_page()
    tab.goto(f"{page.as_uri()}#requests")  # opens the part with all examples
    tab.click("text=/^Show all/")
    tab.wait_for_timeout(500)
    waits = tab.evaluate(
        """async () => {
            const waits = [], end = document.documentElement.scrollHeight;
            let last = await new Promise(requestAnimationFrame);
            for (let at = 0; at < end; at += 120) {
                scrollTo(0, at);
                const now = await new Promise(requestAnimationFrame);
                waits.push(now - last); last = now;
            }
            return waits; }"""
    )
    context.close()
    return sorted(waits)[int(len(waits) * 0.99)]


# --- result -------------------------------------------------------------------------------------------------------


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    reader.add_argument("--peers", type=Path, default=Path("peers"))
    reader.add_argument("--keep", type=Path, help="a folder to leave the pages in")
    asked = reader.parse_args()
    with TemporaryDirectory() as place, browser() as chromium:
        folder = (asked.keep or Path(place)).resolve()
        sizes, pages = own(chromium, folder), beside(chromium, folder, asked.peers.resolve())
    text = TEXT.format(
        sizes=sizes, pages=pages, today=date.today(), python=platform.python_version(), cores=os.cpu_count(),
        machine=platform.machine(), letters=LONG, cases=CASES, axe=AXE,
    )  # fmt: skip
    Path(__file__).with_suffix(".md").write_text(text, encoding="utf-8")
    if PAGE.exists():
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{pages}\n{END}{rest.partition(END)[2]}", encoding="utf-8")
    print(text)


def own(chromium: Any, folder: Path) -> str:
    """Our page at two sizes, as a Markdown table."""
    lines, found = ["| | 200 rows of long text | 10,000 outputs |", "|---|---:|---:|"], []
    for name, n, letters in (("long", 200, LONG), ("many", 5000, 0)):
        make(folder / name, n, letters=letters)
        run = judge(folder / name)
        seconds = written(run)
        seen = look(chromium, run / "report.html")
        moving = {
            "filters, ms": filtered(chromium, run / "report.html"),
            "scrolls, ms": scrolled(chromium, run / "report.html"),
        }
        found.append({"written, CPU s": seconds, **seen, **moving})
    rows = (("KB", 0), ("written, CPU s", 2), ("opens, s", 2), ("filters, ms", 0), ("scrolls, ms", 0), ("A4 pages", 0))
    for row, digits in rows:
        lines.append(f"| {row} | " + " | ".join(f"{one[row]:,.{digits}f}" for one in found) + " |")
    return "\n".join(lines)


def beside(chromium: Any, folder: Path, peers: Path) -> str:
    """All tools' pages on the same outputs, as a Markdown table."""
    rows = make(folder / "same", CASES)
    began = children()
    run = judge(folder / "same")
    ours = (run / "report.html", children() - began, "")
    found = {"Tuneworth": ours} | {name: peer_page(name, peers / name, rows, folder / name) for name in PEERS}
    seen = {name: None if one is None else {"version": one[2] or "this one", "made in, CPU s": one[1], **look(chromium, one[0])}
            for name, one in found.items()}  # fmt: skip
    lines = [f"| | {' | '.join(LABELS.get(name, name) for name in seen)} |", "|---|" + "---:|" * len(seen)]
    for row in ("version", "KB", "made in, CPU s", "opens, s", "network requests", "console errors",
                "axe violations (places)", "words without script", "A4 pages", "texts cut off on a phone"):  # fmt: skip
        cells = ["not installed" if one is None else _said(one[row]) for one in seen.values()]
        lines.append(f"| {row} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _said(value: Any) -> str:
    return (
        f"{value:,.1f}"
        if isinstance(value, float) and value < 100
        else f"{value:,.0f}"
        if not isinstance(value, str)
        else value
    )


TEXT = """# The report: size, speed, and comparison with other tools

## Size and speed

{sizes}

The first run has 200 requests with texts of {letters:,} characters, so the page has to cut them. The second has 5,000 requests
of two variants, of which the page shows 200. *written* is the CPU time of `write_report`, best of three. *opens* is the
time until the first frames are drawn. *filters* is the time from a keystroke in the search to the second frame after the
count has changed, including the page's wait for the next keystroke. *scrolls* is the 99th percentile of the time between
frames when scrolling from the top to the end of the page with all examples shown.

## Comparison with other tools

All tools got the same {cases} requests of the built-in example and the outputs of two variants, generated with a fixed seed.
Each page was opened from disk in Chromium with the network off. The docs compare
[the questions that each answers](../docs/report.md#comparison-with-other-tools).

{pages}

*made in* is the CPU time of the whole command, including startup. In that time, Tuneworth scores and compares the outputs
and calculates the money, promptfoo scores the outputs, and the others describe them. *axe* counts the rules of axe-core
{axe} that are violated, with the number of places in brackets. *cut off* counts texts beyond the right edge at 390 px that
cannot be reached by scrolling.

{today}, Python {python}, {machine}, {cores} cores. Made by `python benchmarks/report.py --peers FOLDER`.
"""

if __name__ == "__main__":
    main()
