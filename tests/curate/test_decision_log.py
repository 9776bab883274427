"""The file of decisions: what is confirmed stays, whoever writes beside, and whenever a writer dies."""

import json
import os
import stat
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tuneworth.core import ConfigError, DataError
from tuneworth.curate import DecidedElsewhere, DecisionLog, Override, read_overrides, stamp

TORN = b'{"id": "half", "decision": "ke'
UNFINISHED = b'\0"id": "one", "decision": "keep"}\n{"id": "two", "decision": "drop"}\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "overrides.jsonl"


def keep(id: str, when: str = "", who: str = "Ada") -> Override:
    return Override(id=id, decision="keep", when=when, who=who)


# --- adding and taking back ----------------------------------------------------------------------------------------


def test_decisions_are_added_and_read_back(file):
    log = DecisionLog(file)
    assert (log.read(), dict(log.latest()), log.recover(), file.exists()) == ((), {}, "", False)
    one, other = keep("ä#2"), Override(id="b", content="c0ffee", decision="test", why='says "so"\n\u2028', text="x")
    log.add([one])
    before = log.version
    log.add([other, keep("b")])
    assert log.read() == read_overrides(file) == DecisionLog(file).read() == (one, other, keep("b"))
    assert log.latest()["b"] == keep("b")
    assert before != log.version == DecisionLog(file).version


def test_lines_of_today_and_of_editors_are_read_as_they_are(file):
    lines = ['{"id": 7, "decision": "keep", "why": "x"}', "", '{"decision": "drop", "id": "b", "text": null}']
    file.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())  # the last line is open
    DecisionLog(file).add([keep("c")])
    assert [override.id for override in read_overrides(file)] == ["7", "b", "c"]
    assert file.read_bytes().startswith(b"\xef\xbb\xbf" + "\r\n".join(lines).encode() + b"\n{")


def test_what_was_decided_together_is_taken_back_together(file):
    log = DecisionLog(file)
    old, one, two, three = keep("old"), keep("a", "1"), keep("b", "2"), keep("c", "2")
    for batch in ([old], [one], [two, three]):
        log.add(batch)
    assert log.take_back() == (two, three)
    assert log.take_back() == (one,)
    assert log.take_back() == (old,)
    assert (log.take_back(), file.read_text()) == ((), "")


