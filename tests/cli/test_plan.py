"""`tuneworth plan`: what it says, and that it leaves nothing."""

import re
import tomllib
from dataclasses import fields, replace
from pathlib import Path

import pytest
import yaml

from tuneworth.cli.words.plan import cluster_table, plan_text
from tuneworth.curate import ClusterSettings, DataSettings, Drawn, Measured, Room, plan
from tuneworth.curate.plan.measure import Search

from ..curate.parts.test_sizing import QUARTER, measured


def drawn(rows: int) -> Drawn:
    return Drawn(Path(), [20_000], 1_200, 300 * rows, rows, False, False, 3, DataSettings(path=""))


@pytest.mark.slow
def test_a_small_project_is_told_that_one_machine_does(command, project):
    before = sorted(project.rglob("*"))
    done = command("plan", project, "--cores", 8, "--memory", "32 GB")
    assert done.code == 0, done.err
    assert sorted(project.rglob("*")) == before
    assert "One machine is enough" in done.out
    assert "[cluster]" not in done.out
    assert max(map(len, done.out.splitlines()[:-2])) <= 80  # the last line has the project's path
    assert f"Next: tuneworth curate {project}" in done.out
    told = command("plan", project, "--json", "--quiet")
    assert told.err == ""
    assert (told.json["rows"], told.json["rows_counted"], told.json["files"]) == (60, True, 1)
    assert told.json["cluster"] is None
    assert told.json["partitions"] >= 4


@pytest.mark.slow
def test_many_files_and_partitions_of_the_project_are_taken_into_account(command, project):
    (project / "tuneworth.toml").write_text(
        (project / "tuneworth.toml").read_text().replace('"pairs.jsonl"', '"parts"') + "\n[cluster]\npartitions = 7\n"
    )
    (project / "parts").mkdir()
    lines = (project / "pairs.jsonl").read_text().splitlines(keepends=True)
    for part in range(3):
        (project / "parts" / f"{part}.jsonl").write_text("".join(lines[part * 20 : part * 20 + 20]))
    told = command("plan", project, "--json", "--quiet").json
    assert (told["files"], told["rows"], told["partitions"]) == (3, 60, 7)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--memory", "much"], "--memory: must be a size"),
        (["--memory", "1 kB"], "--memory: must be at least"),
        (["--cores", "0"], "--cores"),
    ],
)
def test_wrong_options_are_refused(command, project, words, said):
    done = command("plan", project, *words)
    assert done.code == 2
    assert said in done.err


def test_missing_pairs_are_named(command, project):
    (project / "pairs.jsonl").unlink()
    done = command("plan", project)
    assert done.code == 2
    assert "pairs.jsonl" in done.err


@pytest.mark.parametrize(
    ("rows", "room", "address"),
    [(10_000_000, Room(16, 64e9), "processes"), (100_000_000, Room(256, 64e9), "auto")],
)
def test_the_table_to_copy_is_one_that_curating_takes(rows, room, address):
    found = plan(QUARTER, measured(), rows, room)
    text = cluster_table(found, room)
    settings = ClusterSettings(**tomllib.loads(text)["cluster"])
    assert (settings.address, settings.partitions) == (address, found.partitions)
    assert settings.memory_bytes >= found.task_memory
    said = plan_text(found, drawn(rows), measured(), room)
    assert text in said
    assert max(map(len, said.splitlines())) <= 80
    assert "--cluster" in said


def test_a_driver_or_a_task_too_large_for_its_machine_is_told():
    room = Room(256, 16e9)
    found = plan(QUARTER, replace(measured(), largest_bucket=50), 500_000_000, room)
    said = plan_text(found, drawn(500_000_000), measured(), room)
    assert "however many workers there are" in said
    assert "follow a template" in said
    assert "A task needs" not in said
    assert "use machines with more memory" in plan_text(found, drawn(500_000_000), measured(), Room(256, 1e9))


