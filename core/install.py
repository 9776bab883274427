"""The command that installs missing extras, from the source that Tuneworth itself was installed from."""

import json
from importlib import metadata

from .shell import quote

__all__ = ["install_command"]


def install_command(*extras: str) -> str:
    """The pip command that adds these extras to this installation.

    It names the clone, wheel or Git address that was installed; only a copy from a package index is `tuneworth`.
    """
    named = ",".join(extras)
    source = _source()
    if source is None:
        return f"pip install {quote(f'tuneworth[{named}]')}"
    url = source["url"]
    if "dir_info" in source:
        editable = "-e " if source["dir_info"].get("editable") else ""
        return f"pip install {editable}{quote(f'{_path(url)}[{named}]')}"
    if vcs := source.get("vcs_info"):
        url = f"{vcs['vcs']}+{url}@{vcs['commit_id']}"
    return f"pip install {quote(f'tuneworth[{named}] @ {url}')}"


def _source() -> dict | None:
    """Where pip installed Tuneworth from (PEP 610); None for a package index, or if it is not recorded.

    In a clone, the metadata that a build left there is found first; it does not record the source.
    """
    texts = (found.read_text("direct_url.json") for found in metadata.distributions(name="tuneworth"))
    try:
        return next((json.loads(text) for text in texts if text), None)
    except ValueError:
        return None


def _path(url: str) -> str:
    """The path of a file URL."""
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    return url2pathname(urlsplit(url).path)
