"""The entry point: loads each sub-command when it is called and turns errors into exit codes."""

import io
import os
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib import import_module
from typing import Any

import click
from click.shell_completion import CompletionItem

from ..core import code_of_child, fill_closed_streams, is_limited, printable, quote
from .failures import report_failure
from .help import write_groups

# The commands by the job that they do. Name -> module, with the name of the command unless it is `command`, and its line
# in `--help`, which imports no module.
JOBS = {
    "Start": {
        "demo": ("run.demo", "Run the included example end to end: offline, on two CPU cores."),
        "check": ("check", "Check up on a file of pairs: what to fix, what to look at, and what to type."),
        "init": ("init", "Create a project folder, with its settings inferred from a file of pairs."),
        "run": ("run.run", "Curate, train, evaluate and report in one go."),
    },
    "One stage at a time": {
        "curate": ("curate", "Turn raw pairs into clean, leak-proof splits, with a ledger of every row."),
        "train": ("train", "Fit a LoRA adapter on the train split."),
        "search": ("search", "Search the best prompt without training, on the validation pairs."),
        "evaluate": ("evaluate", "Race the variants on the held-out pairs and give the verdict."),
        "report": ("report", "Write report.html, report.md and junit.xml of a finished run."),
    },
    "Data and style": {
        "style": ("style", "Infer a style from examples, check a file against one, or write its guide."),
        "fix": ("fix", "Repair the outputs of a file by the rules of a style."),
        "why": ("why", "Show what happened to a row, by which rule and compared with which other row."),
        "review": ("review", "Decide about rows, change the style and judge outputs, in the browser."),
    },
    "Runs and money": {
        "runs": ("runs", "List the runs of a project, with what changed between them; prune old ones."),
        "compare": ("compare", "Compare judged runs: what works now, what no longer does, and what it costs."),
        "roi": ("roi", "Compare costs, from measured or stated numbers."),
    },
    "After the verdict": {
        "export": ("export", "Write a run's clean splits in another format, or its tuned model for a server."),
        "serve-check": ("serve_check", "Check whether a deployed model is the one that was judged."),
        "watch": ("watch", "Watch what was judged: the served model, live requests, prices, dates and volume."),
    },
}
COMMANDS = {name: command for commands in JOBS.values() for name, command in commands.items()}


_PANIC = "PanicException"  # what a panic in Rust raises; its class is no Exception, and importing it imports polars
_ASKING = ("serve-check", "watch")  # they resume by themselves


class _ReaderGone(Exception):
    """What reads the output is gone, such as `head`; click would end with 1, which stands for a gate."""


