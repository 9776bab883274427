"""Charts in a real Chromium: no two texts of a chart touch and none leaves it, whatever the values and names."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from markupsafe import Markup

from tuneworth.core import unbroken as say
from tuneworth.reports import write_report
from tuneworth.reports.charts.axes import Figure, linear_axis, log_axis, render_figure
from tuneworth.reports.charts.rows import Bar, FunnelStep, Mark, Row, funnel_chart, rows_chart
from tuneworth.reports.charts.slope import SlopeLine, slope_chart
from tuneworth.reports.page import STYLES
from tuneworth.reports.sections.usage import tokens_figure
from tuneworth.reports.stored import StoredRun

from ..shared import results_of
from .chromium import Window

pytestmark = pytest.mark.browser

WIDTHS = (320, 390, 560, 721, 1024, 1280, 1920)
NAMES = (
    "tuned",
    "W" * 300,
    "規則は常に守る" * 9,
    "اكتب سطرا واحدا فقط بالعربية",
    "e\u0301\u0302\u0303" * 20,
    "a b " * 60,
    "",
)
UNITS = ("EUR", "%", "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW", "円", "days per change", "ريال")
STYLE_FOLDER = Path(__file__).parents[2] / "reports" / "styles"

# Boxes of the texts of each chart, as they are to be seen: a text node's lines, cut where its box hides the rest.
FAULTS = """
() => [...document.querySelectorAll("figure.chart")].flatMap((figure, number) => {
  const edge = figure.getBoundingClientRect(), boxes = [];
  const walker = document.createTreeWalker(figure.querySelector(".picture"), NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, parent = node.parentElement;
    if (!node.data.trim()) continue;
    const hidden = parent.closest(".slope i"), range = document.createRange();
    range.selectNodeContents(node);
    const lines = parent.namespaceURI.endsWith("svg") ? [parent.getBoundingClientRect()] : [...range.getClientRects()];
    for (const line of lines) {
      const box = {left: line.left, right: line.right, top: line.top, bottom: line.bottom, node, text: node.data};
      if (hidden) {
        const cut = hidden.getBoundingClientRect();
        box.bottom = Math.min(box.bottom, cut.bottom); box.right = Math.min(box.right, cut.right);
        box.left = Math.max(box.left, cut.left);
      }
      if (box.right - box.left > 0.5 && box.bottom - box.top > 3) boxes.push(box);
    }
  }
  const said = (box) => `figure ${number}: ${box.text.slice(0, 30)} [${Math.round(box.left)}..${Math.round(box.right)}]`;
  const outside = boxes.filter((b) => b.left < edge.left - 1 || b.right > edge.right + 1
    || b.top < edge.top - 1 || b.bottom > edge.bottom + 1).map((b) => "outside: " + said(b));
  const touching = boxes.flatMap((a, i) => boxes.slice(i + 1).filter((b) => a.node !== b.node
    && Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 5).map((b) => "touching: " + said(a) + " / " + said(b)));
  return [...outside, ...touching];
})
"""


def figure(title: str, picture: Markup) -> Markup:
    return render_figure(Figure(title, title, ("", ""), (("a", "1"),)), picture)


def page_of(folder: Path, figures: list[Markup]) -> Path:
    style = "\n".join((STYLE_FOLDER / f"{name}.css").read_text(encoding="utf-8") for name in STYLES)
    body = "".join(figures)
    page = folder / "charts.html"
    page.write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Charts</title><style>{style}</style>'
        f'<div class="page"><section class="part">{body}</section></div>',
        encoding="utf-8",
    )
    return page


def faults(window: Window, page: Path) -> dict[int, list[str]]:
    window.open(page, unfold=True)
    found = {}
    for width in WIDTHS:
        window.resize(width)
        if wrong := window.page.evaluate(FAULTS):
            found[width] = wrong[:5]
        assert window.value("document.documentElement.scrollWidth") <= width, width
    return found


def random_rows(chance: random.Random) -> Markup:
    scale = 10.0 ** chance.randint(-9, 12)
    values = [chance.choice([0.0, 1.0, -1.0, chance.uniform(-1, 1)]) * scale for _ in range(chance.randint(1, 6))]
    unit = chance.choice(UNITS)

    def label(value: float) -> str:
        return say.money(value, unit)

    if chance.random() < 0.4:
        axis = log_axis([abs(value) + scale * 1e-3 * chance.random() for value in values], label)
    else:
        axis = linear_axis(values, label, zero=chance.random() < 0.5)
    rows = [
        Row(
            chance.choice(NAMES),
            (Bar(0, value, "gain"), Mark(value, min(values), max(values), "candidate")),
            say.money_range(min(values), max(values), unit),
            heading=chance.choice(("", "", NAMES[1])),
            note=chance.choice(("", NAMES[2])),
        )
        for value in values
    ]
    return rows_chart(rows, axis, lines=values[:1])


def random_slope(chance: random.Random) -> Markup:
    lines = [
        SlopeLine(
            chance.choice(NAMES), chance.choice([0, 1, 0.5, chance.random()]), chance.random(), chance.random() < 0.5
        )
        for _ in range(chance.choice([1, 2, 6, 12, 20]))
    ]
    return slope_chart(lines, chance.choice(NAMES[:3]), chance.choice(NAMES[:3]))


def random_funnel(chance: random.Random) -> Markup:
    lost = tuple((chance.choice(NAMES), chance.choice([0, 1, 10**8])) for _ in range(chance.randint(0, 12)))
    parts = tuple((chance.choice(NAMES), chance.randint(0, 10**6)) for _ in range(3))
    kept = sum(count for _, count in parts)
    return funnel_chart([FunnelStep("read", kept + sum(n for _, n in lost)), FunnelStep(NAMES[1], kept, lost, parts)])


@pytest.mark.parametrize("draw", [random_rows, random_slope, random_funnel])
def test_texts_of_a_chart_never_touch_and_never_leave_it(
    window: Window, tmp_path: Path, draw: Callable[[random.Random], Markup]
) -> None:
    chance = random.Random(6)
    assert faults(window, page_of(tmp_path, [figure(str(n), draw(chance)) for n in range(16)])) == {}


def test_texts_of_the_charts_of_a_real_page_never_touch(window: Window, evaluated_run: Callable[..., Path]) -> None:
    run = evaluated_run(n=42, variants=("plain", "prompted", "short", "rival", "tuned"))
    assert faults(window, write_report(run)[0]) == {}


def test_every_line_of_a_slope_and_its_key_is_to_be_seen_on_a_finished_page(
    window: Window, pages: dict[str, Path]
) -> None:
    for kind in ("real", "five variants"):
        window.open(pages[kind], unfold=True)
        kinds = window.value("[...document.querySelectorAll('line.move')].map((line) => line.classList[1])")
        unseen = window.value(
            "[...document.querySelectorAll('line.move')].filter((line) => !line.checkVisibility()).length"
        )
        assert {"better", "same"} <= set(kinds), kind
        assert unseen == 0, kind


def test_marks_at_the_ends_of_their_scale_stay_inside_the_chart(window: Window, tmp_path: Path) -> None:
    axis = linear_axis([0, 1], lambda v: say.percent(v))
    rows = [Row(str(v), (Mark(v, v, v, role),), "x") for v in (0.0, 1.0) for role in ("candidate", "baseline", "other")]
    window.open(page_of(tmp_path, [figure("ends", rows_chart(rows, axis))]), width=320)
    outside = """() => {
      const edge = document.querySelector("figure").getBoundingClientRect();
      return [...document.querySelectorAll(".point > *, .end")].filter((mark) => {
        const box = mark.getBoundingClientRect();
        return box.left < edge.left - 0.5 || box.right > edge.right + 0.5;
      }).length;
    }"""
    assert window.value("document.querySelectorAll('.point > *').length") == 6
    assert window.page.evaluate(outside) == 0


def test_parts_and_moves_differ_on_paper_without_colour(window: Window, tmp_path: Path) -> None:
    tokens = {
        "a": {"fixed": 700, "input": 80, "output": 70, "cached": 300},
        "b": {"fixed": None, "input": 500, "output": 20, "cached": 0},
    }
    lines = [SlopeLine("a", 0.9, 0.1, True), SlopeLine("b", 0.1, 0.9, True), SlopeLine("c", 0.5, 0.6, False)]
    run = StoredRun(Path("r"), results_of({"quality": tokens, "tokens": tokens}), {}, {})
    window.open(page_of(tmp_path, [tokens_figure(run), figure("moves", slope_chart(lines, "a", "b"))]))
    window.page.emulate_media(media="print")
    looks = """() => [...document.querySelectorAll(".keys .bar, .keys .move")].map((shape) => {
      const style = getComputedStyle(shape);
      const grey = (colour) => {
        const [r, g, b] = (colour.match(/[\\d.]+/g) || []).map(Number);
        return colour.startsWith("rgb") ? Math.round((0.3 * r + 0.59 * g + 0.11 * b) / 64) : colour;
      };
      const line = shape.classList.contains("move");
      return [line ? "line" : grey(style.fill), style.stroke === "none", style.strokeDasharray, line && style.strokeWidth];
    }).map(String)"""
    found = window.page.evaluate(looks)
    assert len(found) == 5 + 3
    assert len(set(found)) == len(found)
