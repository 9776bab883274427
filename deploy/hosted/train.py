"""`tuneworth train --on`: training at a provider, its record in the run, and the endpoint of the tuned model."""

import json
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from ...core import ConfigError, Console, adopt, damage_is_named, read_key, read_written, say, sha256_file, write_whole
from ...project import CURATED, PROJECT_FILE, At, Run, alone_in, console_for, open_run, put_aside
from .bill import cost_of
from .client import Client, Pauses
from .job import ENDED, HostedJob, cost_in, read_job
from .plan import HostedPlan, check_max_cost, hosted_folder, plan_job, provider_of
from .provider import JobRequest
from .text import result_text


@dataclass(frozen=True, repr=False)
class HostedTraining:
    """The result of training at a provider: `summary` is `train/summary.json`, `record` is `train/hosted/job.json`."""

    run: Run
    summary: dict[str, Any]
    record: dict[str, Any]
    table: str
    connected: bool = False

    def data(self) -> dict[str, Any]:
        """The result as JSON values."""
        return {"run": str(self.run.folder), **self.summary, "evaluate": self.table, "connected": self.connected}

    def __str__(self) -> str:
        return result_text(self.summary, self.table, connected=self.connected)

    def __repr__(self) -> str:
        return str(self)


def plan_hosted(
    project: At = None, *, on: str, run: str | None = None, drop_long: bool = False, again: bool = False,
    max_cost: Decimal | None = None, today: date | None = None, seed: int | None = None, talk: Console | None = None,
) -> HostedPlan:  # fmt: skip
    """What `train_hosted` would send and what that would cost; nothing is sent or written.

    Raises: ConfigError for settings, a missing price, personal data or a cost above `max_cost` USD; DataError with every
    rule of the provider that the files break.
    """
    opened = open_run(project, run, parts=CURATED, allow_code=False, talk=console_for(talk, seed))
    plan = _planned(opened, on, drop_long=drop_long, again=again, today=today or datetime.now(UTC).date())
    check_max_cost(plan, max_cost)
    return plan


def train_hosted(
    project: At = None, *, on: str, run: str | None = None, drop_long: bool = False, again: bool = False,
    max_cost: Decimal | None = None, connect: bool = False, confirm: Callable[[HostedPlan], None] | None = None,
    today: date | None = None, pauses: Pauses | None = None, seed: int | None = None, talk: Console | None = None,
) -> HostedTraining:  # fmt: skip
    """Train on a run's train split at the provider `on`; a job that was started is resumed, never started twice.

    `confirm` is called with the plan before anything is sent, and raises to stop; without it, the caller agrees to the cost.
    `connect` writes the tuned model's endpoint into `[evaluate.tuned]` of the project file.

    Raises: as `plan_hosted` before anything is sent; RunBroken if the job failed or the provider stopped answering.
    """
    opened = open_run(project, run, parts=CURATED, allow_code=False, talk=console_for(talk, seed))
    with alone_in(opened.folder):
        plan = _planned(opened, on, drop_long=drop_long, again=again, today=today or datetime.now(UTC).date())
        if connect:  # before anything is sent, an error if `[evaluate.tuned]` already has other settings
            _with_table(opened.project.folder / PROJECT_FILE, endpoint_table("https://example.com", "name", "KEY"))
        if read_job(hosted_folder(opened)).get("key") != plan.request.key:  # not agreed to, so nothing of it was sent
            check_max_cost(plan, max_cost)
            read_key(_key_env(plan))
            if confirm is not None:
                confirm(plan)
            if again:
                put_aside(opened)
            _write_files(plan)
            facts = {"dropped": len(plan.dropped), "epochs_by_rule": plan.epochs_by_rule}
            _job(plan, None, None).begin(bill=plan.bill.data(), **facts)
        _write_files(plan)  # again, if one was removed meanwhile
        with _client_of(opened, on, pauses) as client:
            record = _job(plan, client, pauses, max_cost).run(opened.adapter)
        return _finished(plan, record, connect=connect)


def cancel_hosted(
    project: At = None, *, on: str, run: str | None = None, pauses: Pauses | None = None, talk: Console | None = None
) -> str:
    """Cancel the job of a run at its provider; returns its state in words.

    Raises: ConfigError if the run has no job there; RunBroken if the provider does not answer.
    """
    opened = open_run(project, run, parts=CURATED, allow_code=False, talk=console_for(talk, None))
    record = read_job(hosted_folder(opened))
    if record.get("provider") != on:
        raise ConfigError(f"{opened.folder} has no training at {on}, so there is nothing to cancel.")
    with _client_of(opened, on, pauses) as client:
        state = _recorded_job(opened, record, client, pauses).cancel()
    record = read_job(hosted_folder(opened))
    if state is None:
        return "No job was created, so there is nothing to cancel."
    cost = cost_in(record)
    paid = "" if cost is None else f"; it states a cost of {say.money(float(cost), 'USD')}"
    if state.status in ENDED:
        return (
            f"The job {record['job']} has ended: {state.status}{paid}. Providers charge for the steps that were done."
        )
    return f"The job {record['job']} was asked to stop and is now: {state.word}{paid}. Run the command again to check."


