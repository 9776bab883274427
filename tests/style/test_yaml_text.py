"""What is wrong with a YAML file is said with its line, in words that help."""

import json

import pytest
import yaml

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
        ('a: 1\nb: "\\ud83d and more"', 2, "half a character"),
        ('"\\udc68": 1', 1, "half a character"),
    ],
)
def test_each_usual_fault_is_said_with_its_line(text, line, said):
    with pytest.raises(ConfigError) as refused:
        read_yaml(text, where="style.yaml")
    assert str(refused.value).startswith(f"style.yaml, line {line}: not valid YAML: ")
    assert said in str(refused.value)


def test_two_escapes_of_json_are_one_character():
    written = {"a \U0001f468": ["\U0001f600", "ä"]}
    assert read_yaml(json.dumps(written), where="style.yaml") == written


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


LAUGHS = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
MERGED = "a0: &a0 {k: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 12))


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (
            LAUGHS,
            6,
            "with what its aliases (*name) repeat, it holds more than 125,000 values, a fixed limit; write less by aliases",
        ),
        (
            MERGED,
            6,
            "with what its aliases (*name) repeat, it holds more than 125,000 values, a fixed limit; write less by aliases",
        ),
        ("a: &a\n  b: [*a]\n", 2, "*a stands inside of itself"),
        ("a:\n- " + "[" * 200 + "]" * 200, 2, "nested deeper than 100 levels, a fixed limit"),
        ("".join(f"{' ' * n}a:\n" for n in range(200)), 100, "nested deeper than 100 levels, a fixed limit"),
        ("a: 1\nb: 0x" + "f" * 5_000, 2, "a number of 5,002 characters; at most 1,000 are read, a fixed limit"),
        ("b: 1" + ":59" * 5_000, 1, "a number of 15,001 characters"),
    ],
)
def test_what_would_take_too_much_is_refused_with_its_line(text, line, said):
    with pytest.raises(ConfigError) as refused:
        read_yaml(text, where="style.yaml")
    assert str(refused.value).startswith(f"style.yaml, line {line}: not valid YAML: ")
    assert said in str(refused.value)


def test_the_aliases_of_an_ordinary_file_are_read():
    text = "base: &base {max: 3}\nwords: &words [a, b]\nc: {<<: *base, min: 1}\nd: [*words, *words]\n"
    table = read_yaml(text, where="style.yaml")
    assert table["c"] == {"max": 3, "min": 1}
    assert table["d"] == [["a", "b"]] * 2


@pytest.mark.parametrize("cut", range(1, 130, 9))
@pytest.mark.parametrize("long", [1, 1_023, 1_024, 1_030])
def test_the_own_rule_for_the_oldest_key_reads_what_yaml_reads(cut, long):
    key = "x" * long
    text = (
        f"a: {{b: [c, {{{key}: e}}], ? f : g}}\n{key}: - i: j\nh:\n  - 'k': [l: m, \"n\": o]\n    {key}: |\n      q\n"
    )
    text = text.replace("- i: j", "1")[: cut + 3 * long]

    def read(load):
        try:
            return repr(load())
        except (ConfigError, yaml.YAMLError):
            return "refused"

    assert read(lambda: read_yaml(text, where="x")) == read(lambda: yaml.safe_load(text))


def test_the_problems_of_a_style_are_named_with_their_lines(tmp_path):
    text = """\
name: shop
aboot: descriptions
wordings:
  colour:
    red: 5
checks:
  - kind: length
    max: many
  - kind: lenth
  - kind: pattern
    regex: "("
    level: shall
    mim: 3
  - kind: json
    schema:
      type: strin
"""
    with pytest.raises(ConfigError) as refused:
        parse_style(text, where="style.yaml", path=tmp_path / "style.yaml")
    first, *problems = str(refused.value).splitlines()
    assert first == "style.yaml: 8 problems"
    assert [problem.split(":")[0].strip() for problem in problems] == [
        f"- line {line}" for line in (2, 5, 8, 9, 10, 12, 13, 14)
    ]
