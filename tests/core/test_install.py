"""The command that installs missing extras, from the source that Tuneworth was installed from."""

import json
import shlex
from dataclasses import dataclass
from importlib import metadata

import pytest

from tuneworth.core import install_command

COMMIT = "0123456789abcdef"


@dataclass(frozen=True)
class Found:
    """Metadata of an installation; in a clone, building leaves some without an address beside that of the installation."""

    address: str | None

    def read_text(self, name: str) -> str | None:
        assert name == "direct_url.json"
        return self.address


@pytest.mark.parametrize(
    ("source", "command"),
    [
        (None, "pip install 'tuneworth[train]'"),
        ({"url": "file:///home/me/my%20clone", "dir_info": {}}, "pip install '/home/me/my clone[train]'"),
        ({"url": "file:///home/me/clone", "dir_info": {"editable": True}}, "pip install -e '/home/me/clone[train]'"),
        (
            {"url": "file:///tmp/tuneworth-1.whl", "archive_info": {}},
            "pip install 'tuneworth[train] @ file:///tmp/tuneworth-1.whl'",
        ),
        (
            {"url": "https://git.example/t.git", "vcs_info": {"vcs": "git", "commit_id": COMMIT}},
            f"pip install 'tuneworth[train] @ git+https://git.example/t.git@{COMMIT}'",
        ),
    ],
)
def test_the_command_names_the_source_of_the_installation(monkeypatch, source, command):
    monkeypatch.setattr(metadata, "distributions", lambda name: [Found(None), Found(source and json.dumps(source))])
    assert install_command("train") == command
    assert shlex.split(command)[-1].count("[train]") == 1


@pytest.mark.parametrize("found", [[], [Found("{")]])
def test_several_extras_are_installed_by_one_command(monkeypatch, found):
    monkeypatch.setattr(metadata, "distributions", lambda name: found)
    assert install_command("train", "cluster") == "pip install 'tuneworth[train,cluster]'"
