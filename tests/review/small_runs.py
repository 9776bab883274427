"""Small real runs: pairs about parts with conflicts, repairs, rejected rows and near duplicates, curated as a project."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from tuneworth.curate import DecisionLog, Override
from tuneworth.project import Run, curate_project, evaluate_run

STYLE = """
name: parts
checks:
  - {id: no-stop, kind: punctuation, end: none}
  - {id: short, kind: length, unit: words, max: 25}
"""
DATA = "[data]\npath = 'pairs.jsonl'\ninput = 'input'\noutput = 'output'\nid = 'id'\ngroup = 'maker'\n"
Lines = Iterable[Mapping[str, Any]]


def write_project(folder: Path, pairs: Lines, *, curate: str = "", style: str = STYLE) -> Path:
    """A project of these pairs; `curate` are its settings as lines of TOML."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pairs.jsonl").write_text("".join(json.dumps(pair) + "\n" for pair in pairs), encoding="utf-8")
    (folder / "style.yaml").write_text(style, encoding="utf-8")
    (folder / "tuneworth.toml").write_text(f"{DATA}[style]\npath = 'style.yaml'\n[curate]\n{curate}", encoding="utf-8")
    return folder


def curated(folder: Path, pairs: Lines, **settings: str) -> Run:
    """The run of these pairs."""
    return curate_project(write_project(folder, pairs, **settings))


def pair(n: int, output: str, *, id: str | None = None, extra: str = "", maker: str | None = None) -> dict[str, str]:
    """A pair about part n, whose request has words of its own."""
    words = " ".join(
        f"{word}-{chr(97 + n % 26)}{n * 7919 % 9973}" for word in ("relay", "coil", "pin", "case", "grade")
    )
    return {
        "id": id or f"part-{n}", "input": f"Describe {words}{extra}", "output": output, "maker": maker or f"maker-{n % 6}"
    }  # fmt: skip


def plain_pairs(count: int = 40, start: int = 0) -> list[dict[str, str]]:
    """Pairs that are kept."""
    return [
        pair(n, f"Part {n * 31} of board {chr(97 + n % 26)}{n} with rail {n * 17}") for n in range(start, start + count)
    ]


def conflicting_pairs(n: int, *answers: str) -> list[dict[str, str]]:
    """The same request with several answers."""
    return [pair(n, answer, id=f"part-{n}-{chr(97 + at)}") for at, answer in enumerate(answers)]


def all_kinds() -> list[dict[str, str]]:
    """Pairs with items of each kind that curating alone brings."""
    long = "a sentence that goes on and on without saying much about the part that it is for"
    return [
        *plain_pairs(),
        *conflicting_pairs(100, *relays(12, 24)),
        *conflicting_pairs(101, *relays(5, 6, 7)),
        *[pair(n, f"Switch {n} for {n * 3} V.") for n in range(110, 116)],
        *[pair(n, f"Socket {n}: {long} and {long}") for n in range(120, 126)],
        pair(130, "Plug with a cable for the lamp in the hall of the house"),
        pair(130, "Plug with also a cable for the lamp in the hall of the house", id="part-130-again"),
        pair(131, "Fuse in a holder of glass for the heater in the kitchen of the house by the river in the valley"),
        pair(
            131,
            "Fuse in a holder of glass for a heater in the kitchen of the house by the river in the valley",
            id="part-131-again",
        ),
    ]


def relays(*volts: int) -> list[str]:
    """Answers that contradict each other."""
    return [f"Relay with a coil for {n} V and contacts that switch a load of 3 A in the car" for n in volts]


def ledger_of(run: Run) -> dict[str, dict[str, Any]]:
    """The rows of the ledger by id, read without our own code."""
    rows = pl.read_parquet(run.folder / "curate" / "ledger.parquet").to_dicts()
    return {row["id"]: row for row in rows}


def lines_of(run: Run, file: str) -> dict[str, dict[str, Any]]:
    """The lines of a file of the run by id."""
    text = (run.folder / "curate" / f"{file}.jsonl").read_text(encoding="utf-8")
    return {line["id"]: line for line in map(json.loads, text.splitlines())}


def latest(made: Iterable[Override]) -> dict[str, Override]:
    """The last decision about each id."""
    return {override.id: override for override in made}


def again(run: Run, made: Iterable[Override]) -> Run:
    """The run that a new `curate` makes of the same project with these decisions."""
    DecisionLog(run.project.folder / "overrides.jsonl").add(made)
    return curate_project(run.project.folder)


def with_losses(run: Run, losses: Mapping[str, float | None]) -> Run:
    """The run with the file that training leaves of its pairs."""
    lines = [{"id": id, "loss": loss, "first_loss": 3.0, "tokens": 9} for id, loss in losses.items()]
    (run.folder / "train").mkdir()
    (run.folder / "train" / "pair_losses.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return run


def evaluated(run: Run, outputs: Mapping[str, str]) -> Run:
    """The run evaluated on these outputs of the tuned model, by id; the prompted model repeats the references."""
    folder, test = run.project.folder, lines_of(run, "test")
    for name in ("prompted", "tuned"):
        given = {id: line["output"] if name == "prompted" else outputs[id] for id, line in test.items()}
        lines = [json.dumps({"id": id, "output": output}) + "\n" for id, output in given.items()]
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    with (folder / "tuneworth.toml").open("a", encoding="utf-8") as file:
        file.write(EVALUATE)
    return evaluate_run(folder)


EVALUATE = """
[evaluate]
variants = ["prompted", "tuned"]
baseline = "prompted"
candidate = "tuned"
rivals = "none"
[evaluate.prompted]
outputs = "prompted.jsonl"
[evaluate.tuned]
outputs = "tuned.jsonl"
"""
