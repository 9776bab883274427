"""Reading style.yaml: defaults, and every problem named at once."""

import pytest

from tuneworth.core import ConfigError
from tuneworth.examples import example_path
from tuneworth.style import parse_style, read_style


def problems(text: str) -> str:
    with pytest.raises(ConfigError) as raised:
        parse_style(text)
    return str(raised.value)


def test_repeated_kinds_get_numbered_ids_and_kinds_have_their_subject():
    style = parse_style("checks: [{kind: clean}, {kind: clean}, {kind: grounded, level: should}]")
    assert [(c.id, c.about, c.level) for c in style.checks] == [
        ("clean", "form", "must"), ("clean-2", "form", "must"), ("grounded", "facts", "should")
    ]  # fmt: skip


def test_all_problems_are_named_together():
    text = problems(
        "nam: x\nchecks:\n  - {kind: lenght}\n  - {kind: length, mni: 3, max: 2}\n  - {kind: clean, level: shall}"
    )
    for part in [
        'unknown key "nam"',
        'did you mean "name"',
        'unknown kind "lenght"',
        'did you mean "length"',
        '"mni"',
        "shall",
    ]:
        assert part in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("checks: []", "at least one check"),
        ("[]", "expected a mapping"),
        ("checks: [1]", "check 1"),
        ("checks: [{kind: length}]", '"min" or "max"'),
        ("checks: [{kind: length, min: 5, max: 2}]", "min <= max"),
        ("checks: [{kind: length, min: five}]", 'expected a whole number, found "five"'),
        ("checks: [{kind: length, unit: miles, min: 1}]", '"characters" or "words"'),
        ("checks: [{kind: pattern}]", '"regex" is missing'),
        ("checks: [{kind: pattern, regex: '(?=x)'}]", "cannot be used"),
        (r"checks: [{kind: forbidden, regex: '(a)\1'}]", "cannot be used"),
        ("checks: [{kind: forbidden}]", 'either "any" or "regex"'),
        ("checks: [{kind: ends_with, any: []}]", "at least one text"),
        ("checks: [{kind: grounded, facts: [rumours]}]", "rumours"),
        ("checks: [{kind: clean, id: a}, {kind: grounded, id: a}]", 'several checks have the id "a"'),
        ("checks: [{kind: clean, when: [a]}]", "expected a field name"),
        ("checks: [{kind: vocabulary, preferred: {a: [a]}}]", "a variant of itself"),
        ("checks: {", "not valid YAML"),
    ],
)
def test_a_wrong_style_says_what_is_wrong(text, said):
    assert said in problems(text)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match="no style file at"):
        read_style(tmp_path / "none.yaml")


def test_a_style_file_runs_no_code(tmp_path):
    (tmp_path / "s.yaml").write_text("checks: !!python/object/apply:os.system ['touch hacked']", encoding="utf-8")
    with pytest.raises(ConfigError, match="not valid YAML"):
        read_style(tmp_path / "s.yaml")


def test_the_shipped_style_reads():
    assert read_style(example_path("components") / "style.yaml").reviewed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: a\nchecks: [{kind: clean}]\nname: b", 'lines 1 and 3: the key "name" is repeated'),
        ("checks:\n  - kind: length\n    max: 3\n    max: 4", 'lines 3 and 4: the key "max"'),
        ("checks: [{kind: clean}]\n---\nchecks: [{kind: clean}]", "keep one style per file"),
        ("checks:\n\t- kind: clean", "indent with spaces"),
        ("checks: [{kind: clean, say: a: b}]", "line 1"),
        ("", "the style is empty"),
        ("checks: " + "[" * 5_000 + "]" * 5_000, "nested deeper than 100 levels"),
        ("checks: [{kind: [clean]}]", "unknown kind ['clean']"),
        ("checks: [{kind: starts_with, any: [1]}]", 'quote it to make it text: "1"'),
        ("checks: [{kind: covers, fields: part}]", 'expected a list of texts, found "part"'),
        ("checks: [{kind: json, schema: {type: strin}}]", 'type: JSON Schema does not allow "strin" here'),
        ("checks: &all\n  - *all", "*all stands inside of itself"),
        ("checks: [{kind: clean, when: 2026-13-45}]", "not valid YAML"),
    ],
)
def test_what_yaml_would_let_through_or_explain_badly_is_said_plainly(text, said):
    assert said in problems(text)


def test_merged_keys_may_be_overridden_and_a_message_stays_short():
    rules = "&rule {kind: length, max: 3}"
    style = parse_style(f"checks:\n  - {rules}\n  - <<: *rule\n    max: 4\n  - <<: *rule\n    id: third")
    assert [check.parameters.max for check in style.checks] == [3, 4, 3]
    bomb = "checks:\n  - &a [x, x, x, x]\n" + "".join(
        f"  - &{b} [*{a}, *{a}, *{a}, *{a}]\n" for a, b in zip("abcdefghij", "bcdefghijk", strict=True)
    )
    assert len(problems(bomb)) < 2_000


def test_another_encoding_and_a_folder_are_said(tmp_path):
    (tmp_path / "s.yaml").write_bytes("checks: [{kind: clean}]".encode("utf-16"))
    with pytest.raises(ConfigError, match="save the style file as UTF-8"):
        read_style(tmp_path / "s.yaml")
    with pytest.raises(ConfigError, match="is a folder"):
        read_style(tmp_path)
