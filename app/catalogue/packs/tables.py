"""Read a CSV file of a pack: rows with their lines, and every fault with its own."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.catalogue.packs.columns import Read
from app.catalogue.packs.faults import Fault, warning
from app.catalogue.packs.text import NotText, decode

_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}


@dataclass(slots=True)
class Row:
    """A row of a table: where it stands, its values by column. A value that could not be read is None."""

    file: str
    where: str
    values: dict[str, Any]

    def __getitem__(self, column: str) -> Any:
        return self.values[column]

    def fault(self, reason: str, *, needs: str = "") -> Fault:
        """Give an error in this row, which may follow from one of the file ``needs``."""
        return Fault(self.file, self.where, reason, needs=needs)

    def warning(self, reason: str) -> Fault:
        """Give a warning about this row."""
        return warning(self.file, self.where, reason)


@dataclass(slots=True)
class Table:
    """The rows of a file and the faults that its reader met."""

    rows: list[Row] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def read_table(path: Path, columns: Mapping[str, Read], *, required: bool = True) -> Table:
    """Read a CSV file with a header; a file that need not be there may be missing."""
    table = Table()
    if not path.exists():
        if required:
            table.faults.append(Fault(path.name, "", "the file is missing", broken=True))
        return table
    for row in stream_table(path, columns, table.faults):
        table.rows.append(row)
    return table


def stream_table(path: Path, columns: Mapping[str, Read], faults: list[Fault]) -> Iterator[Row]:
    """Walk the rows of a CSV file, gzipped or not; faults are added to the list as they are met."""
    text = _text(path, faults)
    if text is None:
        return
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header = _header(path.name, reader, columns, faults)
    if header is None:
        return
    line = reader.line_num + 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                row = Row(path.name, str(line), dict.fromkeys(columns))
                faults += _fill(row, header, cells, columns)
                yield row
            line = reader.line_num + 1
    except csv.Error as fault:
        reason = f"it cannot be read as CSV: {fault}; a quote that opens must be closed"
        faults.append(Fault(path.name, str(line), reason, broken=True))


def _text(path: Path, faults: list[Fault]) -> str | None:
    try:
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
        return decode(path.name, content)
    except NotText as fault:
        faults.append(fault.fault)
    except (OSError, EOFError, zlib.error) as fault:
        faults.append(Fault(path.name, "", f"it cannot be read: {fault}", broken=True))
    return None


def _header(name: str, reader: Any, columns: Mapping[str, Read], faults: list[Fault]) -> list[str] | None:
    try:
        header = [cell.strip() for cell in next(reader, [])]
    except csv.Error as fault:
        faults.append(Fault(name, "1", f"it cannot be read as CSV: {fault}", broken=True))
        return None
    other = next((sign for sign in _SEPARATORS if len(header) == 1 and sign in header[0]), None)
    if other:
        reason = f"its cells are separated by {_SEPARATORS[other]}, they must be by commas: save it as CSV with commas"
        faults.append(Fault(name, "1", reason, broken=True))
        return None
    missing = [column for column in columns if column not in header]
    faults += [Fault(name, "1", f"the column {column} is missing", broken=True) for column in missing]
    twice = {column for column in header if column in columns and header.count(column) > 1}
    faults += [Fault(name, "1", f"the column {column} is there twice", broken=True) for column in sorted(twice)]
    faults += [
        warning(name, "1", f"the column {cell!r} is not known and is ignored") for cell in header if cell not in columns
    ]
    return None if missing or twice else header


def _fill(row: Row, header: list[str], cells: list[str], columns: Mapping[str, Read]) -> Iterator[Fault]:
    """Read the cells into the row, and tell what could not be read."""
    if len(cells) != len(header):
        hint = "; a comma inside of a cell needs quotes around it" if len(cells) > len(header) else ""
        yield row.fault(f"it has {len(cells)} cells, the header has {len(header)}{hint}")
    given = dict(zip(header, (cell.strip() for cell in cells), strict=False))
    for column, read in columns.items():
        try:
            row.values[column] = read(given.get(column, ""))
        except ValueError as fault:
            yield row.fault(f"{column}: {fault}")
