"""What people of other fields would want to be found in their outputs, and what not."""

import json
import random

import polars as pl

from tuneworth.style import infer_style, write_guide


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


def test_a_letter_has_its_paragraphs_and_its_last_lines_stay_in_one_item():
    guide = write_guide(inferred([*replies()]))
    assert "exactly 3 paragraphs" in guide
    assert '- End with "Kind regards,\n  The Team".\n' in guide


def test_the_last_word_of_a_list_is_no_choice_of_an_end():
    chance = random.Random(3)
    word = lambda: chance.choice(["panel", "view", "button"])  # noqa: E731
    rows = [(f"- Add the {word()} {n}\n- Mend the {word()}", {"commit": n}) for n in range(200)]
    kinds = [check.kind for check in inferred(rows).checks]
    assert "list" in kinds
    assert "ends_with" not in kinds


def test_whose_value_begins_a_template_is_said_beside_it():
    chance = random.Random(4)
    rows = []
    for _ in range(200):
        drug, mass = chance.choice(["Amoxicillin", "Ibuprofen", "Paracetamol"]), chance.choice([200, 250, 400, 500])
        rows.append((f"{drug} {mass} mg by mouth for {chance.randint(2, 9)} days", {"drug": drug, "mass": mass}))
    said = {check.kind: check.parameters for check in inferred(rows).checks}
    assert "template" in said
    assert said["starts_with"].any == ("{drug}",)
