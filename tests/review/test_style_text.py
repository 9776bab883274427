"""Edits of a style.yaml: the style is the old one with the edit applied, and no other character of the file changes."""

import difflib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.core import ConfigError
from tuneworth.examples import example_path
from tuneworth.review import StyleEdit, read_edits
from tuneworth.review.style.text import edited_style, lists_of, numbers_of
from tuneworth.style import Check, StyleSchema, parse_style

HERE = Path(__file__).parents[2]
SHIPPED = [
    example_path("components") / "style.yaml", example_path("records") / "style.yaml",
    HERE / "benchmarks" / "people_e2e.yaml", HERE / "benchmarks" / "people_webnlg.yaml",
]  # fmt: skip

# --- styles as people write them ------------------------------------------------------------------------------------------

COMMENTS = st.sampled_from(["", "  # why", '   # "quoted", [x]: {y}', "    # and then"])
LINES = st.sampled_from(["", "# a line of its own\n", "\n", "\n    # deep\n\n"])
TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]) | st.sampled_from("abc '\"#:,[]{}-&*!?\n"), min_size=1
).filter(lambda text: any(c.isalnum() for c in text))


@st.composite
def checks(draw: st.DrawFn, number: int) -> str:
    """One check with an id, in block or flow style, with comments between its lines."""
    parts = draw(
        st.sampled_from(
            [
                ("kind: length", "unit: words", "min: 2", "max: 30"),
                ("kind: length", "max: 9"),
                ('kind: "no_repeats"', "words: 0x10"),
                ("kind: forbidden", 'any: [alpha, \'be ta\', "gam\\"ma"]'),
                ("kind: forbidden", "any:\n    - alpha\n    -  beta  # the second\n"),
                ("kind: forbidden", "any: [alpha,\n      beta, # inside\n      gamma,\n      ]"),
                ("kind: vocabulary", "preferred: {LDO: [ldo, 'l do'], yes: [yep], 5: five}"),
                ("kind: vocabulary", "preferred:\n      LDO: [ldo]   # short\n      DC/DC:\n        - dc-dc\n"),
                ("kind: covers", "fields: [area]"),
            ]
        )
    )
    level = draw(st.sampled_from([[], ["level: should"], ["level: 'must'"]]))
    entries = [parts[0], f"id: c{number}", *parts[1:], *level]
    if not any("\n" in part for part in parts) and draw(st.booleans()):
        return f"{draw(LINES)}  - {{{', '.join(entries)}}}{draw(COMMENTS)}\n"
    lines = [part if part.endswith("\n") else f"{part}{draw(COMMENTS)}\n{draw(LINES)}" for part in entries]
    return f"{draw(LINES)}  - " + "    ".join(lines)


WORDINGS = [
    "", "wordings:\n  area:\n    city centre: [centre, 'down town']  # all\n    riverside: river\n",
    "wordings: {area: {yes: [yep]}}\n", "wordings:\n  area:\n    riverside:\n    - by the river\n    # end\n",
]  # fmt: skip


@st.composite
def styles(draw: st.DrawFn) -> str:
    body = "".join(draw(checks(number)) for number in range(draw(st.integers(1, 3))))
    text = f"{draw(LINES)}name: Made{draw(COMMENTS)}\n{draw(st.sampled_from(WORDINGS))}{draw(LINES)}checks:\n{body}{draw(LINES)}"
    text = text.removesuffix("\n") if draw(st.booleans()) else text
    return text.replace("\n", "\r\n") if draw(st.booleans()) else text


@st.composite
def edits(draw: st.DrawFn, style: StyleSchema) -> StyleEdit:
    """An edit that fits a check of the style."""
    check = draw(st.sampled_from(style.checks))
    numbers, lists = numbers_of(check), lists_of(check)
    ways = ["level", *["set"] * bool(numbers), *["add"] * bool(lists)]
    match draw(st.sampled_from(ways)):
        case "level":
            return StyleEdit(check.id, level=draw(st.sampled_from(["must", "should"])))
        case "set":
            name = draw(st.sampled_from([name for name in numbers if name != "min"]))
            return StyleEdit(check.id, {name: draw(st.integers(2, 1000))})
    return StyleEdit(check.id, add=(draw(st.sampled_from(sorted(lists))), draw(TEXTS)))


