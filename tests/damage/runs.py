"""Small real runs of each kind, and the commands that read them."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..cli.test_endpoint import MONEY
from ..cli.test_endpoint import PROJECT as ENDPOINTS
from ..conftest import pair, write_collected_project, write_project
from ..faults.situation import Command, run
from ..faults.situations import write_pairs_and_style

__all__ = [
    "CURATE", "DECIDE", "NAME", "RUN", "Kind", "at_an_endpoint", "curated_file", "judged_outputs", "judged_project",
    "trained_project",
]  # fmt: skip

Words = tuple[str, ...]
NAME = "20260101-120000-abcd"  # older than any that a command makes now
RUN = f"runs/{NAME}"


@dataclass(frozen=True)
class Kind:
    """A folder with finished runs. `damaged` are the folders whose files are damaged, `commands` what reads them."""

    name: str
    make: Callable[[Path], None]
    damaged: tuple[str, ...]
    commands: tuple[Command, ...]


def _done(folder: Path, *commands: Words) -> None:
    for words in commands:
        done = run(folder, words)
        assert done.code == 0, done.err


def _one_name(folder: Path) -> None:
    """Give the only run of a project a name that the commands can state."""
    (only,) = (path for path in (folder / "runs").iterdir() if path.is_dir())
    only.rename(folder / RUN)


CURATE = ("curate", "pairs.jsonl", "--style", "style.yaml", "--out", "clean")
DECIDE = ("why", "clean", "p3", "--decide", "drop", "--who", "someone", "--because", "a copy")


def curated_file() -> Kind:
    """A file that was curated into a folder, with a decision."""

    def make(folder: Path) -> None:
        write_pairs_and_style(folder)
        _done(folder, CURATE, DECIDE, CURATE)

    return Kind(
        "curated file",
        make,
        ("clean",),
        (
            ("curate", "clean", "--again"),
            CURATE,
            ("why", "clean", "p3"),
            ("why", "clean", "p5", "--decide", "keep", "--who", "another"),
            ("report", "clean"),
            ("export", "clean", "--format", "csv", "--out", "corrected.csv"),
            ("export", "clean", "--format", "openai"),
            ("export", "clean", "--format", "parquet"),
            ("export", "clean", "--format", "trl"),
        ),
    )


JUDGE = (
    "evaluate", "--pairs", "pairs.jsonl", "--outputs", "prompted=prompted.jsonl", "--outputs", "tuned=tuned.jsonl",
    "--style", "style.yaml", "--out",
)  # fmt: skip


def judged_outputs() -> Kind:
    """Outputs from elsewhere that were judged, twice."""

    def make(folder: Path) -> None:
        write_pairs_and_style(folder)
        for name, end in (("prompted", "."), ("tuned", "")):
            rows = [{"id": f"p{n}", "output": pair(n)["output"] + end} for n in range(60)]
            (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        _done(folder, (*JUDGE, "judged"), (*JUDGE, "other"))

    return Kind(
        "judged outputs",
        make,
        ("judged",),
        (
            ("report", "judged"),
            ("compare", "other", "judged", "--out", "compared"),
            (*JUDGE, "judged"),
            ("watch", "judged"),
        ),
    )


def judged_project() -> Kind:
    """A project whose variants are files of outputs, with two runs."""

    def make(folder: Path) -> None:
        write_pairs_and_style(folder)
        write_collected_project(folder, style="style.yaml")
        with (folder / "tuneworth.toml").open("a", encoding="utf-8") as settings:
            settings.write(MONEY)
        _done(folder, ("curate",), ("evaluate",), ("report",))
        _one_name(folder)
        _done(folder, ("curate",), ("evaluate",), ("runs", "."))

    return Kind(
        "judged project",
        make,
        ("runs", "."),
        (
            ("runs", ".", "--page", "runs.html"),
            ("runs", "prune", ".", "--keep", "1", "--yes"),
            ("compare", RUN, ".", "--out", "compared"),
            ("curate", "."),
            ("evaluate", ".", "--run", NAME),
            ("report", RUN),
            ("roi", RUN),
            ("run", ".", "--run", NAME),
            ("watch", RUN),
            ("why", RUN, "p3"),
        ),
    )


def trained_project(model: Path) -> Kind:
    """A project with a model that was trained and evaluated here, searched and reported."""

    def make(folder: Path) -> None:
        settings = write_project(folder, model) / "tuneworth.toml"
        settings.write_text(settings.read_text().replace("[train]", '[train]\ndtype = "float32"'), encoding="utf-8")
        _done(folder, ("curate",), ("train",), ("evaluate",), ("report",))
        _one_name(folder)

    return Kind(
        "trained project",
        make,
        ("runs",),
        (
            ("train", "."),
            ("evaluate", "."),
            ("run", ".", "--run", NAME),
            ("report", "."),
            ("roi", "."),
            ("runs", "."),
            ("watch", "."),
            ("export", RUN, "--format", "vllm"),
            ("export", RUN, "--format", "openai"),
        ),
    )


def at_an_endpoint(url: str) -> Kind:
    """A project whose variants are at a server."""

    def make(folder: Path) -> None:
        write_pairs_and_style(folder)
        (folder / "guide.txt").write_text("Write a label.", encoding="utf-8")
        settings = ENDPOINTS.format(url=url, more="").replace("endpoint =", "concurrency = 1\nendpoint =") + MONEY
        (folder / "tuneworth.toml").write_text(settings, encoding="utf-8")
        _done(folder, ("curate",), ("evaluate",))
        _one_name(folder)

    return Kind(
        "project at an endpoint",
        make,
        ("runs",),
        (("evaluate", "."), ("report", "."), ("watch", ".", "--dry-run")),
    )
