"""What each attack on the memory or the time of a command takes: its answer, seconds of processor, peak memory.

Run: `python benchmarks/limits.py [--only TEXT]` (some minutes), writes benchmarks/limits.md. Every command runs in a process
of its own that may take 6 GB of address space and 60 seconds of processor.
"""

import argparse
import gzip
import json
import os
import platform
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

PAGE = Path(__file__).with_suffix(".md")
FILES = runpy.run_path(str(Path(__file__).with_name("limits_inputs.py")))
TUNEWORTH = str(Path(sys.executable).parent / "tuneworth")
PAIR, GB2 = FILES["PAIR"], FILES["SIZE"]
_MOST_MEMORY, _MOST_SECONDS = 6_000_000_000, 60
_STYLE = "name: s\nchecks:\n  - {id: words, kind: length, unit: words, min: 1}\n"


@dataclass(frozen=True)
class Attack:
    """what: the input in words; before: what happened when it was reported; make: the command, from an empty folder."""

    what: str
    before: str
    make: Callable[[Path], Sequence[str]]


@dataclass(frozen=True)
class Answer:
    """How a command ended."""

    code: int
    seconds: float
    peak: float
    said: str


def packed(
    name: str, begin: bytes, fill: bytes, end: bytes = b"", *, how: str = "gzip_of"
) -> Callable[[Path], list[str]]:
    """`check` of a file of 2 GB once it is unpacked."""
    return lambda folder: ["check", str(FILES[how](folder / name, begin, fill, end))]


def _style(text: str) -> Callable[[Path], list[str]]:
    def make(folder: Path) -> list[str]:
        (folder / "style.yaml").write_text(text)
        (folder / "pairs.jsonl").write_bytes(PAIR * 10)
        return ["style", "check", str(folder / "pairs.jsonl"), "--style", str(folder / "style.yaml")]

    return make


def _project(text: str) -> Callable[[Path], list[str]]:
    def make(folder: Path) -> list[str]:
        (folder / "tuneworth.toml").write_text(text)
        return ["curate", str(folder), "--dry-run"]

    return make


def _pipe(folder: Path) -> list[str]:
    os.mkfifo(folder / "style.yaml")
    (folder / "pairs.jsonl").write_bytes(PAIR * 10)
    return ["style", "check", str(folder / "pairs.jsonl"), "--style", str(folder / "style.yaml")]