def applied(style: StyleSchema, edit: StyleEdit) -> StyleSchema:
    """The style that the edit means, without any text: what the edited file must state."""
    wordings = {name: dict(values) for name, values in style.wordings.items()}
    if edit.add is not None and edit.add[0].startswith("wordings: "):
        _, name, value = edit.add[0].split(": ", 2)
        wordings[name][value] = (*wordings[name][value], edit.add[1])
    checks = [_applied(check, edit) if check.id == edit.check else check for check in style.checks]
    worded = [replace(check, wordings=wordings) if check.wordings else check for check in checks]
    return replace(style, checks=tuple(worded), wordings=wordings)


def _applied(check: Check, edit: StyleEdit) -> Check:
    p = check.parameters
    if edit.numbers:
        p = replace(p, **edit.numbers)
    if edit.add is not None and not edit.add[0].startswith("wordings: "):
        name, _, key = edit.add[0].partition(": ")
        old = getattr(p, name)
        p = replace(p, **{name: {**old, key: (*old[key], edit.add[1])} if key else (*old, edit.add[1])})
    return replace(check, parameters=p, level=edit.level or check.level)


@given(st.data())
def test_the_edited_file_states_the_edited_style_and_changes_one_line(data: st.DataObject):
    text = data.draw(styles())
    style = parse_style(text)
    edit = data.draw(edits(style))
    made = attempt(text, edit)
    if made is None:  # an item twice, or one that no style may have: refused, not written in another way
        assert edit.add is not None
        return
    new, parsed = made
    assert parsed == applied(style, edit) == parse_style(new)
    touched = changed_lines(text, new)
    assert touched <= 1
    assert new.count("\r") == new.count("\n") * ("\r\n" in text)
    for comment in (
        "# why",
        '# "quoted"',
        "# and then",
        "# deep",
        "# inside",
        "# short",
        "# the second",
        "# end",
        "# all",
    ):
        assert new.count(comment) >= text.count(comment)


def attempt(text: str, edit: StyleEdit) -> tuple[str, StyleSchema] | None:
    try:
        return edited_style(text, [edit])
    except ConfigError as error:
        if "in the file itself" in str(error):
            raise
        return None


def changed_lines(before: str, after: str) -> int:
    """How many lines of before are no longer there as they were."""
    matcher = difflib.SequenceMatcher(None, before.splitlines(), after.splitlines(), autojunk=False)
    return sum(b - a for tag, a, b, _, _ in matcher.get_opcodes() if tag != "equal")


@pytest.mark.slow
@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_each_edit_of_a_shipped_style_changes_its_own_line(file: Path):
    text = file.read_text(encoding="utf-8")
    style = parse_style(text, path=file)
    made = [StyleEdit(c.id, level="should" if c.level == "must" else "must") for c in style.checks]
    made += [
        StyleEdit(c.id, {name: value + 1})
        for c in style.checks
        for name, value in numbers_of(c).items()
        if value is not None and name != "min"
    ]
    made += [
        StyleEdit(c.id, add=(name, 'so: "new"')) for c in style.checks for name, values in lists_of(c).items() if values
    ]
    assert made
    for edit in made:
        new, parsed = edited_style(text, [edit], path=file)
        assert parsed == applied(style, edit)
        assert changed_lines(text, new) <= 1


def test_all_edits_together_are_made_in_their_order():
    text = "checks:\n- kind: length # long\n  max: 5\n- {kind: clean}\n"
    made = read_edits(
        [{"check": "length", "set": {"max": 7, "min": 1}}, {"check": "clean", "level": "should"},
         {"check": "clean", "add": {"name": "allow", "value": "TODO"}}, {"check": "length", "set": {"min": None}}]
    )  # fmt: skip
    new, style = edited_style(text, made)
    assert new == "checks:\n- kind: length # long\n  max: 7\n- {kind: clean, level: should, allow: [TODO]}\n"
    assert [check.level for check in style.checks] == ["must", "should"]


