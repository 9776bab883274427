"""The frame of every chart: title, text alternative, numbers in a table, note."""

from dataclasses import dataclass

from markupsafe import Markup

__all__ = ["Figure", "render_figure"]


@dataclass(frozen=True)
class Figure:
    """Everything in a chart except the picture: title, text alternative, numbers as a table, note."""

    title: str
    text: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    on_paper: bool = False  # print the table too, because the picture does not show the numbers
    id: str = ""  # the anchor for links from other parts of the page
    how: tuple[str, str] = ("", "")  # the id of the method behind the numbers, and the text of the link to it


def render_figure(figure: Figure, picture: Markup) -> Markup:
    """The chart with its title and note, and its numbers in a table under a disclosure; only the first column is text."""
    head = Markup("").join(Markup('<th scope="col">{}</th>').format(cell) for cell in figure.head)
    body = Markup("").join(
        Markup("<tr>{}</tr>").format(Markup("").join(Markup("<td>{}</td>").format(cell) for cell in row))
        for row in figure.rows
    )
    end, words = figure.how
    link = Markup('<a class="see" href="#m-{}">{}</a>').format(end, words) if end else Markup("")
    text = Markup(" ").join(part for part in (figure.note, link) if part)
    note = Markup('<p class="note">{}</p>').format(text) if text else Markup("")
    return Markup(
        '<figure class="chart"{id}><figcaption>{title}</figcaption>'
        '<div class="picture" role="img" aria-label="{text}">{picture}</div>{note}'
        '<details class="numbers{paper}"><summary>The numbers of this chart</summary><div class="scroll"><table>'
        "<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div></details></figure>"
    ).format(
        id=Markup(' id="{}"').format(figure.id) if figure.id else "",
        title=figure.title,
        text=figure.text,
        picture=picture,
        note=note,
        head=head,
        body=body,
        paper=" curve" if figure.on_paper else "",
    )
