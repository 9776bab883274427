"""The commands whose steps are made to fail, each in a folder as small as possible."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from ..conftest import STYLE, pair, write_collected_project, write_pairs, write_project
from .situation import Situation, run

__all__ = [
    "CLEAN",
    "WITHOUT_MODEL",
    "after",
    "against_prompted",
    "judged_project",
    "named",
    "with_a_model",
    "write_pairs_and_style",
]


def write_pairs_and_style(folder: Path) -> None:
    write_pairs(folder / "pairs.jsonl")
    (folder / "style.yaml").write_text(STYLE, encoding="utf-8")


def judged_project(folder: Path) -> None:
    write_pairs_and_style(folder)
    write_collected_project(folder, style="style.yaml")


def against_prompted(folder: Path) -> None:
    """A project whose two variants alone are compared: a template writes what the tuned one does."""
    judged_project(folder)
    path = folder / "tuneworth.toml"
    settings = path.read_text(encoding="utf-8").replace("[evaluate]\n", '[evaluate]\nrivals = "none"\n')
    path.write_text(settings, encoding="utf-8")


def _outputs(folder: Path) -> None:
    write_pairs_and_style(folder)
    for name, end in (("prompted", "."), ("tuned", "")):
        rows = [{"id": f"p{n}", "output": pair(n)["output"] + end} for n in range(60)]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


JUDGE = (
    "evaluate", "--pairs", "pairs.jsonl", "--outputs", "prompted=prompted.jsonl", "--outputs", "tuned=tuned.jsonl",
    "--style", "style.yaml", "--out", "judged",
)  # fmt: skip

# Two variants under each other's names, so that other results lie where the command writes.
OTHERS = tuple({"prompted=prompted.jsonl": "prompted=tuned.jsonl", "tuned=tuned.jsonl": "tuned=prompted.jsonl"}.get(
    word, word) for word in JUDGE)  # fmt: skip
AGAIN = (*JUDGE[:-1], "again")


def after(make: Callable[[Path], None], *commands: tuple[str, ...]) -> Callable[[Path], None]:
    """Prepares a folder in which these commands have run."""

    def made(folder: Path) -> None:
        make(folder)
        for words in commands:
            outcome = run(folder, words)
            assert outcome.code == 0, outcome.err

    return made


CLEAN = ("curate", "pairs.jsonl", "--style", "style.yaml", "--out", "clean")


ANOTHER = ("curate", "pairs.jsonl", "--out", "clean", "--seed", "5")  # other splits, since nothing breaks a rule


def _another_style(make: Callable[[Path], None]) -> Callable[[Path], None]:
    """Prepares a folder whose runs were made by another style than the one that lies there now."""

    def made(folder: Path) -> None:
        make(folder)
        (folder / "style.yaml").write_text(f"{STYLE}  - {{kind: forbidden, any: [clock]}}\n", encoding="utf-8")

    return made


def named(make: Callable[[Path], None]) -> Callable[[Path], None]:
    """Prepares a folder whose only run is called `run`."""

    def made(folder: Path) -> None:
        make(folder)
        (only,) = (path for path in (folder / "runs").iterdir() if path.is_dir())
        only.rename(folder / "runs" / "run")

    return made


DECIDE = ("why", "clean", "3", "--decide", "drop", "--who", "someone")


def _three_runs(folder: Path) -> None:
    """A project with three judged runs."""
    named(after(judged_project, ("curate",), ("evaluate",)))(folder)
    for name in ("a", "b"):
        shutil.copytree(folder / "runs" / "run", folder / "runs" / name)


WITHOUT_MODEL = (
    Situation("init", ("init", "labels", "--from", "pairs.jsonl"), write_pairs_and_style),
    Situation(
        "style infer",
        ("style", "infer", "pairs.jsonl", "--out", "inferred.yaml"),
        write_pairs_and_style,
        may_refuse=("already exists",),
    ),
    Situation("curate a file", CLEAN, write_pairs_and_style),
    Situation("curate it again", CLEAN, after(write_pairs_and_style, CLEAN)),
    Situation("curate over another run", CLEAN, after(write_pairs_and_style, ANOTHER)),
    Situation(
        "judge a project again", ("evaluate",), _another_style(after(judged_project, ("curate",), ("evaluate",)))
    ),
    Situation(
        "curate a run again",
        ("curate", "--run", "run"),
        _another_style(named(after(judged_project, ("curate",), ("evaluate",)))),
    ),
    Situation("judge a project", ("evaluate",), after(judged_project, ("curate",))),
    Situation("run the rest of a run", ("run", "--run", "run"), named(after(judged_project, ("curate",)))),
    Situation("compare", ("compare", "judged", "again", "--out", "compared"), after(_outputs, JUDGE, AGAIN)),
    Situation(
        "decide",
        DECIDE,
        after(write_pairs_and_style, CLEAN),
        appends=("clean/overrides.jsonl",),
    ),
    Situation(
        "decide by another text",
        ("why", "clean", "3", "--text", "Box with a lamp", "--who", "someone"),
        after(write_pairs_and_style, CLEAN),
        appends=("clean/overrides.jsonl",),
    ),
    Situation(
        "decide about many",
        ("why", "clean", "--outcome", "kept", "--decide", "keep", "--yes", "--who", "someone"),
        after(write_pairs_and_style, CLEAN),
        appends=("clean/overrides.jsonl",),
    ),
    Situation(
        "undo a decision",
        ("why", "clean", "--undo"),
        after(write_pairs_and_style, CLEAN, DECIDE),
    ),
    Situation("curate with decisions", ("curate", "clean", "--again"), after(write_pairs_and_style, CLEAN, DECIDE)),
    Situation(
        "prune runs",
        ("runs", "prune", ".", "--keep", "1", "--yes"),
        _three_runs,
        appends=("runs/pruned.jsonl",),
        passing=("runs/.pruned/*",),
        ignores=(".index.json",),
    ),
    Situation("page of runs", ("runs", ".", "--page", "runs.html"), _three_runs, ignores=(".index.json",)),
    Situation("check page", ("check", "pairs.jsonl", "--page", "check.html"), write_pairs_and_style),
    Situation(
        "fix",
        ("fix", "pairs.jsonl", "--style", "style.yaml", "--out", "fixed.jsonl"),
        _outputs,
        may_refuse=("already exists",),
    ),
    Situation("judge outputs", JUDGE, _outputs),
    Situation("judge outputs over others", JUDGE, after(_outputs, OTHERS)),
    Situation("report", ("report", "judged"), after(_outputs, JUDGE)),
    Situation("export csv", ("export", "clean", "--format", "csv"), after(write_pairs_and_style, CLEAN)),
    Situation(
        "export openai",
        ("export", "clean", "--format", "openai", "--out", "upload"),
        after(write_pairs_and_style, CLEAN),
    ),
    Situation(
        "export trl", ("export", "clean", "--format", "trl", "--out", "upload"), after(write_pairs_and_style, CLEAN)
    ),
    Situation("export parquet", ("export", "clean", "--format", "parquet"), after(write_pairs_and_style, CLEAN)),
)


def with_a_model(model: Path) -> tuple[Situation, ...]:
    """Training this model, racing the tuned model against it, and exporting the result."""

    def project(folder: Path) -> None:
        settings = write_project(folder, model) / "tuneworth.toml"
        settings.write_text(settings.read_text().replace("[train]", '[train]\ndtype = "float32"'), encoding="utf-8")

    return (
        Situation(
            "train",
            ("train",),
            after(project, ("curate",)),
            appends=("log.jsonl",),
            varies=("threads", "limit"),  # of the process that trains: `ulimit` is a limit of memory
        ),
        Situation("race", ("evaluate",), after(project, ("curate",), ("train",)), appends=("generated.jsonl",)),
        Situation(
            "export for vllm",
            ("export", "runs/run", "--format", "vllm"),
            named(after(project, ("curate",), ("train",), ("evaluate",))),
        ),
    )
