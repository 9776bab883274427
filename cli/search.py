"""`tuneworth search`: the strongest prompt without training, found on validation pairs."""

from pathlib import Path

import click

from ..core import Console, quote
from .help import Grouped
from .options import RunName, code_option, common_options


@click.command("search", cls=Grouped, epilog="Example:  tuneworth search examples/components --plan")
@click.argument("project", required=False, type=click.Path(path_type=Path))
@click.option("--run", "name", type=RunName(), help="The run to search in (default: the newest).")
@click.option(
    "--plan", is_flag=True, help="Show how many outputs and tokens and how much money it takes; send nothing."
)
@code_option
@common_options
def command(project: Path | None, name: str | None, plan: bool, allow_code: bool, talk: Console) -> None:
    """Search for the best prompt without training, as configured in [evaluate.search].

    Forms of the guide and sets of examples are compared by successive halving; with `reflection`, a model rewrites the
    guide in view of the rules that outputs break. Only validation pairs decide. The next evaluation measures the result on
    the test pairs as the variant `searched`. After an interruption, the same command requests only what is missing.
    """
    from ..project import plan_search, search_prompt, search_text

    if plan:
        planned = plan_search(project, run=name, allow_code=allow_code, talk=talk)
        talk.answer("\n".join(planned.lines), planned.data())
        folder, run = quote(str(planned.run.project.folder)), quote(planned.run.name)
        talk.next(f"nothing was sent; to search: tuneworth search {folder} --run {run}")
        return
    found = search_prompt(project, run=name, allow_code=allow_code, talk=talk)
    talk.answer(search_text(found), found.to_json())
    talk.next(f"tuneworth evaluate {quote(str(project or Path()))}{f' --run {quote(name)}' if name else ''}")
