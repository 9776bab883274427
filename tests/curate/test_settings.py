"""Settings: their ranges, and how they come from a parsed project file."""

import re

import pytest

from tuneworth.core import build_settings
from tuneworth.curate import CurateSettings, DataSettings, SplitShares


def built(kind, table):
    problems = []
    return build_settings(kind, table, where="[x]", problems=problems), problems


def test_the_documented_sections_are_accepted():
    data = {"path": "p", "input": ["a", "b"], "identifiers": ["part"], "split": "s", "delimiter": ";"}
    table = {
        "near_duplicate": 0.9, "keep": "first", "conflicts": "keep best", "tie_siblings": "auto", "tie_outputs": True,
        "method": "exact", "split": {"train": 0.8, "test": 0.2}, "stratify": "category", "mask": False,
    }  # fmt: skip
    assert built(DataSettings, data)[0].input == ("a", "b")
    settings, problems = built(CurateSettings, table)
    assert not problems
    assert settings.split == SplitShares(train=0.8, test=0.2)
    assert built(CurateSettings, {"tie_siblings": False})[0].tie_siblings is False


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"near_duplicate": 1.2}, "from 0.5 to 1"),
        ({"split": {"train": 0.7}}, "add up to 1"),
        ({"split": {"train": 0, "test": 1}}, "train must be above 0"),
        ({"split": {"train": 1.5, "test": -0.5}}, "must not be negative"),
        ({"split": {"training": 1}}, 'did you mean "train"'),
        ({"keep": "last"}, "best style"),
        ({"near_duplicates": 0.8}, 'did you mean "near_duplicate"'),
    ],
)
def test_a_wrong_value_is_named(table, words):
    settings, problems = built(CurateSettings, table)
    assert settings is None or problems
    assert words in " ".join(problems)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"keep": "bestt"}, 'keep must be "best style" or "first" or "longest", found "bestt"'),
        ({"near_duplicate": "high"}, "near_duplicate must be a number"),
        ({"split": {"train": 1}}, "split must be SplitShares(...)"),
        ({"tie_siblings": "always"}, "tie_siblings must be"),
        ({"stratify": 3, "mask": "no"}, "mask must be true or false"),
    ],
)
def test_a_value_of_another_type_is_named_in_python_too(values, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        CurateSettings(**values)


@pytest.mark.parametrize(
    "table", [{"path": "p", "delimiter": "::"}, {"path": "p", "encoding": "utf-99"}, {"path": "p", "input": []}]
)
def test_wrong_data_settings_are_named(table):
    assert built(DataSettings, table)[1]
