"""A stranger's first 30 seconds or hour: what the README and `Your own CSV` print, typed in without torch.

Called by try_wheel.sh with the path of the installed command and the folder of the pages, in an empty folder; for the hour,
which another shop's export goes through, also with the word `hour`.
"""

import importlib.util
import json
import re
import shlex
import shutil
import subprocess
import sys
import time
from contextlib import chdir
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from invented_shop import write_export, write_outputs

COMMAND, PAGES = sys.argv[1], Path(sys.argv[2]).resolve()
# The stranger's names in place of those of the page.
OWN = {"examples/shop/products.csv": "products.csv", "Body": "Web text", "Handle": "Model", "SKU": "Item no"}
# What the README shows for other situations: an endpoint with its key, or torch.
NOT_HERE = {"train shop --on together --plan", "train shop --dry-run", "evaluate shop", "run shop"}
seconds: dict[str, float] = {}


def printed(page: str) -> list[list[str]]:
    """The words of each command of Tuneworth in the page's blocks, in their order."""
    found = []
    for block in re.findall(r"```(?:sh|console)\n(.*?)```", (PAGES / page).read_text(encoding="utf-8"), re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True) if re.match(r"(\$ )?tuneworth ", line) else []
            if words:
                found.append([OWN.get(word, word) for word in words[1:]])
    return found


def prices(page: str) -> str:
    """The settings that the page shows, for the stranger's file."""
    (settings,) = re.findall(r"```toml\n(.*?)```", (PAGES / page).read_text(encoding="utf-8"), re.DOTALL)
    return settings.replace("examples/shop/products.csv", OWN["examples/shop/products.csv"])


def type_in(words: list[str]) -> str:
    """What a command prints; it must succeed."""
    started = time.perf_counter()
    done = subprocess.run([COMMAND, *words], capture_output=True, text=True, timeout=300, encoding="utf-8")
    shown = shlex.join(words)
    seconds[shown] = time.perf_counter() - started
    print(f"stranger: {seconds[shown]:5.1f} s  tuneworth {shown}", flush=True)
    assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    if words[:2] == ["style", "infer"]:  # its rules drop rows once somebody has read them
        style = Path("style.yaml")
        style.write_text(style.read_text("utf-8").replace("reviewed: false", "reviewed: true"), "utf-8")
    return done.stdout


def thirty_seconds(_: int) -> None:
    """What the README prints before a project of one's own: a check of a file, and a verdict with its page."""
    commands = printed("README.md")
    for words in commands[: [words[0] for words in commands].index("init")]:
        type_in(words)
    (run,) = Path("tuneworth-demo-collected/runs").iterdir()
    check_verdict(run, "keep prompting")


def readme(rows: int) -> None:
    """Thirty seconds, a project of the export, and outputs that exist already."""
    commands = printed("README.md")
    missing = NOT_HERE - {shlex.join(words) for words in commands}
    assert not missing, f"no longer in the README: {missing}"
    judging = next(place for place, words in enumerate(commands) if words[:2] == ["style", "infer"])
    for words in unique(commands[:judging]):
        if shlex.join(words) not in NOT_HERE:
            answer = type_in(words)
            assert words[0] != "curate" or f"{rows:,} rows read" in answer, answer
    (run,) = Path("shop/runs").iterdir()
    shutil.copy(run / "curate" / "test.jsonl", "test.jsonl")
    for name, share in (("a", 0.5), ("b", 0.0)):
        write_outputs(Path("test.jsonl"), Path(f"{name}.jsonl"), wrong_share=share)
    for words in commands[judging:]:
        type_in(words)
        if words[0] == "evaluate":
            shutil.copytree("judged", "last-week")  # what `compare` is shown with
    check_verdict(Path("judged"), "cannot tell yet")  # without prices


def own_csv(rows: int) -> None:
    """From the export to clean splits and a verdict."""
    for words in printed("docs/your-own-csv.md"):
        if words[0] == "evaluate":
            for name, share in (("prompted", 0.5), ("tuned", 0.0)):
                write_outputs(Path("clean/curate/test.jsonl"), Path(f"{name}.jsonl"), wrong_share=share)
            Path("tuneworth.toml").write_text(prices("docs/your-own-csv.md"), encoding="utf-8")
        answer = type_in(words)
        if words[0] == "check":
            assert "--group Model" in answer, answer
            assert "--id 'Item no'" in answer, answer
        if words[0] == "curate":
            assert f"{rows:,} rows read" in answer, answer
    held_out = [json.loads(line) for line in Path("clean/curate/test.jsonl").read_text(encoding="utf-8").splitlines()]
    trained = [json.loads(line) for line in Path("clean/curate/train.jsonl").read_text(encoding="utf-8").splitlines()]
    models = {line["fields"]["Model"] for line in held_out}
    assert len(models) > 3
    assert not models & {line["fields"]["Model"] for line in trained}, "a product is on both sides of the split"
    assert not any("tbc" in line["output"] for line in trained)
    check_verdict(Path("judged"), "fine-tune")


def check_verdict(folder: Path, decision: str) -> None:
    """A verdict that follows from the outputs, and its page."""
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert results["verdict"]["decision"] == decision, results["verdict"]
    shares = {name: results["quality"][name]["acceptable"]["share"] for name in ("prompted", "tuned")}
    assert shares["tuned"] > shares["prompted"] + 0.2, shares
    print(f"stranger: {results['verdict']['sentence']}")
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert page.lstrip().lower().startswith("<!doctype html>")
    assert len(page) > 50_000


def unique(commands: list[list[str]]) -> list[list[str]]:
    """Each command once: the README shows the first ones of a project for two situations."""
    return [words for place, words in enumerate(commands) if words not in commands[:place]]


def main() -> None:
    assert importlib.util.find_spec("torch") is None, "the base install must not bring torch"
    from tuneworth.examples import example_path

    hour = sys.argv[3:] == ["hour"]
    for name, follow in (("readme", readme), ("own-csv", own_csv)) if hour else (("seconds", thirty_seconds),):
        Path(name).mkdir()
        with chdir(name):
            Path("examples").symlink_to(example_path("components").parent)  # the clone that the README makes
            rows = write_export(Path("products.csv"))
            follow(rows)
    if hour:
        write_export(Path("old.csv"), encoding="cp1252")
        type_in(["check", "old.csv", "--encoding", "cp1252"])
    print(f"stranger: {len(seconds)} commands without torch, {sum(seconds.values()):.0f} s, a verdict and a page")


main()
