"""A judged project whose variants are at a local server, and what that server answers then and later."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tuneworth.project import curate_project, evaluate_run

from ..conftest import STYLE, pair
from ..evaluate.endpoint_server import Asked, EndpointServer, Step, completion, error

TESTED = 98  # too few for the test whether outputs look like references, which takes a second of each evaluation
ROI = """
[roi]
requests_per_day = 5000
[roi.investment]
compute = 100
[roi.running]
monitoring_hours_per_month = 0
monitoring_hourly = 0
[roi.prompted]
price_input = 5
price_output = 20
[roi.tuned]
price_input = 1
price_output = 2
"""


def honest(asked: Asked) -> Step:
    """What was served at judging: the prompted model breaks a rule in every third answer, the tuned one in every tenth."""
    number = number_of(asked)
    return served(asked, bad=number % 3 == 0 if asked.body["model"] == "big" else number % 10 == 0)


def swapped(asked: Asked) -> Step:
    """Another model: it also breaks a rule where the number ends in 1, 2 or 3."""
    return served(asked, bad=number_of(asked) % 10 < 4, model="tuned-2")


def number_of(asked: Asked) -> int:
    """The number of the pair that is asked; 1 for requests that only count tokens."""
    weight = asked.text.rpartition("weight: ")[2].removesuffix(" kg")
    return int(weight) if weight.isdigit() else 1


def down(asked: Asked) -> Step:
    return error(503)


def served(asked: Asked, *, bad: bool, model: str = "tuned-1") -> Step:
    text = pair(number_of(asked))["output"] + ("." if bad else "")
    sent = sum(len(message["content"].split()) for message in asked.body["messages"])
    usage = {"prompt_tokens": sent, "completion_tokens": len(text.split()), "total_tokens": sent + len(text.split())}
    body = completion(text, model=model, usage=usage) | {"system_fingerprint": f"fp-{model}"}
    return Step(body=body)


def judge(folder: Path, *, behave: Callable[[Asked], Step] = honest) -> Path:
    """The run of a project in this folder, judged at a server that is gone afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    splits = ["train"] * 60 + ["validation"] * 10 + ["test"] * TESTED
    rows: list[dict[str, Any]] = [pair(n) | {"split": split} for n, split in enumerate(splits)]
    (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (folder / "style.yaml").write_text(STYLE, encoding="utf-8")
    with EndpointServer(behave) as server:
        (folder / "tuneworth.toml").write_text(_settings(server.url), encoding="utf-8")
        curate_project(folder)
        return evaluate_run(folder).folder


def _settings(url: str) -> str:
    return f"""
[data]
path = "pairs.jsonl"
split = "split"
[style]
path = "style.yaml"
[curate]
tie_siblings = false
conflicts = "report"
[evaluate]
variants = ["prompted", "tuned"]
rivals = "none"
[evaluate.prompted]
endpoint = "{url}"
model = "big"
guide = "style.yaml"
[evaluate.tuned]
endpoint = "{url}"
model = "small"
tuned = true
tries = 1
{ROI}"""
