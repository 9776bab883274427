"""The demo measures this machine by the first steps of a training, and its training goes by them."""

from pathlib import Path
from typing import Any

import pytest

from tuneworth.project import Run
from tuneworth.project.training.train import train_stage


@pytest.mark.slow
def test_the_training_runs_no_step_that_the_measurement_ran(
    curated: Path, loaded_tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tuneworth.train import preflight
    from tuneworth.train.trial import Trial

    run, steps, step = Run(next((curated / "runs").iterdir())), [], Trial._step
    first = preflight(run.train, run.validation, model=loaded_tiny, settings=run.project.train)
    monkeypatch.setattr(Trial, "_step", lambda *words, **named: steps.append(step(*words, **named)) or steps[-1])
    train_stage(run, loaded=loaded_tiny, earlier=first)
    assert (run.folder / "train" / "adapter").is_dir()
    assert steps == []
