"""A plan in words: ranges to two digits, their basis, and what to write into [cluster]."""

import math
from dataclasses import asdict
from typing import Any

from ..core import roughly, say
from ..curate import EXACT_WORK, Drawn, Measured, Plan, Range, Room

__all__ = ["cluster_table", "plan_data", "plan_text"]


def plan_data(plan: Plan, drawn: Drawn, sample: Measured, room: Room) -> dict[str, Any]:
    """All numbers, for machines: bytes, seconds, shares from 0 to 1."""
    return {
        "files": drawn.files,
        "bytes": drawn.bytes,
        "rows_counted": drawn.exact,
        "sample_rows": sample.rows,
        "input_characters": round(sample.input_characters, 1),
        "output_characters": round(sample.output_characters, 1),
        "cores": room.cores,
        "memory": room.memory,
        **asdict(plan),
        "cluster": cluster_table(plan, room),
    }


def plan_text(plan: Plan, drawn: Drawn, sample: Measured, room: Room) -> str:
    """The plan for people, at most 80 columns wide."""
    about = "" if drawn.exact else "about "
    rows = [
        ("files", f"{drawn.files:,}, {_size(drawn.bytes)}"),
        ("rows", f"{about}{f'{plan.rows:,}' if drawn.exact else say.about(plan.rows)}; {sample.rows:,} were looked at"),
        ("lengths", f"input {sample.input_characters:,.0f} characters, output {sample.output_characters:,.0f}, mean"),
        ("repeats", f"{_range(plan.repeat_share, say.percent)} of the rows"),
        ("near copies", f"{_range(plan.near_share, say.percent)} of the rows"),
        ("alike inputs", f"{_range(plan.alike_pairs, say.about)} pairs"),
        *_growth(plan),
        ("join", "exact on one machine" if plan.method == "exact" else "by candidates, also on one machine"),
        ("", f"{_range(plan.work, say.about)} gram meetings; exact up to {say.about(EXACT_WORK)}"),
        ("storage", f"about {_size(plan.storage)} while it runs"),
        ("memory", f"one machine {_size(plan.one_machine_memory)}"),
        ("", f"in parts: driver {_size(plan.driver_memory)}, a task {_size(plan.task_memory)}"),
        ("work", f"{_range(plan.task_seconds, _time)} of one core, divided among {room.cores:,}"),
        ("", f"{_range(plan.driver_seconds, _time)} of the driver, not divided"),
        ("time", f"{_range(plan.seconds, _time)} on {room.cores:,} cores"),
    ]
    lines = [f"{name:<13} {value}" for name, value in rows]
    lines += ["", "Seconds of one core:"]
    lines += [f"  {name:<30} {_time(seconds):>8}" for name, seconds in plan.stage_seconds.items()]
    return "\n".join([*lines, "", *_assumed(plan, drawn), "", *_advised(plan, room)])


def cluster_table(plan: Plan, room: Room) -> str | None:
    """The table `[cluster]` as TOML; None if one machine is enough."""
    if plan.advice == "one machine":
        return None
    address = '"processes"' if plan.advice == "processes" else '"auto"'
    storage = [] if plan.advice == "processes" else ['storage = "/shared/tuneworth"  # or "s3://BUCKET/FOLDER"']
    workers = max(1, min(room.cores, int((room.memory * 0.8 - plan.driver_memory) / plan.task_memory)))
    at_once = [f"workers = {workers}"] if plan.advice == "processes" and workers < room.cores else []
    size = f"{math.ceil(plan.task_memory * 1.25 / 1e8) / 10:g} GB"
    lines = [f"address = {address}", *storage, f"partitions = {plan.partitions}", f'memory_per_task = "{size}"']
    return "\n".join(["[cluster]", *lines, *at_once])


def _growth(plan: Plan) -> list[tuple[str, str]]:
    if plan.growth is None:
        return []
    return [("", f"in the sample they grew as rows^{plan.growth:.1f}: a guess")]


def _assumed(plan: Plan, drawn: Drawn) -> list[str]:
    if drawn.whole:
        lines = ["All rows were looked at; seconds are this machine's processor time."]
    else:
        lines = [
            "From a sample: the rest is taken to resemble it. Pairs of rows far apart are",
            "seen seldom in a sample, so their number is a wide guess. Seconds are this",
            "machine's processor time, waiting for disks and networks not counted.",
        ]
    if drawn.beginnings:
        lines += [
            f"Of {drawn.beginnings:,} files the beginning alone was seen: CSV, packed files and JSON",
            "documents cannot be read from the middle.",
        ]
    if plan.capped:
        lines += [
            "Some buckets of near-alike inputs will be too large to compare all their pairs:",
            "the inputs follow a template. Fewer pairs will be found than there are.",
        ]
    return lines


def _advised(plan: Plan, room: Room) -> list[str]:
    table = cluster_table(plan, room)
    if table is None:
        return ["One machine does: tuneworth curate, without --cluster."]
    if plan.advice == "processes":
        lines = ["The cores of one machine do: write into tuneworth.toml"]
    else:
        lines = [f"Ray, on at least {plan.nodes} such machines: write into tuneworth.toml"]
    lines += ["", *table.splitlines(), "", "and run tuneworth curate --cluster."]
    if plan.task_memory > room.memory * 0.8:
        lines.append(f"A task needs {_size(plan.task_memory)}: take machines with more memory.")
    if plan.driver_memory > room.memory * 0.8:
        lines += [
            f"The driver needs {_size(plan.driver_memory)} on one machine, which no number of workers changes:",
            "run it on a larger one, or curate in portions.",
        ]
    return lines


def _range(found: Range, words: Any) -> str:
    low, high = words(found.low), words(found.high)
    return low if low == high else f"{low} to {high}"


def _size(number: float) -> str:
    return say.size(roughly(number))


def _time(seconds: float) -> str:
    return say.duration(roughly(seconds))
