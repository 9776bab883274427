"""Writes workbooks as small as the format allows: sheets of inline texts, numbers and booleans."""

import zipfile
from xml.sax.saxutils import escape

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
LINKS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
TYPES = (
    f'<Types xmlns="{PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>'
)


def write_workbook(path, sheets):
    """A workbook of these sheets: name -> rows of values."""
    numbers = range(1, len(sheets) + 1)
    named = zip(numbers, sheets, strict=True)
    listed = "".join(f'<sheet name="{escape(name)}" sheetId="{n}" r:id="rId{n}"/>' for n, name in named)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("[Content_Types].xml", TYPES)
        file.writestr("_rels/.rels", _links({"rId1": ("officeDocument", "xl/workbook.xml")}))
        file.writestr(
            "xl/workbook.xml", f'<workbook xmlns="{MAIN}" xmlns:r="{LINKS}"><sheets>{listed}</sheets></workbook>'
        )
        links = {f"rId{n}": ("worksheet", f"worksheets/sheet{n}.xml") for n in numbers}
        file.writestr("xl/_rels/workbook.xml.rels", _links(links))
        for n, rows in zip(numbers, sheets.values(), strict=True):
            cells = "".join(f'<row r="{r}">{_row(r, row)}</row>' for r, row in enumerate(rows, start=1))
            file.writestr(
                f"xl/worksheets/sheet{n}.xml", f'<worksheet xmlns="{MAIN}"><sheetData>{cells}</sheetData></worksheet>'
            )


def _links(links):
    entries = "".join(
        f'<Relationship Id="{id}" Type="{LINKS}/{kind}" Target="{to}"/>' for id, (kind, to) in links.items()
    )
    return f'<Relationships xmlns="{PACKAGE}/relationships">{entries}</Relationships>'


def _row(number, values):
    return "".join(
        _cell(f"{chr(65 + place)}{number}", value) for place, value in enumerate(values) if value is not None
    )


def _cell(where, value):
    if isinstance(value, bool):
        return f'<c r="{where}" t="b"><v>{int(value)}</v></c>'
    if isinstance(value, int | float):
        return f'<c r="{where}"><v>{value}</v></c>'
    return f'<c r="{where}" t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'
