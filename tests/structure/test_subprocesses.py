"""Python is started in one way, with a path that leaves out the current folder."""

import ast
from collections.abc import Iterator

from .test_appending import name_of, sources


def starts(tree: ast.AST) -> Iterator[str]:
    """What code does to start a Python by itself: in other words than `python_command` and the context of `spawning`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "executable":
            yield "sys.executable"
        elif isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").partition(".")[0] == "sys":
            yield "sys"
        elif isinstance(node, ast.Call):
            yield from _call(node)


def _call(call: ast.Call) -> Iterator[str]:
    name = name_of(call.func)
    owner = name_of(call.func.value) if isinstance(call.func, ast.Attribute) else ""
    if name == "ProcessPoolExecutor":
        if "mp_context" not in {word.arg for word in call.keywords}:
            yield name
    elif owner == "subprocess" and name in ("run", "Popen", "call", "check_call", "check_output"):
        first = call.args[0] if call.args else None
        if not (isinstance(first, ast.Call) and name_of(first.func) == "python_command"):
            yield f"subprocess.{name}"
    elif (
        (owner, name) == ("ray", "init")
        or name in ("get_context", "set_start_method", "Pool")
        or (owner, name) == ("multiprocessing", "Process")
    ):
        yield f"{owner}.{name}"


def test_every_python_is_started_in_one_place():
    words = ("sys", "subprocess", "multiprocessing", "ProcessPoolExecutor", "ray")
    found = {(path, start) for path, tree in sources(*words).items() for start in starts(tree)}
    assert found == {
        ("core/commands.py", "sys.executable"),
        ("core/commands.py", "multiprocessing.get_context"),
        ("curate/parts/ray.py", "ray.init"),
    }


def test_every_way_to_start_a_python_is_noticed():
    ways = [
        "subprocess.run([sys.executable, '-c', text])",
        "subprocess.Popen(command)",
        "multiprocessing.Process(target=work)",
        "multiprocessing.get_context('spawn').Pool()",
        "ProcessPoolExecutor(2)",
        "ray.init()",
        "from sys import executable",
    ]
    assert all(list(starts(ast.parse(way))) for way in ways)
    assert not list(starts(ast.parse("subprocess.run(python_command('x'))\nProcessPoolExecutor(mp_context=context)")))
