"""Watches whether a verdict still holds: the served model, live requests, prices and volume."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from ...core import ConfigError, Console, Limits, printable
from ...evaluate import AnswerStore
from ...evaluate.results import Assumption, Results
from ...project import ElsewhereError, Run, console_for, evaluate_again
from ..check.recorded import open_judged
from ..check.server import Served, check_requests, cost_lines, open_server
from .logs import read_log, volume_of, watch_log
from .served import History, Watcher
from .text import watch_text, watched_html

WATCH_SCHEMA = "tuneworth/watch/1"
AS_JUDGED, WORSE, DECIDE_AGAIN = "as judged", "worse", "decide again"
BUSY = "another tuneworth watch is running on this run"


@dataclass(frozen=True)
class WatchSettings:
    """What to watch. rows: test rows per look. log_share: the share of all requests that the log holds. limits: those of the
    log, in place of [data.limits]."""

    served: Sequence[Served] = ()
    log: Path | None = None
    rows: int = 40
    max_cost: Decimal | None = None
    log_share: float = 1.0
    limits: Mapping[str, str | int] | None = None

    def __post_init__(self) -> None:
        """Check the numbers."""
        if self.rows < 1:
            raise ConfigError(f"--rows: expected 1 or more, found {self.rows}")
        if not 0 < self.log_share <= 1:
            raise ConfigError(f"--log-share: expected a share above 0 and up to 1, found {self.log_share:g}")
        if self.max_cost is not None and self.max_cost < 0:
            raise ConfigError(f"--max-cost: expected 0 or more, found {self.max_cost}")
        if len({(one.url, one.model) for one in self.served}) < len(self.served):
            raise ConfigError("--endpoint: the same address and model is named twice")
        try:
            Limits().but(self.limits)
        except ValueError as error:
            raise ConfigError(f"limits: {error}") from None


@dataclass(frozen=True)
class Watched:
    """The result of a watch; `content` is what `tuneworth watch --json` prints (schema tuneworth/watch/1)."""

    content: Mapping[str, Any]

    @property
    def answer(self) -> str:
        """`as judged`, `worse` or `decide again`."""
        return self.content["answer"]

    def __repr__(self) -> str:
        return printable(watch_text(self.content))

    def _repr_html_(self) -> str:
        return watched_html(self.content)


def watch_run(
    path: str | Path, settings: WatchSettings, *, now: datetime | None = None, allow_code: bool = False,
    seed: int | None = None, talk: Console | None = None,
) -> Watched:  # fmt: skip
    """Look at the served models and the log, reread prices, volume and dates, and decide again.

    The run keeps its verdict. The looks are stored in its folder `watch`; the next call completes an interrupted one, and no
    request is sent twice after its answer. A server that does not answer leaves a note and does not count as evidence. `now`
    is the time of the look, by default the current time.

    Raises: ConfigError or DataError for wrong input; RunBroken if `max_cost` stops the requests.
    """
    run = _opened(path, settings, allow_code=allow_code, talk=console_for(talk, seed))
    history, now = History(run.folder), now or datetime.now(UTC)
    file = settings.log
    log = None if file is None else read_log(file, run, settings.limits)
    with history.alone() as alone:
        if not alone:
            run.talk.note(f"note: {BUSY}; nothing was sent")
        watcher = Watcher(run, history, settings.rows, settings.max_cost, now=now, looks=alone)
        endpoints = [watcher.watch(served) for served in settings.served]
        logs = None if log is None or file is None else watch_log(run, history, log, file, now=now, adds=alone)
    volume = None if log is None else volume_of(log, settings.log_share)
    again = _again(run, volume, allow_code=allow_code)
    worse = any(one["standing"]["worse"] for one in endpoints) or bool(logs and logs["live"] and logs["live"]["worse"])
    another = bool(again and again.get("another"))
    return Watched({
        "schema": WATCH_SCHEMA,
        "answer": DECIDE_AGAIN if another else WORSE if worse else AS_JUDGED,
        "worse": worse,
        "run": run.name,
        "project": run.facts.get("project"),
        "made": now.isoformat(timespec="seconds"),
        "busy": None if alone else BUSY,
        "endpoints": endpoints,
        "logs": logs,
        "volume": volume,
        "again": again,
        "retires": _retires(run, now.date()),
    })  # fmt: skip


def plan_watch(
    path: str | Path,
    settings: WatchSettings,
    *,
    allow_code: bool = False,
    seed: int | None = None,
    talk: Console | None = None,
) -> list[str]:
    """What `watch_run` would send, a line for each endpoint; nothing is sent.

    Raises: ConfigError if personal data, keys or prices would stop it.
    """
    run = _opened(path, settings, allow_code=allow_code, talk=console_for(talk, seed))
    history = History(run.folder)
    watcher = Watcher(run, history, settings.rows, settings.max_cost, now=datetime.now(UTC), looks=False)
    lines = []
    for served in settings.served:
        plan, file = watcher.plan(served)
        answers = AnswerStore(file)
        check_requests(run, [plan], answers)
        lines += cost_lines(run, [plan], answers, max_cost=settings.max_cost)
    return lines


def _opened(path: str | Path, settings: WatchSettings, *, allow_code: bool, talk: Console) -> Run:
    run = open_judged(path, allow_code=allow_code, talk=talk)
    if run.facts.get("judged") is not None and (settings.served or settings.log is not None):
        raise ConfigError(
            f"{run.folder} judged outputs that were collected elsewhere, so only its verdict can be updated\n"
            "Leave out --endpoint and --logs, or watch a run of `tuneworth evaluate PROJECT`."
        )
    return run


def served_at(
    path: str | Path, endpoints: Sequence[str], models: Sequence[str], *, key_env: str | None = None
) -> list[Served]:
    """The served models at these addresses; `models` are their names, one for all or one each.

    Without names, it is the model of the last look at an address, or the server's only model.

    Raises: ConfigError if the numbers of names and addresses do not match, or a server has several models.
    """
    if models and len(models) not in (1, len(endpoints)):
        raise ConfigError(
            f"--model: expected one name for all {len(endpoints)} endpoints, or one for each; found {len(models)}\n"
            "Use the names that the endpoints use."
        )
    if models:
        names = models if len(models) == len(endpoints) else list(models) * len(endpoints)
        return [Served(url, name, key_env) for url, name in zip(endpoints, names, strict=True)]
    looks = History(Run(path).folder).read() if endpoints else []
    known = {look["endpoint"]: look["model"] for look in looks if look.get("endpoint")}
    served = []
    for url in endpoints:
        name = known.get(url.strip())
        if not name:
            with open_server(url, key_env=key_env) as server:
                name = server.model_name()
        served.append(Served(url, name, key_env))
    return served


# --- the verdict today ----------------------------------------------------------------------------------------------

RETIRES_SOON = 90  # days; curating, training and judging again fit into three months


def _again(run: Run, volume: Mapping[str, Any] | None, *, allow_code: bool) -> dict[str, Any] | None:
    """The verdict by the current project, price list, dates and volume; None if the run has no verdict."""
    before = run.results
    if before is None or before.verdict is None:
        return None
    measured = None if volume is None else _outside(run, volume)
    roi = None if measured is None else {"requests_per_day": Decimal(str(round(measured, 1)))}
    try:
        today = evaluate_again(run, roi=roi, allow_code=allow_code)
    except ElsewhereError as error:
        return {"reason": str(error)}
    decided = decided_again(before, today.evaluated.results)
    return {**decided, "reason": None, "measured_volume": measured, "waiting": list(today.waiting)}


def _outside(run: Run, volume: Mapping[str, Any]) -> float | None:
    """The requests per day in the log if they are outside the range that the costs assume; None otherwise."""
    assumed = {} if run.results is None else _assumptions(run.results)
    line = assumed.get("requests_per_day")
    if line is None or not isinstance(line.value, int | float):
        return None
    measured, stated = volume["requests_per_day"], line.range or [line.value]
    return None if float(stated[0]) <= measured <= float(stated[-1]) else measured


def decided_again(before: Results, now: Results) -> dict[str, Any]:
    """The verdicts of two results of the same outputs, and the assumptions of the money that differ.

    another: whether the decision differs. changed: `key, from, to, unit, source`; null where it was not known.
    """
    first, second = _verdict(before), _verdict(now)
    return {
        "before": first,
        "now": second,
        "another": [first[key] for key in ("decision", "what")] != [second[key] for key in ("decision", "what")],
        "changed": _changed(_assumptions(before), _assumptions(now)),
    }


def _verdict(results: Results) -> dict[str, Any]:
    return {key: getattr(results.verdict, key, None) for key in ("decision", "what", "sentence")}


def _assumptions(results: Results) -> dict[str, Assumption]:
    return {} if results.money is None else {line.key: line for line in results.money.assumptions}


def _changed(before: Mapping[str, Assumption], now: Mapping[str, Assumption]) -> list[dict[str, Any]]:
    """The assumptions that differ; of what follows from the day alone, only what matters is said elsewhere."""
    changed = []
    for key in {**before, **now}:
        ends = [side[key].value if key in side else None for side in (before, now)]
        if ends[0] != ends[1] and key != "running.days_to_retirement":
            known = now.get(key) or before[key]
            changed.append({"key": key, "from": ends[0], "to": ends[1], "unit": known.unit, "source": known.source})
    return changed


def _retires(run: Run, today: date) -> dict[str, Any] | None:
    """The stated retirement of the base model, with the days until then; None if none is stated."""
    roi = None if run.facts.get("judged") is not None else run.project.roi_settings
    day = None if roi is None else roi.running.base_model_retires
    if not isinstance(day, date):
        return None
    left = (day - today).days
    return {"date": str(day), "days": left, "soon": left <= RETIRES_SOON}