def _marks(mark: str) -> Callable[[Path], list[str]]:
    def make(folder: Path) -> list[str]:
        rows = [{"input": f"part {n}", "output": mark * 400_000 if n == 3 else f"Part {n}."} for n in range(20)]
        (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (folder / "style.yaml").write_text("name: s\nchecks:\n  - {id: facts, kind: grounded}\n")
        return ["style", "check", str(folder / "pairs.jsonl"), "--style", str(folder / "style.yaml")]

    return make


def _fields(*words: str, same: int = 0) -> Callable[[Path], list[str]]:
    """A command on 5,000 rows that have 20 fields of their own each, or the `same` ones."""

    def make(folder: Path) -> list[str]:
        with (folder / "pairs.jsonl").open("w") as file:
            for row in range(5_000):
                own = {f"field {20 * row + n}": f"value {n}" for n in range(20)}
                common = {f"field {n}": "yes" if (row + n) % 3 else "no" for n in range(same)}
                file.write(json.dumps({"input": common or own, "output": f"Line {row}."}) + "\n")
        return [*words, str(folder / "pairs.jsonl")]

    return make


def _parts(name: str) -> Callable[[Path], list[str]]:
    """`check` of a compressed file of 2 MB that is made of empty parts."""

    def make(folder: Path) -> list[str]:
        from backports import zstd

        empty = gzip.compress(b"") if name.endswith(".gz") else zstd.compress(b"")
        (folder / name).write_bytes(empty * (2_000_000 // len(empty)))
        return ["check", str(folder / name)]

    return make


def _open_quote(folder: Path) -> list[str]:
    (folder / "p.csv").write_bytes(b'input,output\na,"open\n' + b"\n" * 40_000_000)
    return ["check", str(folder / "p.csv")]


def _aliases() -> str:
    levels = ["a0: &a0 {type: string}"]
    levels += [f"a{n}: &a{n} {{anyOf: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 10)]
    defined = "".join(f"      {level}\n" for level in levels)
    return f"name: s\nchecks:\n- id: j\n  kind: json\n  schema:\n    $defs:\n{defined}    allOf: [*a9]\n"


def _outputs(folder: Path) -> list[str]:
    (folder / "pairs.jsonl").write_bytes(
        b"".join(b'{"id": "%d", "input": "a %d", "output": "b"}\n' % (n, n) for n in range(30))
    )
    (folder / "style.yaml").write_text(_STYLE)
    plain = folder / "pairs.jsonl"
    file = FILES["gzip_of"](folder / "outputs.jsonl.gz", b'{"id": "1", "output": "', b"x", b'"}\n')
    return ["evaluate", "--pairs", str(folder / "pairs.jsonl"), "--outputs", f"prompted={plain}", "--outputs", f"tuned={file}",
            "--style", str(folder / "style.yaml"), "--out", str(folder / "out")]  # fmt: skip


KILLED = "killed at 7 GB"
NOT_REPORTED = "not tried"
ATTACKS = (
    Attack("`.jsonl.gz` of 2 MB, one line of 2 GB", KILLED, packed("p.jsonl.gz", b'{"input": "', b"x", b'"}\n')),
    Attack("`.json.gz` of 2 MB, one document of 2 GB", KILLED, packed("p.json.gz", b'[{"input": "', b"x", b'"}]')),
    Attack("`.csv.gz` of 2 MB, one cell of 2 GB", "29 s, 6.5 GB", packed("p.csv.gz", b'input,output\na,"', b"x", b'"\n')),
    Attack("`.csv.gz` of 2 MB, zero bytes", "19 s, 4.2 GB", packed("p.csv.gz", b"", b"\0")),
    Attack("`.jsonl.gz` of 2 MB, blank lines", "nothing after 75 s", packed("p.jsonl.gz", b"", b"\n")),
    Attack("`.jsonl.gz`, the same pair again and again", NOT_REPORTED, packed("p.jsonl.gz", PAIR, PAIR)),
    Attack("`.jsonl.gz`, a billion lines `1`", NOT_REPORTED, packed("p.jsonl.gz", PAIR, b"1\n")),
    Attack("`.jsonl.zst` of 80 kB, one line of 2 GB", NOT_REPORTED, packed("p.jsonl.zst", b'{"input": "', b"x", how="zstd_of")),
    Attack("`.csv.zst`, a quote that is never closed", NOT_REPORTED,
           packed("p.csv.zst", b'input,output\na,"', b"b\n", how="zstd_of")),
    Attack("`--outputs` of 2 MB, one line of 2 GB", NOT_REPORTED, _outputs),
    Attack("`.jsonl` of 2 GB without a line feed", NOT_REPORTED, lambda f: ["check", str(FILES["sparse"](f / "p.jsonl", PAIR))]),
    Attack("`.json` of 2 GB, zero bytes", NOT_REPORTED, lambda f: ["check", str(FILES["sparse"](f / "p.json"))]),
    Attack("`.parquet` of 60 kB, one text of 1.9 GB", NOT_REPORTED,
           lambda f: ["check", str(FILES["page"](f / "p.parquet", size=1_900_000_000))]),
    Attack("`.feather` of 60 kB, one text of 1.9 GB", NOT_REPORTED,
           lambda f: ["check", str(FILES["page"](f / "p.feather", size=1_900_000_000))]),
    Attack("`.parquet`, a text of 1 MB in 200,000 rows", NOT_REPORTED,
           lambda f: ["check", str(FILES["parquet_of"](f / "p.parquet", ["x" * 10**6], rows=200_000))]),
    Attack("the same as categories", NOT_REPORTED,
           lambda f: ["check", str(FILES["parquet_of"](f / "p.parquet", ["x" * 10**6], rows=200_000, categories=True))]),
    Attack("`.xlsx` of 1 kB, a cell in the last corner", NOT_REPORTED,
           lambda f: ["check", str(FILES["workbook"](f / "p.xlsx", {"A1": "input", "B1": "output", "XFD1048576": "x"}))]),
    Attack("`.xlsx` of 1 MB, a sheet of 300 MB", NOT_REPORTED,
           lambda f: ["check", str(FILES["workbook"](f / "p.xlsx", {"A1": "input", "B1": "output"}, padding=300_000_000))]),
    Attack("a style with YAML aliases that multiply", "4.3 GB, nothing after 75 s", _style(_aliases())),
    Attack("`tuneworth.toml`, 100,000 brackets deep", "RecursionError, exit 3", _project("[data]\npath = " + "[" * 100_000)),
    Attack("`tuneworth.toml`, a dotted key of 20,000 names", "RecursionError, 19 s", _project("a" + ".a" * 20_000 + " = 1\n")),
    Attack("a named pipe as style file", "waits for ever", _pipe),
    Attack("a text of 400,000 backticks", "50 s", _marks("`")),
    Attack("a text of 400,000 dollar signs", "50 s", _marks("$")),
    Attack("`.zst` of 2 MB, empty frames", "6 s", _parts("p.jsonl.zst")),
    Attack("`.gz` of 2 MB, empty members", NOT_REPORTED, _parts("p.jsonl.gz")),
    Attack("`.csv`, an open quote before 40 MB of blank lines", "8.7 s", _open_quote),
    Attack("`style infer`, 5,000 rows with 100,000 fields", "7 GB after two minutes, killed", _fields("style", "infer")),
    Attack("`check` of the same", "10 s, 580 MB", _fields("check")),
    Attack("`style infer`, 5,000 rows with the same 400 fields", "nothing after 100 s", _fields("style", "infer", same=400)),
)  # fmt: skip


def decisions(folder: Path) -> str:
    """The row of twelve decisions at the same moment: how many of them are in the file."""
    rows = [{"input": f"part {n} of the list", "output": f"Part number {n}."} for n in range(40)]
    (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    subprocess.run(
        [TUNEWORTH, "curate", folder / "pairs.jsonl", "--out", folder / "run"], capture_output=True, check=True
    )
    words = [[TUNEWORTH, "why", folder / "run", f"row {n}", "--decide", "drop"] for n in range(1, 13)]
    started = [subprocess.Popen(one, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for one in words]
    codes = [process.wait() for process in started]
    kept = len((folder / "run" / "overrides.jsonl").read_text().splitlines())
    return f"| twelve `why --decide` at once | all exit 0, 11 lines | {max(codes)} | | | {kept} lines |"


def removed(folder: Path) -> str:
    """The row of a file that is removed late while it is read."""
    file = folder / "pairs.jsonl"
    file.write_bytes(
        b"".join(b'{"input": "part %d of the list", "output": "Part %d."}\n' % (n, n) for n in range(200_000))
    )
    process = subprocess.Popen(
        [TUNEWORTH, "curate", file, "--out", folder / "run"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    said = ""
    for line in process.stderr or ():
        said += line
        if line.startswith("curate: "):  # the pairs are read
            file.unlink(missing_ok=True)
    code = process.wait()
    return f"| the input is removed after it was read | exit 3, unexpected | {code} | | | {shown(said, folder)} |"


def answer(words: Sequence[str]) -> Answer:
    """Run a command to its end, within the limits of its process."""
    code = (
        "import json, resource, subprocess, sys\n"
        f"limits = [(resource.RLIMIT_AS, {_MOST_MEMORY}), (resource.RLIMIT_CPU, {_MOST_SECONDS})]\n"
        "def limit():\n    [resource.setrlimit(what, (most, most)) for what, most in limits]\n"
        "try:\n    done = subprocess.run(sys.argv[1:], capture_output=True, text=True, preexec_fn=limit, timeout=75)\n"
        "    ended = done.returncode, done.stderr\n"
        "except subprocess.TimeoutExpired:\n    ended = -1, 'nothing after 75 s'\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(json.dumps([*ended, used.ru_utime + used.ru_stime, used.ru_maxrss]))"
    )
    done = subprocess.run([sys.executable, "-c", code, TUNEWORTH, *words], capture_output=True, text=True, check=True)
    status, said, seconds, kilobytes = json.loads(done.stdout)
    return Answer(status, seconds, kilobytes / 1e3, said)


def shown(said: str, folder: Path) -> str:
    """The error without the folder, as the cell of a table; nothing if there is none."""
    said = said.replace(f"{folder}/", "")
    lines = [line for line in said.splitlines() if line.startswith("tuneworth: ")]
    text = lines[-1].removeprefix("tuneworth: ") if lines else said.strip().splitlines()[-1] if said.strip() else ""
    return text.replace("|", "\\|")[:220]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--only", default="", help="only the attacks whose description contains this text")
    only = options.parse_args().only
    rows = [
        "| input | when reported | today: exit | CPU, s | peak, MB | what it says |",
        "|---|---|---:|---:|---:|---|",
    ]
    for attack in ATTACKS:
        if only not in attack.what:
            continue
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            found = answer(attack.make(folder))
            rows.append(
                f"| {attack.what} | {attack.before} | {found.code} | {found.seconds:.1f} | {found.peak:.0f} | "
                f"{shown(found.said, folder)} |"
            )
            print(rows[-1], flush=True)
    for row in (decisions, removed) if not only else ():
        with tempfile.TemporaryDirectory() as name:
            rows.append(row(Path(name)))
            print(rows[-1], flush=True)
    if not only:
        PAGE.write_text(page(rows), encoding="utf-8")


def page(rows: Sequence[str]) -> str:
    """The page with the table."""
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    return (
        "# What an attack takes\n\n"
        f"{date.today()}, {machine}; written by `benchmarks/limits.py`. Each command runs in its own process; peak is its "
        "largest resident memory, of which some 65 MB are the program itself. CPU seconds include the start of the command, "
        "a second or less.\n\n" + "\n".join(rows) + "\n"
    )


if __name__ == "__main__":
    main()
