"""Commands in a folder of data whose modules have the names of libraries: no process imports them."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from ..curate.parts.conftest import ray_home
from ..shared import decoys
from .test_together import BIN, TORCHRUN

ROOT = Path(__file__).parents[2]
LIBRARIES = ["click", "numpy", "polars", "ray", "scipy", "sitecustomize", "torch", "usercustomize", "yaml"]
STANDARD = ["colorsys", "json", "logging", "multiprocessing", "pickle", "queue", "random", "struct", "threading"]
COMMAND = "import sys\nfrom tuneworth.cli import main\nsys.exit(main())\n"
CLUSTER = '[cluster]\naddress = "{}"\nworkers = 2\npartitions = 2\n[curate]\nmethod = "candidates"\n'


def clustered(project: Path, address: str) -> Path:
    settings = project / "tuneworth.toml"
    settings.write_text(settings.read_text() + CLUSTER.format(address))
    return project


def run(words: list[object], *, folder: Path, **variables: str) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **variables}
    done = subprocess.run(
        [*map(str, words)], cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The command of an environment with a copy of the package, which the sources here have no part in."""
    home = tmp_path / "installed"
    venv.create(home, with_pip=False)
    paths = sysconfig.get_paths(vars={"base": str(home), "platbase": str(home)})
    site = Path(paths["purelib"])
    (site / "libraries.pth").write_text("\n".join(path for path in sys.path if path.endswith("-packages")))
    package = shutil.copytree(ROOT / "tuneworth", site / "tuneworth")
    for face in ROOT.glob("*/__init__.py"):
        if face.parent.name != "tuneworth":
            (package / face.parent.name).symlink_to(face.parent)
    command = Path(paths["scripts"]) / "tuneworth"
    command.write_text(f"#!{Path(paths['scripts']) / 'python'}\n{COMMAND}")
    command.chmod(0o755)
    return command


@pytest.mark.cluster
@pytest.mark.parametrize("address", ["processes", "local"])
def test_workers_of_curation_import_nothing_from_the_current_folder(project, address):
    clustered(project, address)
    (project / "tuneworth").mkdir()
    (project / "tuneworth" / "__init__.py").write_text("raise SystemExit('a folder of data')")
    ran = decoys(project, *LIBRARIES, *STANDARD)
    with ray_home() as variables:
        run([BIN / "tuneworth", "curate", ".", "--cluster"], folder=project, **variables)
    assert ran() == []


@pytest.mark.cluster
@pytest.mark.parametrize("address", ["processes", "local"])
def test_an_installed_copy_works_in_a_checkout_of_the_sources(project, installed, address):
    with ray_home() as variables:
        run([installed, "curate", clustered(project, address), "--cluster"], folder=ROOT, **variables)
    assert list(project.glob("runs/*/curate/ledger"))


@pytest.mark.cluster
def test_training_in_two_processes_imports_nothing_from_the_current_folder(command, project):
    assert command("curate", project).code == 0
    ran = decoys(project, *LIBRARIES, *STANDARD)
    run([*TORCHRUN, BIN / "tuneworth", "train", "."], folder=project)
    assert ran() == []


@pytest.mark.slow
def test_the_module_of_the_command_imports_no_library_from_the_current_folder(project):
    ran = decoys(project, *(set(LIBRARIES) - {"click"}))  # Python itself imports `tuneworth.cli` from its usual path
    run([sys.executable, "-m", "tuneworth.cli", "curate", "."], folder=project)
    assert ran() == []
