"""What only some systems have is asked for in one place, and texts have the same bytes on all of them; by the sources."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from .sources import ROOT, mentioning, texts

MODULES = frozenset({
    "fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty", "winreg", "msvcrt",
})  # fmt: skip
# Of `os` and `signal`: missing on Windows or macOS, or, as `kill`, another thing there.
NAMES = frozenset({
    "O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK", "chown", "fchmod", "fork", "forkpty", "getegid", "geteuid", "getgid",
    "getloadavg", "getpgid", "getuid", "kill", "killpg", "mkfifo", "nice", "posix_fadvise", "posix_fallocate",
    "pread", "pwrite", "register_at_fork", "sched_getaffinity", "setsid", "statvfs", "symlink", "sync", "sysconf",
    "uname", "wait4", "SIGALRM", "SIGHUP", "SIGKILL", "SIGQUIT", "SIGUSR1", "SIGUSR2", "pthread_sigmask",
    "setitimer", "startfile",
})  # fmt: skip
# Where they are asked for, with what happens elsewhere beside it.
KNOWN = {
    "core/machine.py: resource", "core/machine.py: kill", "core/machine.py: sched_getaffinity", "core/machine.py: sysconf",
    "core/machine.py: fork",
    "curate/read/formats/trial.py: resource", "style/kinds/json_failures.py: resource",
    "train/model/hardware.py: resource", "train/model/hardware.py: getloadavg",
}  # fmt: skip
TEXTS = frozenset({"read_text", "write_text"})
OPENERS = TEXTS | {"open"}


def nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def system_names(path: Path) -> Iterator[str]:
    """What the module takes from a system that others do not have."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            if node.module in MODULES:
                yield node.module
            if node.module in ("os", "signal"):
                yield from (alias.name for alias in node.names if alias.name in NAMES)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("os", "signal"):
            yield from {node.attr} & NAMES


def written_mode(call: ast.Call) -> str | None:
    """The mode of a call of `open` that states one."""
    stated = [*call.args[:2], *(word.value for word in call.keywords if word.arg == "mode")]
    texts = [node.value for node in stated if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return next((text for text in texts if text and set(text) <= set("rwaxbt+")), None)


def texts_of(path: Path) -> Iterator[tuple[str, set[str | None], bool]]:
    """Calls that read or write a text file: what was called, with which keywords, and whether it writes."""
    for node in nodes(path):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        keywords, shown = {word.arg for word in node.keywords}, f"{path.name}, line {node.lineno}"
        if name in TEXTS:
            yield shown, keywords, name == "write_text"
        elif name == "open" and (mode := written_mode(node)) is not None and "b" not in mode:
            yield shown, keywords, bool(set(mode) & set("wax+"))


def test_what_only_some_systems_have_is_asked_for_in_known_places() -> None:
    asking = mentioning(*MODULES, *NAMES)
    found = {f"{path.relative_to(ROOT).as_posix()}: {name}" for path in asking for name in system_names(path)}
    assert found == KNOWN


def test_proc_and_sys_are_read_where_a_machine_is_asked_about() -> None:
    """By the texts in the code, and not by those that explain it."""
    found = set()
    for path in (path for path, text in texts().items() if "proc/" in text or "sys/" in text):
        for node in nodes(path):
            text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
            if " " not in text and text.lstrip("/").startswith(("proc/", "sys/")):
                found.add(path.relative_to(ROOT).as_posix())
    assert found == {"core/machine.py", "curate/read/formats/trial.py", "train/model/hardware.py"}


def test_each_text_has_an_encoding() -> None:
    """Without one, it is the system's: cp1252 on most machines with Windows."""
    # Python's own metadata of a package takes no encoding.
    lacking = [at for path in mentioning(*OPENERS) for at, words, _ in texts_of(path) if "encoding" not in words]
    assert [at for at in lacking if not at.startswith("commands.py")] == []


def test_each_text_is_written_with_line_feeds() -> None:
    """Without `newline`, Windows writes two characters, and hashes differ."""
    found = [
        at for path in mentioning(*OPENERS) for at, words, writes in texts_of(path) if writes and "newline" not in words
    ]
    assert [at for at in found if not at.startswith(("main.py", "machine.py"))] == []  # os.devnull and /proc


@pytest.mark.parametrize(
    "text", ["import os\nos.kill(1, 0)", "from os import kill", "import fcntl", "from pwd import getpwuid"]
)
def test_a_name_of_one_system_is_found(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(text, encoding="utf-8")
    assert list(system_names(tmp_path / "a.py"))


@pytest.mark.parametrize("text", ['p.open("w")', 'p.write_text("a")', 'open("p", "a")', 'open("p", mode="w")'])
def test_a_text_without_an_encoding_is_found(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(text, encoding="utf-8")
    ((_, words, writes),) = texts_of(tmp_path / "a.py")
    assert (writes, words & {"encoding", "newline"}) == (True, set())