def test_one_persons_batch_is_taken_back_from_among_those_of_others(file):
    log = DecisionLog(file)
    log.add([keep("a", "1", "Ada"), keep("b", "1", "Ada")])
    log.add([keep("c", "1", "Bob")])
    log.add([keep("d", "2", "Bob")])
    mine = next(log.batches("Ada"))
    assert [batch.when for batch in log.batches()] == ["2", "1", "1"]
    assert (mine.who, mine.when, mine.stamp != next(log.batches("Bob")).stamp) == ("Ada", "1", True)
    file.chmod(0o664)
    assert [override.id for override in log.take_back(mine)] == ["a", "b"]
    assert [override.id for override in DecisionLog(file).read()] == ["c", "d"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o664
    assert (log.take_back(mine), len(log.read())) == ((), 2)
    assert next(log.batches("Ada"), None) is None


def test_a_row_decided_elsewhere_is_not_decided_over(file):
    mine, theirs = DecisionLog(file), DecisionLog(file)
    theirs.add([keep("a", who="Bob")])
    with pytest.raises(DecidedElsewhere, match='"a": Decided by Bob: keep') as found:
        mine.add([keep("a"), keep("b")], seen={"a": "", "b": ""})
    assert found.value.decisions == (keep("a", who="Bob"),)
    assert len(mine.read()) == 1
    mine.add([keep("a")], seen={"a": stamp(keep("a", who="Bob")), "b": ""})
    theirs.take_back(), theirs.take_back()
    with pytest.raises(DecidedElsewhere, match='"a": its decision was taken back') as found:
        mine.add([keep("a")], seen={"a": stamp(keep("a"))})
    assert (found.value.decisions, mine.read()) == ((), ())


def test_of_many_rows_that_were_decided_elsewhere_few_are_named(file):
    theirs = [keep(f"row {n}", who="Bob") for n in range(9)]
    DecisionLog(file).add(theirs)
    with pytest.raises(DecidedElsewhere, match=r'"row 4": Decided by Bob: keep\nand 4 more rows$') as found:
        DecisionLog(file).add([keep("row 0")], seen={override.id: "" for override in theirs})
    assert found.value.decisions == tuple(theirs)


def test_a_linked_file_stays_a_link(file, tmp_path):
    shared = tmp_path / "shared" / "decisions.jsonl"
    shared.parent.mkdir()
    file.symlink_to(shared)
    log = DecisionLog(file)
    log.add([keep("a", "1")])
    log.add([keep("b", "2")])
    log.take_back(list(log.batches())[-1])
    assert file.is_symlink()
    assert [override.id for override in read_overrides(shared)] == ["b"]


def test_a_change_that_leaves_size_and_time_is_seen(file):
    log = DecisionLog(file)
    log.add([keep("a"), keep("b")])
    file.write_bytes(file.read_bytes().replace(b"keep", b"drop", 1) + b'{"id": "c", "decision": "keep"}\n')
    assert [override.decision for override in log.read()] == ["drop", "keep", "keep"]
    was = file.stat()
    file.write_bytes(file.read_bytes().replace(b"drop", b"test"))
    os.utime(file, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert log.latest()["a"].decision == "test"


def test_half_a_character_is_refused_before_it_is_written():
    with pytest.raises(ConfigError, match='"text" holds half of a character'):
        Override(id="a", decision="keep", text="\ud83d")


# --- what a killed writer leaves -----------------------------------------------------------------------------------


@pytest.mark.parametrize("torn", [TORN, UNFINISHED, UNFINISHED[:-9], UNFINISHED[:4], b"{", b"\0" * 40, TORN + b"\0\0"])
def test_what_was_never_confirmed_is_left_out_then_cut_and_named(file, torn):
    log = DecisionLog(file)
    log.add([keep("a")])
    whole = file.read_bytes()
    file.write_bytes(whole + torn)
    assert read_overrides(file) == log.read() == DecisionLog(file).read() == (keep("a"),)
    assert "half-written" in log.cut()
    assert file.read_bytes() == whole + torn  # readers change nothing
    said = DecisionLog(file).recover()
    assert said.startswith("Removed a half-written line at the end of overrides.jsonl, never confirmed as saved: ")
    assert log.recover() == ""
    assert (file.read_bytes(), log.cut()) == (whole, "")
    file.write_bytes(whole + torn)
    log.add([keep("b")])
    assert log.read() == (keep("a"), keep("b"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"id": "a", "decision": "ke\n', "line 2: not readable as JSON"),
        ('{"id": "a", "decision": "ke\n{"id": "b", "decision": "keep"}\n', "line 2: not readable as JSON"),
        ('{"id": "a", "decision": "kepe"}', 'line 2: unknown decision "kepe"'),
        ("keep row 7", "line 2: not readable as JSON"),
        ("[" * 10_000, "line 2"),
        ('{"id": "a\0", "decision": "keep"}\n', "line 2: not readable as JSON"),
    ],
)
def test_a_line_that_a_person_got_wrong_is_an_error_and_is_never_cut(file, text, said):
    file.write_text('{"id": "x", "decision": "keep"}\n' + text)
    was = file.read_bytes()
    log = DecisionLog(file)
    for act in (log.read, log.recover, log.take_back, lambda: log.add([keep("b")])):
        with pytest.raises(DataError, match=said):
            act()
    assert file.read_bytes() == was


def test_a_file_in_another_encoding_is_refused_and_left_alone(file):
    was = '{"id": "a", "decision": "keep"}\n{"id": "b", "decision": "keep"}\n'.encode("utf-16")
    file.write_bytes(was)
    with pytest.raises(DataError, match="line 1: not readable as JSON"):
        DecisionLog(file).recover()
    assert file.read_bytes() == was


# --- in any order --------------------------------------------------------------------------------------------------

IDS = st.sampled_from("abc")
WHO = st.sampled_from(["Ada", "Bob"])
WHICH = st.integers(0, 1)


class TwoLogs(RuleBasedStateMachine):
    """Two people with a log each, and a list that says what the file must hold."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.file = Path(self.folder.name) / "overrides.jsonl"
        self.logs = [DecisionLog(self.file), DecisionLog(self.file)]
        self.lines: list[Override] = []
        self.clock = 0

    @rule(which=WHICH, who=WHO, ids=st.lists(IDS, min_size=1, max_size=3), drop=st.booleans())
    def add(self, which, who, ids, drop):
        self.clock += 1
        what = "drop" if drop else "keep"
        made = [Override(id=id, decision=what, who=who, when=str(self.clock)) for id in ids]
        latest = {override.id: override for override in self.lines}
        self.logs[which].add(made, seen={id: stamp(latest.get(id)) for id in ids})
        self.lines += made

    @rule(which=WHICH, id=IDS)
    def add_unseen(self, which, id):
        latest = {override.id: override for override in self.lines}
        with pytest.raises(DecidedElsewhere):
            self.logs[which].add([keep(id)], seen={id: "what another time held" if id in latest else "something"})

    @rule(which=WHICH, who=st.none() | WHO)
    def take_back(self, which, who):
        batch = next(self.logs[which].batches(who), None)
        mine = [line for line in self.lines if who is None or line.who == who]
        last = [line for line in mine if line.when == mine[-1].when]
        taken = self.logs[which].take_back(batch) if batch else ()
        assert list(taken) == last
        self.lines = [line for line in self.lines if line not in last]

    @rule(torn=st.sampled_from([TORN, UNFINISHED, b"{", b"\0\0"]))
    def die(self, torn):
        """A writer dies in its work."""
        if not DecisionLog(self.file).cut():
            with self.file.open("ab") as file:
                file.write(torn)

    @rule(which=WHICH)
    def recover(self, which):
        torn = bool(DecisionLog(self.file).cut())
        assert bool(self.logs[which].recover()) == torn

    @precondition(lambda self: self.lines)
    @rule()
    def edit_by_hand(self):
        """A person changes the reason of the first line in an editor."""
        first = self.lines[0]
        self.lines[0] = Override(id=first.id, decision=first.decision, who=first.who, when=first.when, why="by hand")
        held = [{"id": o.id, "decision": o.decision, "who": o.who, "why": o.why, "when": o.when} for o in self.lines]
        self.file.write_text("".join(json.dumps(line) + "\n" for line in held))

    @rule(which=WHICH)
    def reopen(self, which):
        self.logs[which] = DecisionLog(self.file)

    @invariant()
    def both_read_what_was_decided(self):
        latest = {line.id: line for line in self.lines}
        for log in self.logs:
            assert (log.read(), log.latest()) == (tuple(self.lines), latest)
        assert self.logs[0].version == self.logs[1].version
        assert read_overrides(self.file) == tuple(self.lines)

    def teardown(self) -> None:
        self.folder.cleanup()


TestTwoLogs = TwoLogs.TestCase
TestTwoLogs.settings = settings(stateful_step_count=20)
