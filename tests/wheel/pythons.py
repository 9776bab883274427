"""Tries the wheel on each Python that pyproject.toml names, but for the one that runs this: the stranger's hour, the docs.

Run: `python tests/wheel/pythons.py`. A version without an interpreter on this machine is printed as not tried; if that is
so of all of them, nothing was shown, and it ends with exit code 1.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
# What a try needs; a shim of pyenv is there, and fails, for versions that are not switched on.
USABLE = "import ensurepip, sys, venv; print(*sys.version_info[:2], sep='.')"


def stated(text: str) -> list[str]:
    """The versions in the classifiers of a pyproject.toml, such as 3.11."""
    return re.findall(r'"Programming Language :: Python :: (3\.\d+)"', text)


def places(version: str) -> Iterator[Path]:
    """Where an interpreter of the version may lie: on the path, then among those of pyenv and uv, the newest first."""
    for folder in os.get_exec_path():
        yield Path(folder, f"python{version}")
    kept = {
        Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions"): f"{version}.*",
        Path(os.environ.get("UV_PYTHON_INSTALL_DIR", Path.home() / ".local/share/uv/python")): f"cpython-{version}.*",
    }
    for folder, names in kept.items():
        yield from sorted((one / "bin" / f"python{version}" for one in folder.glob(names)), reverse=True)


def interpreter(version: str) -> Path | None:
    """A Python of the version that can make environments, or None."""
    for path in places(version):
        if shutil.which(path):
            done = subprocess.run([path, "-c", USABLE], capture_output=True, text=True)
            if done.returncode == 0 and done.stdout.strip() == version:
                return path
    return None


def main() -> int:
    versions = stated((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    own = "{}.{}".format(*sys.version_info)
    found = {version: interpreter(version) for version in versions if version != own}
    for version, python in found.items():
        print(f"pythons: {version}: {python or 'not on this machine, not tried'}", flush=True)
    for python in filter(None, found.values()):
        environment = {**os.environ, "PYTHON": str(python)}
        subprocess.run(["sh", ROOT / "tests/wheel/try_wheel.sh", "hour"], env=environment, check=True)
    tried = [version for version, python in found.items() if python]
    print(f"pythons: the wheel and the docs' examples ran on {', '.join(tried) or 'no other Python'}")
    return 0 if tried else 1


if __name__ == "__main__":
    sys.exit(main())
