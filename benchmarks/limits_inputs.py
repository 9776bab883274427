"""Files that ask for more than a machine has: a few kilobytes or megabytes that unpack to gigabytes, lines without an end.

`gzip_of`, `zstd_of` and `workbook` write them within a second or two; benchmarks/limits.py and the tests read them.
"""

import struct
import zipfile
import zlib
from pathlib import Path

__all__ = ["PAIR", "SIZE", "gzip_of", "page", "parquet_of", "plain_of", "sparse", "workbook", "zstd_of"]

PAIR = b'{"input": "a", "output": "b"}\n'
SIZE = 2_000_000_000  # bytes that a file unpacks to
_BLOCK = 1 << 22
_NAMES = 'xmlns="http://schemas.openxmlformats.org/'


def gzip_of(path: Path, begin: bytes, fill: bytes, end: bytes = b"", *, size: int = SIZE) -> Path:
    """A .gz file of `begin`, `fill` until it has `size` bytes, and `end`."""
    block = fill * (_BLOCK // len(fill))
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    head = packer.compress(begin) + packer.flush(zlib.Z_FULL_FLUSH)
    # After a full flush nothing refers to what came before, so the packed block can be repeated.
    packed = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    tail = packer.compress(end) + packer.flush()
    count, check = size // len(block), zlib.crc32(begin)
    for _ in range(count):
        check = zlib.crc32(block, check)
    length = len(begin) + count * len(block) + len(end)
    with path.open("wb") as file:
        file.write(b"\x1f\x8b\x08\0\0\0\0\0\x02\xff" + head)
        file.writelines(packed for _ in range(count))
        file.write(tail + struct.pack("<II", zlib.crc32(end, check), length & 0xFFFFFFFF))
    return path


def zstd_of(path: Path, begin: bytes, fill: bytes, end: bytes = b"", *, size: int = SIZE) -> Path:
    """The same as .zst, in as many frames as there are blocks."""
    from backports import zstd

    block = zstd.compress(fill * (_BLOCK // len(fill)))
    with path.open("wb") as file:
        file.write(zstd.compress(begin))
        file.writelines(block for _ in range(size // _BLOCK))
        file.write(zstd.compress(end))
    return path


def plain_of(path: Path, begin: bytes, fill: bytes, end: bytes = b"", *, size: int) -> Path:
    """The same without compression."""
    with path.open("wb") as file:
        file.write(begin)
        file.writelines(fill * (_BLOCK // len(fill)) for _ in range(size // _BLOCK))
        file.write(end)
    return path


def sparse(path: Path, begin: bytes = b"", *, size: int = SIZE) -> Path:
    """A file of zero bytes after `begin` that takes no place on the disk."""
    with path.open("wb") as file:
        file.write(begin)
        file.truncate(size)
    return path


def parquet_of(path: Path, texts: list[str], *, rows: int, categories: bool = False) -> Path:
    """A Parquet file whose outputs repeat the texts, which are in it once: as a dictionary, or as categories."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    numbers = pa.array([row % len(texts) for row in range(rows)], type=pa.int32())
    outputs = pa.DictionaryArray.from_arrays(numbers, pa.array(texts, type=pa.large_string()))
    table = pa.table({"input": [f"part {row}" for row in range(rows)], "output": outputs})
    pq.write_table(table, path, compression="zstd", write_statistics=False, store_schema=categories)
    return path


def page(path: Path, *, size: int) -> Path:
    """A Parquet or Arrow file (by its suffix) with one text of this size, compressed."""
    import pyarrow as pa
    import pyarrow.feather as feather
    import pyarrow.parquet as pq

    table = pa.table({"input": ["a"], "output": pa.array(["x" * size], type=pa.large_string())})
    if path.suffix == ".parquet":
        pq.write_table(table, path, compression="zstd", use_dictionary=False, write_statistics=False)
    else:
        feather.write_feather(table, path, compression="zstd")
    return path


def workbook(path: Path, cells: dict[str, str], *, padding: int = 0) -> Path:
    """A workbook with these cells by their places; `padding` is spaces in its sheet, which the archive compresses well."""
    rows: dict[int, list[str]] = {}
    for place, text in cells.items():
        number = int("".join(filter(str.isdigit, place)))
        rows.setdefault(number, []).append(f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>')
    body = "".join(f'<row r="{number}">{"".join(found)}</row>' for number, found in rows.items())
    types, relations = f'{_NAMES}package/2006/content-types"', f'{_NAMES}package/2006/relationships"'
    office, sheet = "application/vnd.openxmlformats-officedocument.spreadsheetml", "xl/worksheets/sheet1.xml"
    kinds = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    main = f'{_NAMES}spreadsheetml/2006/main"'
    parts = {
        "[Content_Types].xml": f'<Types {types}><Default Extension="xml" ContentType="application/xml"/>'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{office}.sheet.main+xml"/>'
        f'<Override PartName="/{sheet}" ContentType="{office}.worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships {relations}><Relationship Id="r" Type="{kinds}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/_rels/workbook.xml.rels": f'<Relationships {relations}><Relationship Id="r" Type="{kinds}/worksheet" '
        'Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook {main} xmlns:r="{kinds}"><sheets><sheet name="S" sheetId="1" r:id="r"/></sheets>'
        "</workbook>",
        sheet: f"<worksheet {main}><sheetData>{body}</sheetData>{' ' * padding}</worksheet>",
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        for name, text in parts.items():
            book.writestr(name, f'<?xml version="1.0"?>{text}')
    return path
