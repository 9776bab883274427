"""The table of faults in docs/no-gpu.md: each row is measured against a real server, and says what was found."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tuneworth.core import ConfigError, TuneworthError
from tuneworth.evaluate import Budget, RemotePlan, open_answers, race_endpoints
from tuneworth.evaluate.endpoints.sending import Reply

from .endpoint_server import Asked, EndpointServer, Step, ask_all, echo
from .fault_rows import ROWS, Fault
from .remote_plans import a_variant, some_pairs, the_plans
from .test_remote_cost import priced

PAGE = (Path(__file__).parents[2] / "docs" / "no-gpu.md").read_text(encoding="utf-8")
TRIES = 2
FAULTS = {f"{part}: {fault.does}": (part, fault) for part, faults in ROWS.items() for fault in faults}


def rows() -> dict[str, list[str]]:
    """The rows of the page's table by part and fault; a cell each for what is said and for what happens."""
    found, part = {}, ""
    for line in PAGE.partition("## Every fault")[2].partition("\n## ")[0].splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 5 and cells[0].startswith("**"):
            part = cells[0].strip("*")
        elif len(cells) == 5 and part:
            found[f"{part}: {cells[0]}"] = cells[1:]
    return found


def test_the_table_has_a_row_for_each_fault_and_no_other() -> None:
    assert list(rows()) == list(FAULTS)


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
def test_a_row_says_what_happens(name: str, tmp_path: Path) -> None:
    _, fault = FAULTS[name]
    once, kept, told = after_a_first_answer(fault)
    start, more = from_the_start(fault)
    cost, most = what_it_costs(fault, tmp_path / "evaluate" / "answers.jsonl")
    told = "\n".join([told, more, most])
    assert fault.said in told
    said = f"*{fault.said}*" if fault.said else kept
    assert rows()[name] == [said, once, start, cost], told


def after_a_first_answer(fault: Fault) -> tuple[str, str, str]:
    """What becomes of one faulty attempt among good ones, what is kept of it as an answer, and what is said."""
    if fault.step is None:
        with at(fault) as (url, _):
            result, told = _end(url, fault, heard=True)
            return result, "", told
    with at(fault, lambda asked: asked.text == "second" and asked.attempt == 1) as (url, _):
        try:
            answers = ask_all(url, ("first", "second", "third"), concurrency=1, tries=TRIES, **_waits(fault))
        except TuneworthError as wrong:
            return f"ends the command, exit {_code(wrong)}", "", str(wrong)
    first, second, third = answers.replies
    assert (first.output, third.output) == ("FIRST", "THIRD")
    told = "\n".join([str(second.error), *answers.warnings])
    if second.error is not None:
        assert second.attempts == 1
        return "fails, the others go on", "", told
    if second.attempts == 2:
        assert second.output == "SECOND"
        return "is tried again", "", told
    return "counts as its answer", _kept(second), told


def from_the_start(fault: Fault) -> tuple[str, str]:
    """What becomes of the command if every attempt is faulty, and what is said."""
    with at(fault, lambda asked: True) as (url, server):
        result, told = _end(url, fault, heard=False)
        asked = [] if server is None else [request.text for request in server.requests if "messages" in request.body]
    if not result.startswith("ends"):
        return result, told
    where = "at once" if len(asked) < 2 and fault.place is None else "within 5 s"
    where = where if len(set(asked)) < 2 else "after 20 requests"
    return result.replace("the command", where), told


def _end(url: str, fault: Fault, *, heard: bool) -> tuple[str, str]:
    """How thirty calls end."""
    try:
        texts = ["only"] if heard else [str(number) for number in range(30)]
        answers = ask_all(url, texts, concurrency=20, tries=TRIES, heard=heard, **_waits(fault))
    except TuneworthError as wrong:
        return f"ends the command, exit {_code(wrong)}", str(wrong)
    told = "\n".join([str(answers.replies[0].error), *answers.warnings])
    if all(reply.error is None for reply in answers.replies):
        return "counts as the answer", told
    assert {reply.attempts for reply in answers.replies} == {TRIES}
    return "is tried again", told


def what_it_costs(fault: Fault, file: Path) -> tuple[str, str]:
    """What a request whose attempts are all faulty adds to the spending, and what is said."""
    told: list[str] = []
    with at(fault, lambda asked: asked.text == "ask 1") as (url, _), open_answers(file) as store:
        plan = _quick(the_plans(a_variant(url, guide=None), pairs=some_pairs(3), roi=priced())[0], fault)
        budget = Budget(Decimal(1000), currency="EUR", sent=store.sent)
        try:
            race_endpoints([plan], store=store, budget=budget, warn=told.append)
        except TuneworthError as wrong:
            told.append(str(wrong))
    request = next(one for one in plan.requests if one.messages[-1]["content"] == "ask 1")
    worst, stored = plan.worst_cost(request), _stored(file)
    mine = stored.pop(request.key, None)
    added = budget.spent - sum((Decimal(line["cost"]) for line in stored.values()), Decimal(0))
    if mine is not None and mine["input_tokens"] is not None and mine["output_tokens"] is not None:
        assert added - budget.lost == Decimal(mine["cost"])
        words = "as stated, and the worst case of the next one" if budget.lost else "as stated"
    else:
        words = {Decimal(0): "nothing", worst: "its worst case", TRIES * worst: "its worst case, each time"}[added]
    with open_answers(file) as store:
        assert store.sent.unanswered("EUR") == budget.lost  # and so it is for the next call of the command
    return words, "\n".join(told)


def _stored(file: Path) -> dict[str, dict[str, Any]]:
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else ()
    return {line["key"]: line for line in map(json.loads, lines)}


@contextmanager
def at(fault: Fault, when: Callable[[Asked], bool] = lambda asked: True) -> Iterator[tuple[str, EndpointServer | None]]:
    """The address of a server that is faulty `when` it says so, and the server where there is one."""
    if fault.place is not None:
        with fault.place() as url:
            yield url, None
        return

    def behave(asked: Asked) -> Step:
        assert fault.step is not None
        return fault.step() if "messages" in asked.body and when(asked) else echo(asked)

    with EndpointServer(behave) as server:
        yield server.url, server


def _waits(fault: Fault) -> dict[str, Any]:
    return {"seconds_per_call": fault.patience, "longest_wait": 0.02}


def _quick(plan: RemotePlan, fault: Fault) -> RemotePlan:
    endpoint = replace(plan.endpoint, tries=TRIES, first_wait=0.002, concurrency=1, **_waits(fault))
    return replace(plan, endpoint=endpoint)


def _code(wrong: TuneworthError) -> int:
    return 2 if isinstance(wrong, ConfigError) else 3


def _kept(reply: Reply) -> str:
    text = "no output" if reply.output is None else "its text" if reply.output else "an empty output"
    return text if reply.finish_reason in (None, "stop") else f"{text}, `{reply.finish_reason}`"
