"""docs/cluster.md: its settings, recipes, commands and links are true."""

import re
import tomllib
from dataclasses import fields
from pathlib import Path

import yaml

from tuneworth.curate import ClusterSettings

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
    assert {name for name, _ in shown} == {"curate"}
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
