"""The project folder of a demo, and what its work and its speed are measured from."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tuneworth.core import ConfigError, Console, Timetable
from tuneworth.project import PROJECT_FILE, create_example, read_project, run_demo, run_project
from tuneworth.project.demo.measuring import measure_demo
from tuneworth.project.demo.sizing import DemoPlan, DemoSizes, plan_demo
from tuneworth.project.runs import Stopwatch

PLAN = DemoPlan(DemoSizes(210, 68), 0.21, (), elapsed_seconds=400.0, tokens_per_second=512.4)


def test_the_project_file_states_the_sizes_with_the_reason(tmp_path: Path) -> None:
    create_example(tmp_path / "demo", PLAN)
    project = read_project(tmp_path / "demo")
    assert (project.train.max_pairs, project.evaluate.max_pairs, project.evaluate.rivals_time) == (210, 68, 0.21)
    text = (tmp_path / "demo" / PROJECT_FILE).read_text(encoding="utf-8")
    why = "# about 7 minutes on this machine, which trains 512 tokens a second; remove this line to use all pairs"
    assert f"[train]\nmax_pairs = 210            {why}\n" in text
    assert f"[evaluate]\nmax_pairs = 68             {why}\n" in text
    assert (tmp_path / "demo" / "LICENSE-DATA.txt").is_file()
    assert not (tmp_path / "demo" / "outputs").exists()


def test_an_earlier_demo_keeps_its_sizes_and_later_changes(tmp_path: Path) -> None:
    create_example(tmp_path / "demo", PLAN)
    file = tmp_path / "demo" / PROJECT_FILE
    file.write_text(file.read_text().replace("epochs = 2", "epochs = 1"))
    create_example(tmp_path / "demo")
    project = read_project(tmp_path / "demo")
    assert (project.train.epochs, project.train.max_pairs) == (1, 210)


@pytest.mark.parametrize(
    ("plan", "collected", "kind"), [(PLAN, True, "trains a model"), (None, False, "judges collected outputs")]
)
def test_a_folder_with_the_other_kind_of_demo_is_refused(
    tmp_path: Path, plan: DemoPlan | None, collected: bool, kind: str
) -> None:
    create_example(tmp_path / "demo", plan)
    with pytest.raises(ConfigError, match=f"demo has a demo that {kind}; pass another folder with --out DIR"):
        run_demo(tmp_path / "demo", collected=collected)
    assert not (tmp_path / "demo" / "runs").exists()


@pytest.fixture
def rivalled(project: Path) -> Path:
    """A project with rivals and probes."""
    file = project / PROJECT_FILE
    text = file.read_text().replace('rivals = "none"', 'rivals = "all"').replace("probes = false", "probes = true")
    file.write_text(text)
    return project


@pytest.mark.slow
def test_the_work_is_that_of_the_project_and_nothing_is_written(rivalled: Path, tiny_model: Any) -> None:
    before = sorted(path.name for path in rivalled.rglob("*"))
    work, speed, preflight = measure_demo(
        read_project(rivalled), most=(20, 6), loaded=tiny_model, talk=Console(quiet=True), watch=Stopwatch()
    )
    assert sorted(path.name for path in rivalled.rglob("*")) == before
    assert work.sizes == (20, 6)
    assert list(work.variants) == ["plain", "prompted", "tuned"]
    assert list(work.rivals) == ["nearest", "prompted + retry 2", "tuned + short guide"]
    assert [title for title, _ in work.general] == ["base, general"] * 2 + ["tuned, general"] * 2
    assert {title: one.outputs for title, one in work.variants.items()} == {"plain": 6, "prompted": 6, "tuned": 6}
    assert sum(one.outputs for title, one in work.general if title.startswith("base")) == 100
    prompted, plain = work.variants["prompted"], work.variants["plain"]
    assert prompted.shared > plain.shared  # the guide is read once
    assert work.rivals["prompted + retry 2"].own > prompted.own
    assert work.rivals["nearest"].own > prompted.own
    assert speed.tokens_per_second > 0
    assert speed.training_seconds > 0
    assert speed.preflight_seconds == preflight.seconds - preflight.measured.seconds  # the training runs no step again
    assert preflight.measured.steps
    assert speed.elapsed_seconds >= speed.curation_seconds + speed.preflight_seconds
    plan = plan_demo(work, speed, rivals_time=100.0)
    assert plan.sizes == (20, 6)
    # The run takes the steps of the plan, in its order, under the titles of their progress.
    begun: list[str] = []
    talk = Console(timetable=Followed("demo", plan.steps, begun=begun))
    run_project(rivalled, loaded=tiny_model, talk=talk)
    assert begun == [step.title for step in plan.steps]


@dataclass
class Followed(Timetable):
    """A timetable that notes which of its steps begin."""

    begun: list[str] = field(default_factory=list)

    @contextmanager
    def running(self, title: str) -> Iterator[None]:
        with super().running(title):
            if self._running is not None:
                self.begun.append(title)
            yield