# --- before training ----------------------------------------------------------------------------------------------


def _planned(run: Run, on: str, *, drop_long: bool, again: bool, today: date) -> HostedPlan:
    """The plan, checked against what the run already holds."""
    folder = run.folder / "train"
    record, provider = read_job(hosted_folder(run)), provider_of(run.project, on)
    runs = record.get("step") == "creating" or (record.get("job") and record.get("status") not in ENDED)
    if again and runs:
        raise ConfigError(
            f"the job {record['job'] or ''} of {run.folder} is still running and costs money\n"
            "Wait for it (the same command without --again), or stop it with --cancel first."
        )
    earlier = len(list(run.folder.glob("train-[0-9]*/hosted/job.json")))
    plan = plan_job(run, on, drop_long=drop_long, attempt=earlier + int(again and bool(record)), today=today)
    if not again and record and record["key"] != plan.request.key:
        raise ConfigError(_changed(run, record, plan))
    if not again and not record and any((folder / name).is_file() for name in ("preflight.json", "summary.json")):
        raise ConfigError(
            f"{run.folder} was already trained on this machine, at least in part.\nTo train it at {provider.title} and set "
            "that training aside, add --again; for a new run, run `tuneworth curate`."
        )
    if record.get("job") and not again:
        known = f"the run already has this job: {record['job']} ({record.get('word') or record['status'] or 'created'})"
        return replace(plan, warnings=[*plan.warnings, known])
    return plan


def _changed(run: Run, record: Mapping[str, Any], plan: HostedPlan) -> str:
    """The error for a run whose job differs from the requested one, with the differences."""
    now = {"provider": plan.provider.name, "model": plan.request.model, **plan.request.hyperparameters()}
    then = {"provider": record["provider"], "model": record["model"], **record["hyperparameters"]}
    changes = [
        f"{key} was {json.dumps(then.get(key))}, now {json.dumps(value)}"
        for key, value in now.items()
        if then.get(key) != value
    ]
    changes += [
        f"the {one.role} file" for one in plan.uploads if record["files"].get(one.role, {}).get("sha256") != one.sha256
    ]
    return (
        f"{run.folder} holds a training at {record['provider']} with other content: {', '.join(changes) or 'the files'}\n"
        "To train again there and set the earlier one aside, add --again; for a new run, run `tuneworth curate`."
    )


def _write_files(plan: HostedPlan) -> None:
    """Write the files to send, unless they exist; their content is part of the job's key."""
    for one in plan.uploads:
        if not one.path.is_file() or sha256_file(one.path) != one.sha256:
            one.path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(one.path, plan.contents[one.role])


def _key_env(plan: HostedPlan) -> str:
    settings = plan.run.project.hosted
    return (settings.key_env if settings is not None else None) or plan.provider.key_env


@contextmanager
def _client_of(run: Run, on: str, pauses: Pauses | None) -> Iterator[Client]:
    provider, settings = provider_of(run.project, on), run.project.hosted
    key = read_key((settings.key_env if settings is not None else None) or provider.key_env)
    with Client(
        provider.base_url, key, title=provider.title, advice=provider.advice, pauses=pauses,
        note=lambda text: run.talk.note(f"train: {text}"),
    ) as client:  # fmt: skip
        yield client


def _job(plan: HostedPlan, client: Any, pauses: Pauses | None, max_cost: Decimal | None = None) -> HostedJob:
    """The job of a plan. Its cost limit is `max_cost`, else the maximum of the bill that the user agreed to."""
    recorded = (read_job(hosted_folder(plan.run)).get("bill") or {}).get("cost_at_most")
    agreed = max_cost or (plan.bill.most if recorded is None else Decimal(str(recorded)))
    return HostedJob(
        hosted_folder(plan.run), plan.provider, client, plan.request, plan.uploads,
        lambda text: plan.run.talk.note(f"train: {text}"), agreed, pauses or Pauses(),
    )  # fmt: skip


