"""How to install what is missing, from where Tuneworth itself was installed."""

import json
import shlex
from importlib import metadata

import pytest

from tuneworth.core import install_command

COMMIT = "0123456789abcdef"


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
    class Installed:
        def read_text(self, name):
            assert name == "direct_url.json"
            return None if source is None else json.dumps(source)

    monkeypatch.setattr(metadata, "distribution", lambda name: Installed())
    assert install_command("train") == command
    assert shlex.split(command)[-1].count("[train]") == 1


def test_several_extras_are_one_command(monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError

    monkeypatch.setattr(metadata, "distribution", missing)
    assert install_command("train", "cluster") == "pip install 'tuneworth[train,cluster]'"
