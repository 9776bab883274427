"""The limits on a file of data: their sizes, and the words about one that a file meets."""

import re

import pytest

from tuneworth.core import Limits, read_size


@pytest.mark.parametrize(
    ("text", "size"),
    [("2 GB", 2 * 10**9), ("1.5 mb", 1_500_000), ("16MiB", 2**24), ("7 B", 7), (12, 12), ("0 KB", 0)],
)
def test_a_size_is_read_with_its_unit(text, size):
    assert read_size(text) == size


@pytest.mark.parametrize("text", ["", "GB", "2", "-1 GB", "2 GB more", "1e9 B", "9" * 5_000 + " GB", "٣ GB x"])
def test_any_other_text_is_no_size(text):
    assert read_size(text) is None


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"record": "much"}, 'record must be a size such as "2 GB", found "much"'),
        ({"gap": 0, "unpacked": "0 MB"}, 'unpacked must be above 0, found "0 MB"; gap must be above 0, found 0'),
        ({"ratio": "2 GB"}, 'ratio must be a whole number, found "2 GB"'),
        ({"recrod": 3}, 'unknown limit "recrod"; did you mean "record"'),
    ],
)
def test_a_wrong_limit_is_named(limits, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        Limits.stated(limits)


@pytest.mark.parametrize(
    ("name", "needed", "way_out"),
    [
        ("record", None, 'record = "32 MB" in [data.limits], or --limit record=32MB'),
        ("record", 2_000_000_001, 'record = "3 GB" in [data.limits], or --limit record=3GB'),
        ("ratio", 1640, "ratio = 1640 in [data.limits], or --limit ratio=1640"),
        ("unreadable", None, "unreadable = 200000 in [data.limits], or --limit unreadable=200000"),
    ],
)
def test_the_way_out_is_a_limit_that_suffices(name, needed, way_out):
    assert Limits().way_out(name, needed=needed) == way_out
    option = way_out.rsplit("=", 1)[1]
    raised = Limits.stated({name: int(option) if option.isdecimal() else option})
    assert raised.of(name) >= max(needed or 0, 2 * Limits().of(name))


def test_an_error_names_the_file_what_was_found_and_the_way_out():
    error = Limits(record="1 kB").exceeded("a.jsonl", "gap", "there is no record in 70 MB of its text")
    assert str(error).split("\n") == [
        "a.jsonl: there is no record in 70 MB of its text; the limit is 64 MB",
        'If the file is as it should be, raise the limit: gap = "128 MB" in [data.limits], or --limit gap=128MB.',
    ]


def test_only_stated_limits_are_repeated_as_options():
    assert Limits().options() == []
    assert Limits(record="32 MB", ratio=700).options() == ["ratio=700", "record=32MB"]
