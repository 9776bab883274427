"""What is wrong with a YAML file is said with its line, in words that help."""

import pytest

from tuneworth.core import ConfigError
from tuneworth.style import parse_style
from tuneworth.style.yaml_text import read_yaml


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("checks:\n\t- kind: x", 2, "indented with a tab"),
        ("a: b: c", 1, "quote a text that contains"),
        ("a: 1\n b: 2", 2, "more than the key above"),
        ("key\nother: 1", 2, "the line above has none after its key"),
        ('checks:\n  - kind: "clean\n  - kind: x\n', 2, "no closing quote"),
        ("a: 1\nb: [1, 2\nc: 3\n", 2, 'not closed with "]"'),
        ("a: {b: 1\nc: 2", 1, 'not closed with "}"'),
        ("- a\nb: 1", 2, "cannot stand at one indentation"),
        ("checks:\n - kind: a\n  level: b", 3, "indented differently from the keys above"),
        ("a:\n  - b\n - c", 3, "the `-` is indented differently"),
        ("a: @x", 1, "begins with @ needs quotes"),
        ("any: *.txt", 1, "begins with * or & needs quotes"),
        ('a: "\\q"', 1, "use single quotes"),
        ("say: {x} y", 1, "text follows a closing quote or bracket"),
        ("a: - b", 1, "a list begins in the line below"),
        ("a: > b", 1, "begins in the next line"),
        ("a: |\n x\ny", 3, 'no ":" after the key'),
        ("a: 1\nb: 2026-13-45", 2, "a date that does not exist"),
        ("a: !x y", 1, "tags"),
        ("a: 1\n---\nb: 2", 2, "a second document"),
        ("{[a]: 1}: 2", 1, "needs quotes"),
        ("a: 1\nb: \x01", 2, "U+0001 is not allowed"),
    ],
)
def test_each_usual_fault_is_said_with_its_line(text, line, said):
    with pytest.raises(ConfigError) as refused:
        read_yaml(text, where="style.yaml")
    assert str(refused.value).startswith(f"style.yaml, line {line}: not valid YAML: ")
    assert said in str(refused.value)


def test_the_place_is_marked_below_the_line():
    with pytest.raises(ConfigError) as refused:
        read_yaml("checks:\n  - say: Use: it\n", where="style.yaml")
    lines = str(refused.value).splitlines()
    assert lines[1] == "      - say: Use: it"
    assert lines[1][lines[2].index("^") :] == ": it"


def test_repeated_keys_are_named_with_both_lines():
    with pytest.raises(ConfigError, match='lines 1 and 3: the key "a" is repeated'):
        read_yaml("a: 1\nb: 2\na: 3\n", where="style.yaml")


def test_a_schema_in_a_yaml_file_is_read_in_the_same_way(tmp_path):
    (tmp_path / "schema.yaml").write_text("type: object\nrequired: [a, b\nminProperties: 1\n")
    with pytest.raises(ConfigError, match=r"schema\.yaml, line 2: not valid YAML: the list that begins here"):
        parse_style("checks: [{kind: json, schema: schema.yaml}]", path=tmp_path / "style.yaml")
