"""Whatever people do in whatever order, killed and restarted: file, page and the next run are equal to a plain list."""

import json
import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tuneworth.project import curate_project, decide_row, undo_decisions

from .served import Client, Served, serving
from .small_runs import ledger_of

PEOPLE = ("Ada", "Bob \u202e", "Zoë")
KINDS = ("conflict", "repair", "rejected", "near_duplicate", "reference")
people = st.sampled_from(PEOPLE)
kinds = st.sampled_from(KINDS)
WORDS = st.text('abc \u2028\n"\\<é\U0001f600', min_size=1, max_size=20).filter(str.strip)


@dataclass(frozen=True)
class Made:
    """What one batch says: the person, and (id, decision, text) of each row."""

    who: str
    rows: tuple[tuple[str, str, str | None], ...]


def decided_by(item: dict[str, Any], action: str, text: str | None) -> tuple[tuple[str, str, str | None], ...]:
    """What an action is in overrides.jsonl, told from the item as the page shows it."""
    ids = [side["id"] for side in item["sides"]]
    if item["kind"] == "conflict":
        keeps = {"left": "kd", "right": "dk", "both": "kk", "neither": "dd", "edit": "kd"}[action]
        words = {"k": "keep", "d": "drop"}
        return tuple(
            (id, words[letter], text if n == 0 else None) for n, (id, letter) in enumerate(zip(ids, keeps, strict=True))
        )
    if action == "accept":
        text = item["repair"]["text"]
    return ((ids[0], "drop" if action == "drop" else "keep", text),)