def test_a_removed_bound_leaves_its_comment():
    text = "checks:\n  - kind: length\n    min: 2   # since May\n    max: 5\n  - {kind: length, min: 1, max: 2}\n"
    new, _ = edited_style(text, [StyleEdit("length", {"min": None}), StyleEdit("length-2", {"min": None})])
    assert new == "checks:\n  - kind: length\n    # since May\n    max: 5\n  - {kind: length, max: 2}\n"


def test_a_wording_of_a_value_without_any_and_a_new_spelling_get_their_place():
    text = "name: x\n# about the rules\nchecks:\n  - {kind: covers, fields: [area]}\n  - kind: vocabulary\n    required: [a]\n"
    made = [
        StyleEdit("covers", add=("wordings: area: riverside", "by the river")),
        StyleEdit("covers", add=("wordings: area: riverside", "river bank")),
        StyleEdit("covers", add=("wordings: area: yes", "there")),
        StyleEdit("vocabulary", add=("preferred: DC/DC", "DC-DC")),
    ]
    new, style = edited_style(text, made)
    assert style.wordings == {"area": {"riverside": ("by the river", "river bank"), "yes": ("there",)}}
    assert style.checks[1].parameters.preferred == {"DC/DC": ("DC-DC",)}
    assert set(text.splitlines()) <= set(new.splitlines())
    assert new.splitlines()[1].startswith("wordings: ")


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        ({"check": "lenght", "level": "should"}, 'no check "lenght"; did you mean "length"?'),
        ({"check": "length", "set": {"mox": 3}}, 'no number "mox"; did you mean "max"?'),
        ({"check": "clean", "set": {"max": 3}}, "the kind clean has none"),
        ({"check": "length", "set": {"max": 0}}, "min and max must satisfy"),
        ({"check": "length", "set": {"max": 2.5}}, "expected a whole number"),
        ({"check": "length", "set": {"max": None, "min": None}}, 'needs "min" or "max"'),
        ({"check": "length", "add": {"name": "any", "value": "x"}}, "the kind length has none"),
        ({"check": "forbidden", "add": {"name": "any", "value": "alpha"}}, 'already in any of forbidden'),
        ({"check": "words", "add": {"name": "allow", "value": "x"}}, "anchor, an alias or a tag"),
        ({"check": "words-2", "level": "should"}, "anchor, an alias or a tag"),
        ({"check": "merged", "level": "should"}, "would change more"),
    ],
)  # fmt: skip
def test_an_edit_that_does_not_fit_is_refused_in_a_sentence(edit: dict[str, Any], said: str):
    text = (
        "checks:\n- {kind: length, min: 1, max: 3}\n- {kind: clean}\n- {kind: forbidden, any: [alpha]}\n"
        "- {kind: known_words, id: words, words: [a], allow: &names [b]}\n- &one {kind: known_words, id: words-2, words: [a]}\n"
        "- {kind: length, id: merged, max: 1}\n"
    )
    if edit["check"] == "merged":
        text = text.replace("id: merged, max: 1", "id: merged, max: 1, level: *l").replace(
            "min: 1, max", "min: 1, level: &l must, max"
        )
        said = "anchor, an alias or a tag"
    with pytest.raises(ConfigError, match=said.replace("?", r"\?")) as error:
        edited_style(text, read_edits([edit]))
    assert str(error.value).count("\n") == 0


@pytest.mark.parametrize(
    "content",
    [
        {}, [1], [{}], [{"check": 1}], [{"check": "a", "st": {}}], [{"check": "a", "set": {"max": "5"}}],
        [{"check": "a", "set": {"max": True}}], [{"check": "a", "level": "maybe"}], [{"check": "a", "level": ["must"]}],
        [{"check": "a", "add": "x"}], [{"check": "a", "add": {"name": "any"}}],
    ],
)  # fmt: skip
def test_what_is_no_edit_is_refused(content: Any):
    with pytest.raises(ConfigError, match="edit"):
        read_edits(content)
