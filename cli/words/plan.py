"""A plan as text: ranges to two digits, their basis, and the settings for [cluster]."""

import math
from dataclasses import asdict
from typing import Any

from ...core import roughly, say
from ...curate import EXACT_WORK, Drawn, Measured, Plan, Range, Room

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
        ("rows", f"{about}{f'{plan.rows:,}' if drawn.exact else say.about(plan.rows)}; {sample.rows:,} in the sample"),
        ("lengths", f"input {sample.input_characters:,.0f} characters, output {sample.output_characters:,.0f}, mean"),
        ("duplicates", f"{_range(plan.repeat_share, say.percent)} of the rows"),
        ("near copies", f"{_range(plan.near_share, say.percent)} of the rows"),
        ("similar pairs", f"{_range(plan.alike_pairs, say.about)} of inputs"),
        *_growth(plan),
        ("join", "exact on one machine" if plan.method == "exact" else "candidates, even on one machine"),
        ("", f"{_range(plan.work, say.about)} gram matches; exact up to {say.about(EXACT_WORK)}"),
        ("storage", f"about {_size(plan.storage)} while it runs"),
        ("memory", f"one machine {_size(plan.one_machine_memory)}"),
        ("", f"in parts: driver {_size(plan.driver_memory)}, a task {_size(plan.task_memory)}"),
        ("work", f"{_range(plan.task_seconds, _time)} of one core, divided among {room.cores:,}"),
        ("", f"{_range(plan.driver_seconds, _time)} in the driver, not divided"),
        ("time", f"{_range(plan.seconds, _time)} on {room.cores:,} cores"),
    ]
    lines = [f"{name:<13} {value}" for name, value in rows]
    lines += ["", "Core time by stage:"]
    lines += [f"  {name:<30} {_time(seconds):>8}" for name, seconds in plan.stage_seconds.items()]
    return "\n".join([*lines, "", *_assumptions(plan, drawn), "", *_advice(plan, room)])


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
    return [("", f"they grew as rows^{plan.growth:.1f} in the sample: a rough guess")]


def _assumptions(plan: Plan, drawn: Drawn) -> list[str]:
    if drawn.whole:
        lines = ["The sample holds all rows; times are this machine's processor time."]
    else:
        lines = [
            "Estimated from a sample, assuming that the rest resembles it. A sample holds few",
            "pairs of distant rows, so their number is a rough guess. Times are processor",
            "time of this machine, without waiting for disks and networks.",
        ]
    if drawn.beginnings:
        lines += [
            f"Only the beginning of {drawn.beginnings:,} files was read: CSV, compressed files and JSON",
            "documents cannot be read from the middle.",
        ]
    if plan.capped:
        lines += [
            "Some buckets of similar inputs are too large to compare all their pairs: the",
            "inputs follow a template. Curating will find fewer pairs than there are.",
        ]
    return lines


def _advice(plan: Plan, room: Room) -> list[str]:
    table = cluster_table(plan, room)
    if table is None:
        return ["One machine is enough: tuneworth curate, without --cluster."]
    if plan.advice == "processes":
        lines = ["The cores of one machine are enough. Add to tuneworth.toml:"]
    else:
        lines = [f"This needs Ray on at least {plan.nodes} such machines. Add to tuneworth.toml:"]
    lines += ["", *table.splitlines(), "", "Then run tuneworth curate --cluster."]
    if plan.task_memory > room.memory * 0.8:
        lines.append(f"A task needs {_size(plan.task_memory)}: use machines with more memory.")
    if plan.driver_memory > room.memory * 0.8:
        lines += [
            f"The driver needs {_size(plan.driver_memory)} on one machine, however many workers there are:",
            "run it on a larger machine, or split the data and curate each part.",
        ]
    return lines


def _range(bounds: Range, text_of: Any) -> str:
    low, high = text_of(bounds.low), text_of(bounds.high)
    return low if low == high else f"{low} to {high}"


def _size(number: float) -> str:
    return say.size(roughly(number))


def _time(seconds: float) -> str:
    return say.duration(roughly(seconds))