# --- docs/cluster.md ----------------------------------------------------------------------------------------------

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_page_names_every_setting_with_its_default():
    told = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", PAGE, re.MULTILINE))
    assert list(told) == [field.name for field in fields(ClusterSettings)]
    for field in fields(ClusterSettings):
        words = {"four for each core": None, "no limit": None, "all cores": None}
        said = told[field.name]
        assert (words[said] if said in words else said.strip('`"')) == field.default, field.name


def test_the_tables_of_the_page_are_settings_and_the_cluster_is_yaml():
    tables = [tomllib.loads(block)["cluster"] for block in blocks("toml")]
    assert [ClusterSettings(**table).on_ray for table in tables] == [False, True]
    (cluster,) = map(yaml.safe_load, blocks("yaml"))
    assert cluster["kind"] == "RayCluster"
    pods = [cluster["spec"]["headGroupSpec"], *cluster["spec"]["workerGroupSpecs"]]
    for pod in (pod["template"]["spec"] for pod in pods):
        (container,) = pod["containers"]
        assert {"name": "RAY_USAGE_STATS_ENABLED", "value": "0"} in container["env"]
        assert [mount["name"] for mount in container["volumeMounts"]] == [volume["name"] for volume in pod["volumes"]]
    worker = pods[1]["template"]["spec"]["containers"][0]["resources"]["requests"]
    assert int(worker["cpu"]) * ClusterSettings(**tables[1]).memory_bytes < int(worker["memory"][:-2]) * 2**30


def test_commands_and_options_that_the_page_shows_are_there(command):
    shown = set(re.findall(r"tuneworth (\w+)[^`\n]*? (--[\w-]+)", PAGE))
    assert {name for name, _ in shown} == {"plan", "curate", "train", "evaluate"}
    for name, option in shown:
        assert option in command(name, "--help").out, (name, option)


def test_the_links_of_the_page_lead_somewhere():
    targets = re.findall(r"\]\(([^)]+)\)", PAGE)
    assert targets
    for target in targets:
        file, _, place = target.partition("#")
        text = (ROOT / "docs" / file).read_text(encoding="utf-8")
        heads = {
            re.sub(r"[^\w -]", "", head).lower().replace(" ", "-") for head in re.findall(r"^#+ (.*)$", text, re.M)
        }
        assert not place or place in heads, target


def test_the_paper_calculation_is_that_of_the_formulas():
    rates = Measured(
        rows=200_000, seconds={"all that grow with the rows": 10.9},
        searches=[Search("inputs", 9_621_980, 22_457_884), Search("outputs", 4_432_296, 10_301_470)],
        driver_seconds=2.09, stored={"all": 308_000_000}, written=89_161_392, repeats=2_979, near=9_604, within=18_242,
        between=0, met=92_000, repeats_within=3_251, repeats_between=0, largest_bucket=77, capped=0,
        work={"inputs": 241_756_435, "outputs": 82_738_022}, candidates={"inputs": 10.2e6, "outputs": 3.76e6},
        characters={"inputs": 34_439_364, "outputs": 15_036_575},
        distinct=196_793, text_bytes=51_109_739, input_characters=175.0, output_characters=80.5, driver_bytes=37_031_018,
    )  # fmt: skip
    tenth = replace(rates, rows=19_750, work={"inputs": 2_705_235, "outputs": 915_423})
    row = r"^\| (\d+) (M|B) \| ([\d.]+) core-hours \| ([\d.,]+) core-hours \|.*\| ([\d.]+) (GB|TB) \|$"
    rows = re.findall(row, PAGE, re.MULTILINE)
    assert len(rows) == 3
    for number, size, linear, searches, driver, unit in rows:
        found = plan(tenth, rates, int(number) * {"M": 10**6, "B": 10**9}[size], Room(16, 64e9))
        told = found.stage_seconds["exact searches"] / 3600
        assert told == pytest.approx(float(searches.replace(",", "")), rel=0.2)
        assert found.stage_seconds["all that grow with the rows"] / 3600 == pytest.approx(float(linear), rel=0.1)
        assert found.driver_memory == pytest.approx(float(driver) * {"GB": 1e9, "TB": 1e12}[unit], rel=0.1)
