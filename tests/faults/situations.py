"""The commands whose every step is let go wrong, each in a folder as small as it can be."""

import json
from collections.abc import Callable
from pathlib import Path

from ..cli.test_endpoint import MONEY
from ..cli.test_endpoint import PROJECT as ENDPOINTS
from ..conftest import STYLE, pair, write_collected_project, write_pairs, write_project
from .harness import Situation, run

__all__ = ["WITHOUT_MODEL", "at_an_endpoint", "with_a_model"]


def _pairs(folder: Path) -> None:
    write_pairs(folder / "pairs.jsonl")
    (folder / "style.yaml").write_text(STYLE, encoding="utf-8")


def _project(folder: Path) -> None:
    _pairs(folder)
    write_collected_project(folder, style="style.yaml")


def _outputs(folder: Path) -> None:
    _pairs(folder)
    for name, end in (("prompted", "."), ("tuned", "")):
        rows = [{"id": f"p{n}", "output": pair(n)["output"] + end} for n in range(60)]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


JUDGE = (
    "evaluate", "--pairs", "pairs.jsonl", "--outputs", "prompted=prompted.jsonl", "--outputs", "tuned=tuned.jsonl",
    "--style", "style.yaml", "--out", "judged",
)  # fmt: skip

AGAIN = (*JUDGE[:-1], "again")


def _after(make: Callable[[Path], None], *commands: tuple[str, ...]) -> Callable[[Path], None]:
    """A folder in which these commands were run already."""

    def made(folder: Path) -> None:
        make(folder)
        for words in commands:
            done = run(folder, words)
            assert done.code == 0, done.err

    return made


CLEAN = ("curate", "pairs.jsonl", "--style", "style.yaml", "--out", "clean")

WITHOUT_MODEL = (
    Situation("init", ("init", "labels", "--from", "pairs.jsonl"), _pairs),
    Situation("style infer", ("style", "infer", "pairs.jsonl", "--out", "inferred.yaml"), _pairs),
    Situation("curate a file", CLEAN, _pairs),
    Situation("curate it again", CLEAN, _after(_pairs, CLEAN)),
    Situation("judge a project", ("evaluate",), _after(_project, ("curate",))),
    Situation("compare", ("compare", "judged", "again", "--out", "compared"), _after(_outputs, JUDGE, AGAIN)),
    Situation(
        "decide",
        ("why", "clean", "3", "--decide", "drop", "--who", "someone"),
        _after(_pairs, CLEAN),
        appends=("clean/overrides.jsonl",),
    ),
    Situation("fix", ("fix", "pairs.jsonl", "--style", "style.yaml", "--out", "fixed.jsonl"), _outputs),
    Situation("judge outputs", JUDGE, _outputs),
    Situation("report", ("report", "judged"), _after(_outputs, JUDGE)),
    Situation("export csv", ("export", "clean", "--format", "csv"), _after(_pairs, CLEAN)),
    Situation("export openai", ("export", "clean", "--format", "openai", "--out", "upload"), _after(_pairs, CLEAN)),
    Situation("export parquet", ("export", "clean", "--format", "parquet"), _after(_pairs, CLEAN)),
)


def with_a_model(model: Path) -> tuple[Situation, ...]:
    """Training it, and racing it with what was trained."""

    def project(folder: Path) -> None:
        settings = write_project(folder, model) / "tuneworth.toml"
        settings.write_text(settings.read_text().replace("[train]", '[train]\ndtype = "float32"'), encoding="utf-8")

    return (
        Situation("train", ("train",), _after(project, ("curate",))),
        Situation("race", ("evaluate",), _after(project, ("curate",), ("train",)), appends=("generated.jsonl",)),
        Situation(
            "export for vllm",
            ("export", "runs/run", "--format", "vllm"),
            _named(_after(project, ("curate",), ("train",), ("evaluate",))),
        ),
    )


def _named(make: Callable[[Path], None]) -> Callable[[Path], None]:
    def made(folder: Path) -> None:
        make(folder)
        (only,) = (path for path in (folder / "runs").iterdir() if path.is_dir())
        only.rename(folder / "runs" / "run")

    return made


def at_an_endpoint(url: str) -> Situation:
    """A project whose variants are at a server, one request at a time."""

    def project(folder: Path) -> None:
        _pairs(folder)
        (folder / "guide.txt").write_text("Write a label.", encoding="utf-8")
        settings = ENDPOINTS.format(url=url, more="").replace("endpoint =", "concurrency = 1\nendpoint =") + MONEY
        (folder / "tuneworth.toml").write_text(settings, encoding="utf-8")

    return Situation(
        "race at an endpoint",
        ("evaluate",),
        _after(project, ("curate",)),
        appends=("generated.jsonl", "answers.jsonl", "answers.sent.jsonl"),
    )
