"""Commands that send requests to a server, one at a time."""

from pathlib import Path

from ..cli.test_endpoint import MONEY
from ..cli.test_endpoint import PROJECT as VARIANTS
from ..cli.test_train_hosted import MODELS
from ..cli.test_train_hosted import PROJECT as HOSTED
from ..deploy.hosted_server import HostedServer
from .situation import Situation
from .situations import after, named, write_pairs_and_style

__all__ = ["at_a_provider", "at_an_endpoint"]

SEARCH = """
[evaluate.search]
rounds = 1
candidates = 2
"""
ANSWERS = ("*answers.jsonl", "*.sent.jsonl", "*generated.jsonl", "*asking/*.jsonl", "*looks.jsonl")


def at_an_endpoint(url: str) -> tuple[Situation, ...]:
    """A project whose variants run on a server: the race, a search, and the check and watch of its served model."""

    def project(folder: Path) -> None:
        write_pairs_and_style(folder)
        (folder / "guide.txt").write_text("Write a label.", encoding="utf-8")
        settings = VARIANTS.format(url=url, more="").replace("endpoint =", "concurrency = 1\nendpoint =") + MONEY
        (folder / "tuneworth.toml").write_text(settings, encoding="utf-8")

    judged = named(after(project, ("curate",), ("evaluate",)))
    served = ("--endpoint", url, "--model", "ft:base:labels", "--rows", "3")
    return (
        Situation("race at an endpoint", ("evaluate",), after(project, ("curate",)), appends=ANSWERS),
        Situation("search", ("search",), after(project, ("curate",)), appends=ANSWERS),
        Situation("serve-check", ("serve-check", "runs/run", *served), judged, appends=ANSWERS, varies=("cost",)),
        Situation(
            "watch",
            ("watch", "runs/run", *served),
            judged,
            appends=ANSWERS,
            repeats=("*/watch/*.jsonl",),
            passing=("*/watch/asking/*",),
            varies=("cost",),
        ),
    )


def at_a_provider(server: HostedServer) -> Situation:
    """A project that is trained at a provider, whose server is emptied before the command runs for the first time."""

    def project(folder: Path) -> None:
        write_pairs_and_style(folder)
        settings = HOSTED.format(model=MODELS[server.provider], more=f'base_url = "{server.url}"')
        (folder / "tuneworth.toml").write_text(settings, encoding="utf-8")

    def forget() -> None:
        server.files.clear()
        server.jobs.clear()

    words = ("train", "--on", server.provider, "--yes")
    passing = ("*/train/adapter.archive",)  # a download that the rerun makes again
    return Situation("train at a provider", words, after(project, ("curate",)), fresh=forget, passing=passing)
