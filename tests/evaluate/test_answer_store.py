"""The store of answers: one process at a time, no loss, and no obstacle after a kill."""

import json
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tuneworth.core import ConfigError, DataError
from tuneworth.evaluate import AnswerStore, open_answers

HOLDS = """
import sys
from decimal import Decimal
from pathlib import Path
from tuneworth.evaluate import open_answers

with open_answers(Path(sys.argv[1])) as store:
    store.add("mine", {"output": "kept"})
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "evaluate" / "answers.jsonl"


def test_one_process_at_a_time_and_a_killed_one_keeps_no_lock(file):
    other = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "ready\n"
    with pytest.raises(ConfigError, match="another evaluation"), open_answers(file):
        pass
    other.send_signal(signal.SIGKILL)
    other.communicate()
    with open_answers(file) as store:
        assert store["mine"]["output"] == "kept"


def test_an_answer_is_in_the_file_before_add_returns(file):
    with open_answers(file) as store:
        for n in range(3):
            store.add(f"k{n}", {"output": "é\n\u2028" * n})
            assert len(file.read_bytes().splitlines()) == n + 1
            assert AnswerStore(file)[f"k{n}"]["output"] == "é\n\u2028" * n


def test_reading_the_store_writes_nothing(file):
    assert AnswerStore(file).lines == {}
    assert not file.parent.exists()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)
@given(texts=st.lists(st.one_of(st.none(), st.text()), min_size=1, max_size=5), cut=st.integers(0, 400))
def test_wherever_the_file_is_cut_complete_lines_are_kept_and_the_next_is_complete(tmp_path, texts, cut):
    file = tmp_path / "evaluate" / "answers.jsonl"
    file.unlink(missing_ok=True)
    with open_answers(file) as store:
        for n, text in enumerate(texts):
            store.add(str(n), {"output": text})
    content = file.read_bytes()
    file.write_bytes(content[:cut])
    whole = content[:cut].count(b"\n")
    with open_answers(file) as store:
        assert set(store.lines) - {str(whole)} == {str(n) for n in range(whole)}
        store.add("next", {"output": "next"})
    again = AnswerStore(file)
    assert {"next", *map(str, range(whole))} <= set(again.lines)
    assert [again[str(n)]["output"] for n in range(whole)] == texts[:whole]


@pytest.mark.parametrize("line", [
    *(json.dumps({"key": "k", "output": "x", "input_tokens": count}) for count in (-1, 2**70, True, "7", 1.5)),
    '{"key": "k"}', '{"output": "x"}', "[]", "no",
])  # fmt: skip
def test_a_damaged_answer_is_refused_with_its_line_as_it_was_paid_for(file, line):
    file.parent.mkdir()
    file.write_text(json.dumps({"key": "j", "output": "x"}) + "\n" + line + "\n")
    with pytest.raises(DataError, match=r"answers\.jsonl, line 2: (.|\n)*its request is then sent, and paid, again"):
        AnswerStore(file)


@pytest.mark.parametrize("worst", [None, 1, "one", "NaN", "1e5x", ""])
def test_a_damaged_note_of_a_paid_request_is_refused_with_its_line(file, worst):
    file.parent.mkdir()
    sent = file.with_suffix(".sent.jsonl")
    sent.write_text(json.dumps({"key": "k", "worst": worst, "currency": "EUR"}) + "\n")
    with pytest.raises(DataError, match=r'answers\.sent\.jsonl, line 1: "worst"'):
        AnswerStore(file)


@pytest.mark.parametrize("worst", [Decimal("0.00001"), Decimal("1E-12"), Decimal("-3.20"), Decimal("1E+3")])
def test_every_amount_that_is_noted_is_read_again(file, worst):
    with open_answers(file) as store:
        store.sent.add("k", worst, "EUR")
    assert AnswerStore(file).sent.unanswered("EUR") == max(worst, Decimal(0))
