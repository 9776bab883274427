"""Texts without the folders of the machine that a run was made on: a report is forwarded, a disk's layout is not."""

import re

__all__ = ["without_folders"]

# An absolute path of at least two parts: POSIX, a file URL, a drive's or a server's. What stands before it keeps web
# addresses and fractions out.
_BEFORE = r"(?:^|(?<=[\s(\[{\"'“‘=,;]))"
_PART = r"[^\s/\\\"'“”‘’<>|,;]+"
_PATH = re.compile(rf"{_BEFORE}(?:(?:file://)?/{_PART}/(?:{_PART}/?)*|(?:[A-Za-z]:|\\)\\{_PART}(?:\\{_PART})*\\?)")


def without_folders(text: str) -> str:
    r"""The text with each absolute path cut to its last part.

    >>> without_folders("the adapter fits /home/ann/models/small only")
    'the adapter fits small only'
    >>> without_folders(r"C:\Users\ann\pairs.jsonl"), without_folders("https://example.org/a/b")
    ('pairs.jsonl', 'https://example.org/a/b')
    """
    return _PATH.sub(lambda match: re.split(r"[/\\]", match.group().rstrip("/\\"))[-1], text)
