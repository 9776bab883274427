"""docs/no-gpu.md: its commands run against a server that plays the endpoint, and print what the page shows."""

import json
import re
import shlex
from pathlib import Path

import pytest

from tuneworth.examples import example_path

from ..evaluate.endpoint_server import Asked, EndpointServer, Step, completion

PAGE = (Path(__file__).parents[2] / "docs" / "no-gpu.md").read_text(encoding="utf-8")
FAR, KEY = "https://api.example.com/v1", "EXAMPLE_API_KEY"


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)


def commands() -> list[tuple[str, list[str]]]:
    """Each command of the page with the lines that it shows."""
    found: list[tuple[str, list[str]]] = []
    for line in "".join(blocks("console")).splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
    return found


class Provider:
    """Two models: the tuned one gives the output that people wrote, the prompted one forgets the package half the time."""

    def __init__(self) -> None:
        self.outputs: dict[str, str] = {}

    def __call__(self, asked: Asked) -> Step:
        sent = sum(len(message["content"]) // 4 + 4 for message in asked.body["messages"])
        text = self.outputs.get(asked.text, "ok")
        if not asked.body["model"].startswith("ft:") and len(text) % 2:
            text = text.rpartition(", ")[0] + "!"
        usage = {"prompt_tokens": sent, "completion_tokens": len(text) // 4, "total_tokens": sent + len(text) // 4}
        return Step(body=completion(text, usage=usage))


@pytest.mark.slow
def test_the_page_leads_from_pairs_to_a_verdict(command, tmp_path, monkeypatch):
    (tmp_path / "examples").symlink_to(example_path("components").parent)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(KEY, "sk-of-the-page-12345")
    provider = Provider()
    with EndpointServer(provider) as server:
        for words, lines in commands():
            done = command(*shlex.split(words)[1:])
            assert done.code == 0, (words, done.err)
            printed = [line.rstrip() for line in done.out.replace("127.0.0.1", "api.example.com").strip().splitlines()]
            if lines and lines[-1] == "…":
                lines, printed = lines[:-1], printed[: len(lines) - 1]
            assert printed == [re.sub(r"\bRUN\b", newest(tmp_path), line.rstrip()) for line in lines], words
            if words.startswith("tuneworth init"):
                put_in(tmp_path / "lines" / "tuneworth.toml", server.url)
            if words.startswith("tuneworth curate"):
                provider.outputs = held_out(tmp_path)
            if words.endswith("--dry-run"):
                assert server.requests == []
        assert {asked.headers["authorization"] for asked in server.requests} == {"Bearer sk-of-the-page-12345"}
        assert len(server.requests) == 200 + 3 + 1
        sent = json.dumps([asked.body["messages"][-1] for asked in server.requests])
        assert not any(json.dumps(output)[1:-1] in sent for output in provider.outputs.values())
    results = json.loads((tmp_path / "lines" / "runs" / newest(tmp_path) / "results.json").read_text())
    assert results["quality"]["tuned"]["acceptable"]["share"] > results["quality"]["prompted"]["acceptable"]["share"]
    # The example's rules can be met without any model, so no training pays.
    assert (results["verdict"]["decision"], results["comparison"]["baseline"]) == ("keep prompting", "template")
    for path in (tmp_path / "lines").rglob("*"):
        assert path.is_dir() or b"sk-of-the-page" not in path.read_bytes()


def put_in(file: Path, url: str) -> None:
    """What step 1 says: the page's tables in place of [evaluate.prompted] and what follows."""
    (table,) = blocks("toml")
    kept = file.read_text(encoding="utf-8").partition("[evaluate.prompted]")[0]
    assert FAR in table
    file.write_text(kept + table.replace(FAR, url), encoding="utf-8")


def newest(folder: Path) -> str:
    return max((path.name for path in (folder / "lines").glob("runs/*")), default="none")


def held_out(folder: Path) -> dict[str, str]:
    text = (folder / "lines" / "runs" / newest(folder) / "curate" / "test.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in text.splitlines()]
    return {row["input"] if isinstance(row["input"], str) else said(row["input"]): row["output"] for row in rows}


def said(fields: dict[str, str]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in fields.items())
