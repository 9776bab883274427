"""Parameters of checks that cannot work are refused, with what is wrong."""

import pytest

from tuneworth.core import ConfigError
from tuneworth.style import parse_style


@pytest.mark.parametrize(
    ("check", "problem"),
    [
        ("{kind: allowed}", 'needs "values" or "field"'),
        ("{kind: allowed, values: [' ']}", 'a text in "values" is empty'),
        ("{kind: allowed, values: [a], separator: ' '}", '"separator" is empty'),
        ("{kind: allowed, values: [a], separator: ',', regex: a}", "does not go with"),
        ("{kind: allowed, values: [a], regex: '('}", "cannot be used"),
        ("{kind: html, tags: [P]}", "not the name of a tag"),
        ("{kind: html, structure: ['p p']}", "not a tag with ?, + or * after it"),
        ("{kind: html, tags: [p], required: [ul]}", "but not among the allowed"),
        ("{kind: html, tags: [p], structure: [ul+]}", '"ul" is required or in "structure"'),
        ("{kind: known_words}", 'needs either "words" or "path"'),
        ("{kind: known_words, words: [a], path: b}", 'needs either "words" or "path"'),
        ("{kind: known_words, words: [' ']}", "holds no word"),
        ("{kind: known_words, path: /nowhere/words.txt}", "no list of words at /nowhere/words.txt"),
    ],
)
def test_parameters_that_cannot_work_are_refused(check: str, problem: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse_style(f"checks: [{check}]")
    assert problem in str(error.value)
