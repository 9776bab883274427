"""`tuneworth init`: a project that curates as it stands."""

import json
import random
import tomllib

import pytest

from tuneworth.core import from_json
from tuneworth.project import read_project
from tuneworth.style import Discrimination, read_style

from ..conftest import pair


@pytest.fixture
def labels(tmp_path):
    path = tmp_path / "labels.jsonl"
    rows = [{**pair(n), "input": {**pair(n)["input"], "sku": f"K-{n}"}} for n in range(200)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.slow
def test_a_project_has_the_style_of_its_examples(command, labels, tmp_path):
    done = command("init", tmp_path / "new", "--from", labels, "--json")
    assert done.code == 0, done.err
    assert done.json["found_style"]
    style = read_style(tmp_path / "new" / "style.yaml")
    assert (style.name, style.reviewed) == ("new", False)
    assert {"case", "template"} <= {check.kind for check in style.checks}
    curated = command("curate", tmp_path / "new", "--json")
    assert curated.code == 0, curated.err
    assert curated.json["outcomes"]["invalid"] <= 10


@pytest.mark.slow
def test_the_project_file_names_what_may_group_and_what_may_identify(command, labels, tmp_path):
    command("init", tmp_path / "new", "--from", labels)
    text = (tmp_path / "new" / "tuneworth.toml").read_text()
    assert '# group = "family"' in text
    assert '# Input column "sku" differs in every row: no two rows can be duplicates.\nidentifiers = ["sku"]\n' in text
    assert tomllib.loads(text.replace("# group", "group"))["data"]["group"] == "family"


def slots(n):
    chance = random.Random(n)
    city, day, seats = chance.choice(CITIES), chance.choice(["monday", "friday"]), chance.randint(1, 9)
    if n % 25 < 9:
        return {"text": f"thanks {city} number {n}", "json": "{}"}
    return {"text": f"book {seats} seats to {city} on {day}", "json": json.dumps({"city": city, "day": day})}


CITIES = ["amber", "basin", "cedar", "delta", "ember", "fjord", "grove", "hazel", "inlet", "jetty"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "row",
    [slots, lambda n: {"text": f"{slots(n)['text']} please", "category": f"team {n % 7}"}],
    ids=["JSON, 36% empty", "labels"],
)
def test_init_check_and_curate_measure_the_same_on_short_outputs(command, tmp_path, row):
    file = tmp_path / "short.jsonl"
    table = [row(n) for n in range(1200)]
    file.write_text("".join(json.dumps(one) + "\n" for one in table))
    message = command("init", tmp_path / "new", "--from", file, "--json").json["message"]
    columns = [word for option, name in zip(("--input", "--output"), table[0], strict=True) for word in (option, name)]
    checked = command("style", "check", file, "--style", tmp_path / "new" / "style.yaml", *columns, "--json").json
    curated = command("curate", tmp_path / "new", "--json").json["style"]["discrimination"]
    assert checked["discrimination"] == curated
    assert from_json(curated, Discrimination).sentence in message


@pytest.mark.slow
def test_examples_without_a_style_get_a_plain_one(command, tmp_path):
    file = tmp_path / "few.csv"
    file.write_text("question;answer\n" + "".join(f"q {n};a {'b ' * n}\n" for n in range(9)))
    words = ("--input", "question", "--output", "answer", "--delimiter", ";")
    done = command("init", tmp_path / 'new: "1" #', "--from", file, *words)
    assert done.code == 0, done.err
    assert "too few" in done.err
    folder = tmp_path / 'new: "1" #'
    assert read_style(folder / "style.yaml").name == folder.name
    data = tomllib.loads((folder / "tuneworth.toml").read_text())["data"]
    assert (data["input"], data["output"], data["delimiter"]) == ("question", "answer", ";")
    assert command("curate", folder).code == 0


def test_without_a_file_there_is_a_project_to_fill_in(command, tmp_path):
    assert command("init", tmp_path / "new").code == 0
    assert tomllib.loads((tmp_path / "new" / "tuneworth.toml").read_text())["data"] == {"path": "pairs.jsonl"}
    assert read_style(tmp_path / "new" / "style.yaml").checks


def test_nothing_is_written_where_something_is_wrong(command, tmp_path, labels):
    assert command("init", tmp_path / "new", "--from", tmp_path / "none.jsonl").code == 2
    assert command("init", tmp_path / "new", "--output", "x").code == 2
    assert not (tmp_path / "new").exists()


def test_the_settings_of_training_hold_as_they_stand_when_taken_in(command, tmp_path):
    command("init", tmp_path)
    text = (tmp_path / "tuneworth.toml").read_text()
    block = text[text.index("# [train]") : text.index("[evaluate.prompted]")]
    (tmp_path / "tuneworth.toml").write_text(text.replace(block, block.replace("# ", "", 1).replace("\n# ", "\n")))
    settings = read_project(tmp_path).train
    assert (settings.epochs, settings.micro_batch, settings.drop_long) == (3, 2, True)


@pytest.mark.slow
def test_the_check_up_of_the_examples_is_shown_in_short(command, labels, tmp_path):
    done = command("init", tmp_path / "new", "--from", labels)
    assert f"Check-up of {labels}:\n- " in done.out
    done = command("init", tmp_path / "other", "--from", labels, "--json")
    assert {"key", "severity", "title", "rows"} <= set(done.json["checkup"]["findings"][0])


@pytest.mark.slow
def test_columns_that_nobody_named_are_proposed(command, tmp_path):
    file = tmp_path / "shop.csv"
    texts = [
        f"The {name} lamp of {n} cm stands on its own foot beside any sofa." for n in range(20) for name in "abcdef"
    ]
    file.write_text("name,kind,description\n" + "".join(f"{n},lamp,{text}\n" for n, text in enumerate(texts)))
    assert command("init", tmp_path / "new", "--from", file).code == 0
    data = tomllib.loads((tmp_path / "new" / "tuneworth.toml").read_text())["data"]
    assert (data["input"], data["output"]) == ("*", "description")
    assert read_project(tmp_path / "new").data.input == "*"
