"""The frame of every chart: its title, its text alternative, its numbers in a table, its footnote."""

from dataclasses import dataclass

from markupsafe import Markup

__all__ = ["Figure", "render_figure"]


@dataclass(frozen=True)
class Figure:
    """What every chart has besides its picture: title, text alternative, its numbers as a table, a footnote."""

    title: str
    text: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    on_paper: bool = False  # print the table too, if the picture alone does not show the numbers
    id: str = ""  # the anchor that other parts of the page link to
    how: tuple[str, str] = ("", "")  # the method's id, and the words of the link to it: how the numbers were computed


def render_figure(figure: Figure, picture: Markup) -> Markup:
    """The chart with its title, and its numbers in a table under a disclosure: all columns but the first are numbers."""
    head = Markup("").join(Markup('<th scope="col">{}</th>').format(cell) for cell in figure.head)
    body = Markup("").join(
        Markup("<tr>{}</tr>").format(Markup("").join(Markup("<td>{}</td>").format(cell) for cell in row))
        for row in figure.rows
    )
    end, words = figure.how
    link = Markup('<a class="see" href="#m-{}">{}</a>').format(end, words) if end else Markup("")
    said = Markup(" ").join(part for part in (figure.note, link) if part)
    note = Markup('<p class="note">{}</p>').format(said) if said else Markup("")
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