class Desk(RuleBasedStateMachine):
    """A server of one project with tabs of several people, and the command beside it."""

    source: Path  # the project that each example starts from
    compared = 0  # rows of new runs that were held against the decisions

    @initialize()
    def start(self) -> None:
        self.stack = ExitStack()
        home = self.stack.enter_context(tempfile.TemporaryDirectory())
        self.project = Path(shutil.copytree(self.source, Path(home) / "parts"))
        self.made: list[Made] = []
        self.held: dict[str, dict[str, Any]] = {}  # items that somebody still looks at
        self.open()

    def open(self) -> None:
        self.served: Served = self.stack.enter_context(serving(self.project))
        self.clients = {who: self.served.client(who) for who in PEOPLE}
        self.clients["Ada"].settled()

    def shown(self, client: Client, kind: str, key: str | None = None) -> dict[str, Any] | None:
        answer = client.http.get("api/item", params={"kind": kind, **({"key": key} if key else {})})
        return answer.json() if answer.status_code == 200 else None

    def write(self, client: Client, item: dict[str, Any], action: str, text: str | None) -> None:
        answer = client.decide(item, action, text=text, why="\u2028 \\")
        rows = decided_by(item, action, text)
        if self.unchanged(item, rows):
            assert answer.status_code == 200, answer.text
            assert [(one["id"], one["decision"]) for one in answer.json()["saved"]] == [row[:2] for row in rows]
            self.made.append(Made(client.who, rows))
        else:
            assert answer.status_code == 409
            now = answer.json()["item"]
            assert [self.seen(side) for side in now["sides"]] == [self.latest.get(side["id"]) for side in now["sides"]]

    def unchanged(self, item: dict[str, Any], rows: Any) -> bool:
        """Whether the rows that are decided about are as they were shown."""
        decided = {row[0] for row in rows}
        return all(self.seen(side) == self.latest.get(side["id"]) for side in item["sides"] if side["id"] in decided)

    @property
    def latest(self) -> dict[str, tuple[str, str, str | None]]:
        """The decision about each id, with its person."""
        return {id: (one.who, decision, text) for one in self.made for id, decision, text in one.rows}

    @staticmethod
    def seen(side: dict[str, Any]) -> tuple[str, str, str | None] | None:
        found = side["decision"]
        return None if found is None else (found["who"], found["decision"], found["text"])

    @rule(who=people, kind=kinds, pick=st.integers(0, 4), text=WORDS)
    def decide(self, who: str, kind: str, pick: int, text: str) -> None:
        """The first row that is left."""
        item = self.shown(self.clients[who], kind)
        if item is not None:
            action = item["actions"][pick % len(item["actions"])]["action"]
            self.write(self.clients[who], item, action, text if action == "edit" else None)

    @rule(who=people, kind=kinds)
    def look(self, who: str, kind: str) -> None:
        """Look at a row and leave it open."""
        if (item := self.shown(self.clients[who], kind)) is not None:
            self.held[who] = item

    @precondition(lambda self: self.held)
    @rule(data=st.data(), pick=st.integers(0, 4))
    def decide_late(self, data: st.DataObject, pick: int) -> None:
        """Decide about a row that was opened some time ago, before a kill perhaps."""
        who = data.draw(st.sampled_from(sorted(self.held)))
        item = self.held.pop(who)
        action = item["actions"][pick % len(item["actions"])]["action"]
        self.write(self.clients[who], item, action, "another text" if action == "edit" else None)

    @rule(who=people)
    def undo(self, who: str) -> None:
        answer = self.clients[who].undo()
        last = next((n for n in range(len(self.made) - 1, -1, -1) if self.made[n].who == who), None)
        if last is None:
            assert answer.status_code == 409
        else:
            assert answer.json()["taken_back"] == [row[0] for row in self.made.pop(last).rows]

    @rule(who=people, kind=st.sampled_from(("repair", "rejected", "conflict")), pick=st.integers(0, 3))
    def bulk(self, who: str, kind: str, pick: int) -> None:
        client = self.clients[who]
        item = self.shown(client, kind)
        if item is None or not item["likes"]:
            return
        like, action = item["likes"][-1], item["actions"][pick % len(item["actions"])]["action"]
        asked = {"kind": kind, "key": item["key"], "action": action, "by": like["by"], "value": like["value"]}
        if action == "edit":
            assert client.send("bulk/preview", **asked).status_code == 400
            return
        found = client.post("bulk/preview", **asked)
        assert client.post("bulk/apply", **asked, stamp=found["stamp"])["saved"] == found["count"]
        rows: dict[str, tuple[str, str, str | None]] = {}
        for row in found["rows"]:
            shown = client.item(kind, row["key"])
            rows |= {one[0]: one for one in decided_by(shown, action, None)}
        self.made.append(Made(who, tuple(rows.values())))

    @rule(id=st.sampled_from(["part-1", "part-2", "part-100-a"]), decision=st.sampled_from(["keep", "drop"]))
    def command(self, id: str, decision: Any) -> None:
        """`tuneworth why --decide` beside the page."""
        decide_row(self.project, id, decision, who="Bob \u202e")
        self.made.append(Made("Bob \u202e", ((id, decision, None),)))

    @precondition(lambda self: self.made)
    @rule()
    def undo_by_command(self) -> None:
        """`tuneworth why --undo` takes back what was decided last, by whomever."""
        undo_decisions(self.project)
        self.made.pop()

    @rule(who=people)
    def reload(self, who: str) -> None:
        """A new tab."""
        self.clients[who] = self.served.client(who)

    @rule()
    def kill(self) -> None:
        self.served.kill()
        self.open()

    @invariant()
    def the_file_is_the_list(self) -> None:
        file = self.project / "overrides.jsonl"
        lines = [json.loads(line) for line in file.read_text().split("\n") if line] if file.exists() else []
        found = [(line["who"], line["id"], line["decision"], line.get("text")) for line in lines]
        assert found == [(one.who, *row) for one in self.made for row in one.rows]

    @invariant()
    def the_page_is_the_list(self) -> None:
        for who, client in self.clients.items():
            state = client.state()
            assert state["decisions"] == len(self.latest)
            own = [one for one in self.made if one.who == who]
            assert (state["undo"] or {"decisions": 0})["decisions"] == (len(own[-1].rows) if own else 0)

    def teardown(self) -> None:
        with self.stack:
            self.served.kill()
            ledger = ledger_of(curate_project(self.project))
            for id, (who, decision, _) in self.latest.items():
                assert ledger[id]["outcome"] == ("decided" if decision == "drop" else "kept"), (id, ledger[id])
                assert f"Decided by {who}: {decision}" in ledger[id]["evidence"]
                Desk.compared += 1


@pytest.mark.slow(30)
def test_file_page_and_run_agree(made: Path) -> None:
    Desk.source = made
    # A failure is shown as it was found: making it smaller would start hundreds of servers.
    Desk.TestCase.settings = settings(
        max_examples=3, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.reuse, Phase.generate],
    )  # fmt: skip
    for _ in range(3):  # an attempt may happen to decide nothing
        Desk.TestCase().runTest()
        if Desk.compared:
            break
    assert Desk.compared > 0