class _Lazy(click.Group):
    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise _ReaderGone from error

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(".")
        return getattr(import_module(f".{module}", __package__), name or "command")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        self.format_commands(ctx, formatter)
        click.Command.format_options(self, ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        jobs = {job: [(name, text) for name, (_, text) in commands.items()] for job, commands in JOBS.items()}
        write_groups(formatter, jobs)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands that begin like this; only their names and lines are looked at, since the shell waits."""
        if incomplete.startswith("-"):
            return click.Command.shell_complete(self, ctx, incomplete)
        return [CompletionItem(name, help=text) for name, (_, text) in COMMANDS.items() if name.startswith(incomplete)]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS:
            from ..core import nearest

            raise click.UsageError(f'no command "{args[0]}"; {nearest(args[0], list(COMMANDS))}', ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="tuneworth")
def tuneworth() -> None:
    """Is fine-tuning worth it, or is a better prompt enough?

    Tuneworth cleans a file of example pairs, fits a LoRA on them, races the tuned model against the prompted one on
    held-out pairs, counts tokens and money, and gives a verdict with its evidence in one HTML report.

    \b
    Exit codes: 0 done, 1 a gate failed, 2 wrong input, 3 stopped half-way,
    4 decide again (watch).

    \b
    Try it:  tuneworth demo
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command and exit with its code: 0 done, 1 a gate failed, 2 wrong input, 3 aborted, 4 decide again."""
    fill_closed_streams()
    if arguments is None and is_limited() and not _is_one_of_several():
        sys.exit(code_of_child(lambda: _code_of(sys.argv[1:])))
    sys.exit(_code_of(sys.argv[1:] if arguments is None else arguments))


def _code_of(arguments: list[str]) -> int:
    """The exit code of the command, after its messages."""
    # Said by polars if its library cannot be loaded; what follows tells why.
    warnings.filterwarnings("ignore", message="Polars binary is missing")
    try:
        from ..core import print_anywhere

        print_anywhere()
        _check_threads()
        with _one_process_prints(arguments) if _is_one_of_several() else nullcontext():
            code = tuneworth.main(args=arguments, prog_name="tuneworth", standalone_mode=False)
    except click.ClickException as error:
        error.show(shown := io.StringIO())
        print(printable(shown.getvalue()), end="", file=sys.stderr)
        code = 2
    except click.Abort as stopped:
        print(_stopped(arguments, stopped.__cause__), file=sys.stderr)
        code = 3
    except _ReaderGone:
        _drop_output()
        code = 3
    except BaseException as error:
        if not (isinstance(error, Exception) or type(error).__name__ == _PANIC):
            raise
        code = report_failure(error, debug="--debug" in arguments)
        if resume := _resume_command(arguments, error):
            print(f"Resume with: {resume}", file=sys.stderr)
    return code if isinstance(code, int) else 0


def _check_threads() -> None:
    """Raises: ConfigError if polars would panic, with a traceback, as no thread may work for it."""
    stated = os.environ.get("POLARS_MAX_THREADS", "")
    if stated.isdecimal() and not int(stated):
        from ..core import ConfigError

        raise ConfigError(
            f"the environment variable POLARS_MAX_THREADS is {stated}, so no thread could work\n"
            "Unset it to use every core, or set the number of threads."
        )


def _is_one_of_several() -> bool:
    """Whether `torchrun` or `accelerate launch` started several processes."""
    return os.environ.get("WORLD_SIZE", "1") != "1" and "LOCAL_RANK" in os.environ


@contextmanager
def _one_process_prints(arguments: list[str]) -> Iterator[None]:
    """Join the other processes; only the first one prints, or the first one of a machine to fail.

    Raises: ConfigError for a command that must run in a single process; RunBroken if a process is stopped from outside.
    """
    from ..core import ConfigError
    from ..train import Processes

    streams = sys.stdout, sys.stderr
    rank = os.environ.get("RANK", "")
    if rank.isdecimal() and int(rank):  # any other process may have to tell that its environment is incomplete
        _silence()
    processes = Processes.here()
    signal.signal(signal.SIGTERM, _raise_stopped)
    try:
        command = next((word for word in arguments if not word.startswith("-")), None)
        if command not in (None, "train"):
            raise ConfigError(
                f"`tuneworth {command}` was started in several processes; only `tuneworth train` can share its work\n"
                f"Run `tuneworth {command}` without the launcher."
            )
        yield
        Processes.here().leave()  # looked up again: a command may have left the group before its last part
    except BaseException:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the launcher terminates all; this one exits by itself
        if processes.speaks_of_failure():
            sys.stdout, sys.stderr = streams
        else:
            _silence()
        raise


def _silence() -> None:
    sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - until the process ends


def _drop_output() -> None:
    """Drop what waits for a reader that is gone, which Python would try to print when it ends, with an error."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            with open(os.devnull, "w", encoding="utf-8") as null:  # noqa: PTH123
                os.dup2(null.fileno(), stream.fileno())


def _raise_stopped(*_: Any) -> None:
    from ..core import RunBroken

    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise RunBroken(
        "Stopped: another process of this training ended, or the launcher was stopped.\n"
        "Run the same command to resume from the last checkpoint."
    )


def _stopped(arguments: list[str], stopped: BaseException | None) -> str:
    """The state after Ctrl-C: long stages can be resumed, the others leave nothing half-written."""
    if resume := _resume_command(arguments, stopped):
        return f"Stopped. Finished work is kept. Resume with: {resume}"
    if any(name in arguments for name in _ASKING):
        return "Stopped. Answers that arrived are kept; run the same command to resume."
    return "Stopped. No partial file was left; run the same command to start again."


def _resume_command(arguments: list[str], stopped: BaseException | None) -> str | None:
    """The command with the name of the run that it began or opened; None if it stopped before that."""
    if not getattr(stopped, "__notes__", None):
        return None
    from ..project import stopped_run

    if (run := stopped_run(stopped)) is None:
        return None
    if "demo" in arguments:
        return f"tuneworth run {quote(str(run.parent.parent))} --run {quote(run.name)}"
    stated = [place for place, word in enumerate(arguments) if word == "--run" or word.startswith("--run=")]
    dropped = {place for first in stated for place in range(first, first + 1 + (arguments[first] == "--run"))}
    kept = [word for place, word in enumerate(arguments) if place not in dropped]
    return " ".join(["tuneworth", *map(quote, kept), "--run", quote(run.name)])
