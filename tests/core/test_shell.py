"""Words of commands that people copy into a terminal."""

import subprocess
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.core import commands, quote, split_command

WORDS = st.lists(st.text(st.sampled_from("ab \\\"'&.é"), max_size=8), max_size=4)


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "os", SimpleNamespace(name="nt"))


@pytest.mark.parametrize(
    ("word", "quoted"),
    [
        (r"C:\data\pairs.jsonl", r"C:\data\pairs.jsonl"),
        (r"C:\my data\pairs.jsonl", r'"C:\my data\pairs.jsonl"'),
        ("C:\\my data\\", '"C:\\my data\\\\"'),
        ("tuneworth[train]", '"tuneworth[train]"'),
        ("a&b", '"a&b"'),
        ('say "a"', r'"say \"a\""'),
        ("", '""'),
        ("größe", '"größe"'),
    ],
)
@pytest.mark.usefixtures("windows")
def test_windows_takes_double_quotes(word: str, quoted: str) -> None:
    assert quote(word) == quoted


def test_other_systems_take_single_quotes() -> None:
    assert [quote(word) for word in ("a", "my data", "")] == ["a", "'my data'", "''"]
    assert split_command("a 'my data' ''") == ["a", "my data", ""]


@given(WORDS)
def test_quoted_words_are_the_same_again_on_windows(words: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(commands, "os", SimpleNamespace(name="nt"))
        assert split_command(" ".join(map(quote, words))) == words


@given(st.text(st.sampled_from('ab \\"'), min_size=1, max_size=8).filter(lambda word: " " in word))
def test_windows_quotes_are_those_of_python(word: str) -> None:
    """`list2cmdline` is the oracle for words with spaces, which it quotes for the same rules."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(commands, "os", SimpleNamespace(name="nt"))
        assert quote(word) == subprocess.list2cmdline([word])
