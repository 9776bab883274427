"""Runs that the workbench, a search, a watch, a provider or a cluster reads, and the requests and commands that do."""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from ..curate.in_parts import cut
from ..deploy.hosted_server import HostedServer
from ..faults import at_servers, workbench
from ..faults.situation import Situation, run
from ..faults.situations import write_pairs_and_style
from ..faults.workbench import Page, Refused, act
from .runs import CURATE, DECIDE, Kind

__all__ = ["at_a_provider", "in_parts", "judged_by_people", "reviewed", "searched_and_watched"]

DOES: tuple[Callable[[Page], object], ...] = (
    workbench.decide, workbench.decide_all, workbench.undo, workbench.save_style,
)  # fmt: skip


def look(page: Page) -> None:
    """Ask for all that a page can show. Raises: the first refusal, once everything was asked for."""
    refusals = []

    def ask(name: str, **asked: object) -> dict:
        try:
            return page.get(name, **asked)
        except Refused as refused:
            refusals.append(refused)
            return {}

    state = ask("state", who="someone")
    for kind in [one["kind"] for one in state.get("kinds", ())]:
        for entry in ask("queue", kind=kind, limit=3, left=0).get("entries", ()):
            ask("item", kind=kind, key=entry["key"])
    for name in ("style", "judging"):
        if state.get(name):
            ask(name, who="someone")
    if refusals:
        raise refusals[0]


def _if_there(does: Callable[[Page], object], page: Page) -> None:
    """Do it, unless the damage left nothing to do it with, as in a queue that is empty now."""
    try:
        does(page)
    except ValueError as error:
        if "unpack" not in str(error):
            raise


def reviewed() -> Kind:
    """A project with a row of every kind that a person decides about, and with a decision."""
    return Kind(
        "reviewed",
        workbench.decided,
        ("runs", "."),
        (partial(act, look), *(partial(act, partial(_if_there, does)) for does in DOES)),
    )


def judged_by_people() -> Kind:
    """A project whose outputs a person judges."""
    situation = workbench.AT_THE_WORKBENCH[-1]

    def make(folder: Path) -> None:
        situation.make(folder)
        assert run(folder, situation.words).code == 0

    return Kind(
        "judged by people",
        make,
        ("runs",),
        (partial(act, look), partial(act, workbench.judge), ("report", workbench.RUN)),
    )


def searched_and_watched(url: str) -> Kind:
    """A project at a server: searched, judged, its served model checked and watched."""
    by_name = {situation.name: situation for situation in at_servers.at_an_endpoint(url)}
    check, watch = by_name["serve-check"], by_name["watch"]

    def make(folder: Path) -> None:
        check.make(folder)
        for words in (check.words, watch.words, SEARCH):
            done = run(folder, words)
            assert done.code == 0, done.err

    return Kind(
        "searched and watched",
        make,
        ("runs",),
        (SEARCH, watch.words, ("watch", workbench.RUN), ("report", workbench.RUN)),
    )


SEARCH = ("search", ".", "--run", "run")


def at_a_provider(server: HostedServer) -> tuple[Kind, Situation]:
    """A project that was trained at a provider, and what lets the provider forget it."""
    situation = at_servers.at_a_provider(server)

    def make(folder: Path) -> None:
        situation.make(folder)
        situation.fresh()
        done = run(folder, situation.words)
        assert done.code == 0, done.err

    words = situation.words
    return Kind("trained at a provider", make, ("runs",), (words, words, ("report", "."), ("runs", "."))), situation


def in_parts() -> Kind:
    """A file that a cluster curated: each table is a folder of parts."""

    def make(folder: Path) -> None:
        write_pairs_and_style(folder)
        for words in (CURATE, DECIDE, CURATE):
            assert run(folder, words).code == 0
        whole = (folder / "clean").rename(folder / "whole")
        cut(whole, folder / "clean", [20, 40])
        shutil.rmtree(whole)

    return Kind(
        "in parts",
        make,
        ("clean",),
        (
            ("curate", "clean", "--again"),
            ("why", "clean", "p3"),
            ("why", "clean", "--outcome", "kept"),
            ("report", "clean"),
            ("export", "clean", "--format", "csv", "--out", "corrected.csv"),
            ("export", "clean", "--format", "openai"),
            ("export", "clean", "--format", "parquet"),
            partial(act, look, "clean"),
        ),
    )
