"""The page of the runs: the newest verdict, the trend, every run; nothing in it runs or asks for anything."""

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tuneworth.reports import RunEntry, RunSide, write_runs_page

from .chromium import Window
from .test_access import _violations
from .test_safety import PAYLOADS
from .test_widths import CUT, SMALL

START = datetime(2026, 10, 1, 12, tzinfo=UTC)


def made_entries(count: int, **of_each: object) -> list[RunEntry]:
    """Runs a day apart, the oldest first."""
    return [
        RunEntry(
            f"run-{number:04}", created=(START + timedelta(days=number)).isoformat(), stage="evaluated",
            decision="fine-tune" if number > 1 else "cannot tell yet", label="Fine-tune" if number > 1 else "Cannot tell yet",
            confidence="fair", sentence="s", baseline=RunSide("prompted", 0.5, 0.4, 0.6, 0.08),
            candidate=RunSide("tuned", 0.8, 0.7, 0.9, 0.02), difference=0.3, currency="EUR", cost_of="Cost per output",
            pays_back=True, payback_days=20.0, payback_low=10.0, payback_high=40.0, uses=1, data=f"{number // 2:064}",
            style="e" * 64, prices="p", model="m", disk_bytes=1000, report=True,
        )
        for number in range(count)
    ]  # fmt: skip


def _page(tmp_path: Path, entries: list[RunEntry], **options: int) -> str:
    page = write_runs_page(entries, tmp_path / "runs.html", project="p", runs=tmp_path / "runs", **options)
    return page.read_text(encoding="utf-8")


def test_the_page_says_the_newest_verdict_and_since_when(tmp_path: Path) -> None:
    text = _page(tmp_path, made_entries(5))
    assert "5 runs from 1 October 2026 to 5 October 2026. The newest 3 verdicts are “Fine-tune”" in text
    assert "the one before was “Cannot tell yet”" in text
    assert "tuneworth compare runs/run-0003 runs/run-0004" in text
    assert "Both verdicts are “Cannot tell yet”" in _page(tmp_path, made_entries(2))
    assert "The newest verdict is “Fine-tune”; the one before was" in _page(tmp_path, made_entries(3))


def test_the_order_of_the_list_changes_nothing_but_nothing_is_lost(tmp_path: Path) -> None:
    entries = made_entries(6)
    assert _page(tmp_path, entries) == _page(tmp_path, entries[::-1])
    assert re.findall(r"<bdi>(run-\d+)</bdi>", _page(tmp_path, entries)) == [f"run-{n:04}" for n in (5, 4, 3, 2, 1, 0)]


def test_changes_are_those_between_the_runs_of_the_chart(tmp_path: Path) -> None:
    entries = made_entries(6)
    entries[2] = replace(entries[2], candidate=None, baseline=None)  # the first with the second data
    marks = re.findall(
        r'<svg x="([\d.]+)%" y="24" class="point r-changed">', _page(tmp_path, entries).split('id="costs"')[0]
    )
    assert marks == ["50", "70"]  # the third and the fourth of five
    assert "data changed" in _page(tmp_path, entries)
    assert "style changed" not in _page(tmp_path, entries)


def test_no_script_and_nothing_from_elsewhere(tmp_path: Path) -> None:
    text = _page(tmp_path, made_entries(3))
    assert "script-src 'none'" in text
    assert "<script" not in text
    assert re.findall(r'(?:src|href)="(?!#|data:,|runs/run-000\d/report\.html")[^"]*"', text) == []


def test_a_run_links_to_its_report_as_seen_from_the_page(tmp_path: Path) -> None:
    entry = replace(made_entries(1)[0], name="javascript:alert(1) #?")
    page = write_runs_page([entry], tmp_path / "a" / "b.html", project="p", runs=tmp_path / "runs")
    assert 'href="../runs/javascript%3Aalert%281%29%20%23%3F/report.html"' in page.read_text(encoding="utf-8")
    assert "report.html" not in _page(tmp_path, [replace(entry, report=False)])


