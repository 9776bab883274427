"""What people of other fields would want to be found in their outputs, and what not."""

import json
import random

import polars as pl
import pytest

from tuneworth.style import check_outputs, infer_style, parse_style, write_guide


def inferred(rows):
    table = pl.DataFrame(
        {
            "output": [o for o, _ in rows],
            "input": [json.dumps(f) for _, f in rows],
            "fields": [json.dumps(f) for _, f in rows],
        }
    )
    style = infer_style(table).schema
    assert style is not None
    return style


def replies():
    chance = random.Random(2)
    for n in range(200):
        name, thing = chance.choice(["Ada", "Bo", "Cy", "Dee"]), chance.choice(["hose", "rake", "pot"])
        news = chance.choice(["We have sent a new one today.", "It will be with you soon.", "Please send us a photo."])
        text = f"Hi {name},\n\nThank you for writing about your {thing} number {n}. {news}\n\nKind regards,\nThe Team"
        yield text, {"name": name, "number": n}


@pytest.mark.slow
def test_a_letter_has_its_paragraphs_and_its_last_lines_stay_in_one_item():
    guide = write_guide(inferred([*replies()]))
    assert "exactly 3 paragraphs" in guide
    assert '- End with "Kind regards,\n  The Team".\n' in guide


@pytest.mark.slow
def test_the_last_word_of_a_list_is_no_choice_of_an_end():
    chance = random.Random(3)
    word = lambda: chance.choice(["panel", "view", "button"])  # noqa: E731
    rows = [(f"- Add the {word()} {n}\n- Mend the {word()}", {"commit": n}) for n in range(200)]
    kinds = [check.kind for check in inferred(rows).checks]
    assert "list" in kinds
    assert "ends_with" not in kinds


@pytest.mark.slow
def test_whose_value_begins_a_template_is_said_beside_it():
    chance = random.Random(4)
    rows = []
    for _ in range(200):
        drug, mass = chance.choice(["Amoxicillin", "Ibuprofen", "Paracetamol"]), chance.choice([200, 250, 400, 500])
        rows.append((f"{drug} {mass} mg by mouth for {chance.randint(2, 9)} days", {"drug": drug, "mass": mass}))
    said = {check.kind: check.parameters for check in inferred(rows).checks}
    assert "template" in said
    assert said["starts_with"].any == ("{drug}",)


def orders(seed: int = 5):
    chance = random.Random(seed)
    for n in range(200):
        fields = {"colour": chance.choice(["red", "blue"]), "thing": chance.choice(["hose (long)", "pot", "rake"])}
        yield f"Your {fields['colour']} {fields['thing']}, number {n}, is on its way, thank you.", fields


@pytest.mark.slow
def test_the_slots_of_a_template_are_tied_to_their_fields():
    style = inferred([*orders()])
    (template,) = [check for check in style.checks if check.kind == "template"]
    assert template.parameters.text == "Your {colour} {thing}, number {part 2}, is on its way, thank you."
    assert template.parameters.slots == {"colour": "{colour}", "thing": "{thing}"}
    assert "{colour} is the colour in the request" in write_guide(style)
    assert not [check for check in style.checks if check.kind == "covers"]


def test_a_slot_tied_to_a_field_takes_its_value_alone():
    style = parse_style('checks: [{kind: template, text: "A {thing} of {n}.", slots: {thing: "{thing}", n: "[0-9]+"}}]')
    outputs = ["A pot (1) of 5.", "A pot of 5.", "A pot of 5.", "A rake of x."]
    fields = ['{"thing": "pot (1)"}', '{"thing": "rake"}', '{"other": "x"}', '{"thing": "rake"}']
    found = check_outputs(pl.DataFrame({"output": outputs, "input": fields, "fields": fields}), style)
    assert found.status["template"].to_list() == ["pass", "fail", "not applicable", "fail"]
    assert found.violations["found"].to_list() == ["pot of 5.", "x."]
    assert found.violations["expected"].to_list() == ["the thing in the request", "{n} that matches [0-9]+"]


def recipes():
    chance = random.Random(6)
    things = ["oat", "rye", "salt", "milk", "flour", "egg"]
    for n in range(120):
        items = "\n".join(
            f"- {chance.choice(things).title()} {chance.choice(things)}." for _ in range(chance.randint(2, 5))
        )
        yield (
            f"Ingredients:\n{items}\n\nMethod:\nMix for {n} minutes with {chance.choice(things)}, then wait.",
            {"n": n},
        )


@pytest.mark.slow
def test_headings_with_a_colon_and_items_with_a_full_stop_are_rules():
    style = inferred([*recipes()])
    (sections,) = [check for check in style.checks if check.kind == "sections"]
    assert (sections.parameters.titles, sections.parameters.marker) == (("Ingredients", "Method"), ":")
    assert [
        check.parameters.end for check in style.checks if check.each == "bullet" and check.kind == "punctuation"
    ] == ["."]
    guide = write_guide(style)
    assert "`Ingredients:`, `Method:`" in guide
    assert "each bullet" in guide.lower()


@pytest.mark.slow
def test_outputs_of_html_have_their_tags_at_both_ends_without_two_rules():
    chance = random.Random(7)
    words = ["oak", "ash", "elm", "fir", "yew", "birch", "maple", "linden"]
    rows = [
        (f"<p>A {' '.join(chance.choices(words, k=chance.randint(4, 9)))} {n}.</p>", {"n": str(n)}) for n in range(100)
    ]
    style = inferred(rows)
    (html,) = [check for check in style.checks if check.kind == "html"]
    assert html.parameters.structure == ("p",)
    assert not [check for check in style.checks if check.kind == "ends_with"]
    plain = inferred([(text.replace("</p>", ""), fields) for text, fields in rows])
    assert ["<p>A"] in [list(check.parameters.any) for check in plain.checks if check.kind == "starts_with"]


@pytest.mark.slow
def test_a_title_line_has_rules_of_its_own():
    chance = random.Random(8)
    words = ["oak", "ash", "elm", "fir", "yew"]
    rows = []
    for n in range(100):
        title = " ".join(chance.choice(words).title() for _ in range(chance.randint(2, 4)))
        rows.append((f"{title}\nThis is tree {n}, a {chance.choice(words)}. It grows here.", {"n": str(n)}))
    style = inferred(rows)
    first = {check.kind: check.parameters for check in style.checks if check.part == "first line"}
    assert (first["length"].min, first["length"].max) == (2, 4)
    assert first["punctuation"].end == "none"


@pytest.mark.slow
def test_key_words_in_capitals_are_no_small_letters():
    chance = random.Random(9)
    names = ["name", "year", "price", "area"]
    rows = [(f"SELECT {chance.choice(names)} FROM t WHERE {chance.choice(names)} > {n};", {"n": n}) for n in range(100)]
    assert not [check for check in inferred(rows).checks if check.kind == "case"]