def _recorded_job(run: Run, record: Mapping[str, Any], client: Any, pauses: Pauses | None) -> HostedJob:
    """The job of a record, with enough to find and cancel it."""
    with damage_is_named(hosted_folder(run) / "job.json", "train/hosted/job.json"):
        request = JobRequest(
            key=record["key"], model=record["model"], suffix=record["suffix"], **record["hyperparameters"]
        )
    provider = provider_of(run.project, record["provider"])
    return HostedJob(
        hosted_folder(run), provider, client, request, (), lambda text: run.talk.note(f"train: {text}"),
        pauses=pauses or Pauses(),
    )  # fmt: skip


# --- after training -----------------------------------------------------------------------------------------------


def _finished(plan: HostedPlan, record: dict[str, Any], *, connect: bool) -> HostedTraining:
    """Write the training's summary and the run's facts."""
    run, provider = plan.run, plan.provider
    summary = _summary(plan, record)
    hosted = summary["hosted"]
    kept = ("provider", "title", "model", "tuned_model", "endpoint", "job", "cost", "currency")
    with run.changing() as staged:
        adopt(staged.folder, "train")
        text = json.dumps(summary, ensure_ascii=False, indent=1) + "\n"
        write_whole(staged.folder / "train" / "summary.json", text)
        staged.update(seconds={"train": summary["seconds"]}, hosted={key: hosted[key] for key in kept})
    table = endpoint_table(provider.chat_url, str(record["tuned_model"]), _key_env(plan))
    if connect:
        file = run.project.folder / PROJECT_FILE
        write_whole(file, _with_table(file, table))
    return HostedTraining(run, summary, record, table, connect)


def _summary(plan: HostedPlan, record: Mapping[str, Any]) -> dict[str, Any]:
    """The content of `train/summary.json`, without what is only known about local training."""
    cost, source = _cost(plan, record)
    provider, run = plan.provider, plan.run
    return {
        "hosted": {
            "provider": provider.name, "title": provider.title, "model": plan.request.model,
            "tuned_model": record["tuned_model"], "job": record["job"], "endpoint": provider.chat_url,
            "cost": None if cost is None else float(cost), "currency": record["currency"], "cost_source": source,
            "estimated_at_most": record["bill"]["cost_at_most"], "preset": provider.preset,
            "adapter": "train/adapter" if run.adapter.is_dir() else None,
        },
        "train_pairs": record["files"]["train"]["lines"],
        "validation_pairs": (record["files"].get("validation") or {}).get("lines", 0),
        "dropped_pairs": record["dropped"],
        "seconds": _seconds(record),
        "tokens": record["tokens"],
        "settings": {"model": plan.request.model, **plan.request.hyperparameters()},
        "by_rule": ["epochs"] if record["epochs_by_rule"] else [],
        "notices": [],
    }  # fmt: skip


def _cost(plan: HostedPlan, record: Mapping[str, Any]) -> tuple[Decimal | None, str | None]:
    """The cost in USD and its source: the provider, or the tokens that it trained times the price."""
    if (stated := cost_in(record)) is not None:
        return stated, f"stated by {plan.provider.title}"
    if record["tokens"] is not None:
        price = plan.bill.price
        cost = max(price.minimum, cost_of(int(record["tokens"]), price))
        return cost, f"the tokens that {plan.provider.title} trained, times the price ({price.source})"
    return None, None


def _seconds(record: Mapping[str, Any]) -> float:
    with suppress(TypeError, ValueError):
        span = datetime.fromisoformat(record["ended"]) - datetime.fromisoformat(record["created"])
        return max(0.0, span.total_seconds())
    return 0.0


# --- the endpoint in the project file -----------------------------------------------------------------------------


def endpoint_table(url: str, model: str, key_env: str) -> str:
    """The table `[evaluate.tuned]` of a tuned model at its endpoint."""
    values = {"endpoint": url, "model": model, "key_env": key_env}
    return "\n".join(
        ["[evaluate.tuned]", *(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items())]
    )


def _with_table(file: Path, table: str) -> str:
    """The project file with the table appended; every existing line is kept.

    Raises: ConfigError if it already has such a table.
    """
    text = read_written(file, what="project file")
    present = tomllib.loads(text).get("evaluate") or {}
    added = tomllib.loads(table)["evaluate"]["tuned"]
    if present.get("tuned") == added:
        return text
    joined = f"{text.rstrip()}\n\n{table}\n"
    try:
        if "tuned" not in present and tomllib.loads(joined)["evaluate"]["tuned"] == added:
            return joined
    except (tomllib.TOMLDecodeError, KeyError):
        pass
    raise ConfigError(
        f"{file} already has settings for the tuned variant, which --connect does not change\n"
        "Leave out --connect, and put endpoint, model and key_env into [evaluate.tuned] yourself when the training is done."
    )