def test_a_damaged_run_and_one_without_a_verdict_are_in_the_table(tmp_path: Path) -> None:
    odd = [RunEntry("broken", damage="run.json is damaged"), RunEntry("half", stage="curated")]
    text = _page(tmp_path, [*made_entries(2), *odd], hidden=3)
    assert "4 runs, the newest first; times are UTC. 1 of them damaged. 3 runs left out by the filter." in text
    assert "run.json is damaged" in text
    assert "Only curated" in text


@pytest.mark.parametrize("entries", [[], [RunEntry("half", stage="curated")]])
def test_a_project_without_a_verdict_has_a_page_too(tmp_path: Path, entries: list[RunEntry]) -> None:
    text = _page(tmp_path, entries)
    assert "No verdict" in text
    assert 'id="trend"' not in text


def test_runs_in_two_currencies_have_no_chart_of_costs(tmp_path: Path) -> None:
    entries = made_entries(3)
    assert 'id="costs"' in _page(tmp_path, entries)
    assert 'id="costs"' not in _page(tmp_path, [replace(entries[0], currency="USD"), *entries[1:]])


def test_variants_are_named_where_the_runs_do_not_compare_the_same(tmp_path: Path) -> None:
    entries = made_entries(3)
    assert "<bdi>prompted</bdi></small>" not in _page(tmp_path, entries).split('id="runs"')[1]
    entries[0] = replace(entries[0], baseline=RunSide("template", 1.0))
    table = _page(tmp_path, entries).split('id="runs"')[1]
    assert table.count('<small class="who"><bdi>prompted</bdi></small>') == 2
    assert table.count('<small class="who"><bdi>template, no model</bdi></small>') == 1
    assert '<small class="who"><bdi>tuned</bdi></small>' not in table


def test_a_test_set_that_is_used_often_is_the_doubt(tmp_path: Path) -> None:
    entries = made_entries(2)
    assert "used 7 times" in _page(tmp_path, [entries[0], replace(entries[1], uses=7)])


def _as_file(text: str) -> str:
    """The text as the name of a file may have it: without surrogates, which no file system gives."""
    return text.encode(errors="replace").decode()


def _hostile(payloads: Iterable[str]) -> list[RunEntry]:
    """A run for each payload, which is in each of its texts that is not from a fixed list."""
    listed = list(payloads)
    return [
        replace(
            entry, name=f"{_as_file(payload)}{number}", confidence=payload, currency=payload[:3], data=payload,
            baseline=RunSide(payload, 0.5, 0.4, 0.6, 0.1), candidate=RunSide(payload, 0.5, 0.4, 0.6, 0.1), style=payload,
            model_name=payload, damage=payload,
        )
        for number, (entry, payload) in enumerate(zip(made_entries(len(listed)), listed, strict=True))
    ]  # fmt: skip


@pytest.mark.browser
@pytest.mark.slow
def test_a_page_fits_every_width_and_no_text_of_a_run_takes_part_in_it(window: Window, tmp_path: Path) -> None:
    pages = {"many": made_entries(60), "few": made_entries(12), "hostile": _hostile([*PAYLOADS.values(), "W" * 200])}
    for kind, entries in pages.items():
        page = write_runs_page(entries, tmp_path / f"{kind}.html", project="p" * 300, runs=tmp_path / "runs")
        window.open(page)
        for width in (320, 390, 1041, 1280):
            window.resize(width)
            assert window.value("document.documentElement.scrollWidth") <= width, (kind, width)
            assert window.value(CUT) == [], (kind, width)
            assert width != 390 or window.value(SMALL) == [], kind
        assert window.value("typeof window.owned") == "undefined"
        assert window.messages == [], kind
        assert [address for address in window.requests if not address.startswith(("file:", "data:"))] == []


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_everybody_can_read_the_page(window: Window, tmp_path: Path, width: int, dark: bool) -> None:
    odd = [RunEntry("broken", damage="run.json is damaged"), RunEntry("half", stage="curated")]
    page = write_runs_page([*made_entries(5), *odd], tmp_path / "runs.html", project="p", runs=tmp_path / "runs")
    window.open(page, width=width, dark=dark)
    window.value("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert _violations(window) == []
