"""A CSV file that somebody chose, read as a table with the columns of contacts. Whatever it is, it is read or refused in words."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from contacts.columns import BY_HEADER, unguarded
from contacts.searching import normalized

MOST_BYTES = 5 * 2**20
MOST_COLUMNS = 50
MOST_FAULTS = 100
"""Of those that a file has, so many are told one by one."""


@dataclass(frozen=True)
class Fault:
    """What is wrong with a line of the file, and what to do. Line 0: with the file."""

    line: int
    words: str


@dataclass
class Faults:
    """All there are; the first ones are kept."""

    count: int = 0
    first: list[Fault] = field(default_factory=list)

    def add(self, line: int, words: object) -> None:
        self.count += 1
        if self.count <= MOST_FAULTS:
            self.first.append(Fault(line, str(words)))

    def in_order(self) -> list[Fault]:
        return sorted(self.first, key=lambda fault: fault.line)


class Refused(ValueError):
    """The file cannot be imported, for these faults. Nothing was."""

    def __init__(self, faults: Faults) -> None:
        super().__init__(faults.count)
        self.faults = faults

    @classmethod
    def because(cls, words: object, line: int = 0) -> "Refused":
        faults = Faults()
        faults.add(line, words)
        return cls(faults)


@dataclass(frozen=True)
class Sheet:
    """The keys of the columns by their place, headers that say nothing to us, and the rows with the lines they begin on."""

    columns: Mapping[int, str]
    headers: Sequence[str]
    ignored: Sequence[str]
    rows: Iterator[tuple[int, list[str]]]


def read_sheet(content: bytes) -> Sheet:
    """Raises Refused if this is no CSV file with the columns that an import needs; later, when the rows are read, too."""
    text = _decoded(content)
    best = max((_opened(text, each) for each in ";,\t"), key=lambda sheet: (len(sheet.columns), len(sheet.headers)))
    if len(best.headers) > MOST_COLUMNS:
        raise Refused.because(gettext("There are %(count)s columns; 50 are the most.") % {"count": len(best.headers)}, 1)
    names = list(best.columns.values())
    if not {"phone", "wa_id"}.intersection(names):
        raise Refused.because(
            _("No column is called phone, telefone or teléfono. The first line has to name the columns, as in the template."), 1
        )
    if twice := next((best.headers[place] for place, key in best.columns.items() if names.count(key) > 1), None):
        raise Refused.because(gettext("Two columns are for the same as “%(header)s”. Leave one.") % {"header": twice[:60]}, 1)
    if {"phone", "wa_id"}.issubset(names):
        raise Refused.because(_("There are two columns for the phone. Leave one."), 1)
    return best


def _opened(text: str, sign: str) -> Sheet:
    rows = _rows(text, sign)
    _line, headers = next(rows, (1, []))
    known = {place: BY_HEADER.get(normalized(unguarded(header))) for place, header in enumerate(headers)}
    columns = {place: column.key for place, column in known.items() if column and column.read}
    ignored = [headers[place].strip()[:60] for place, column in known.items() if column is None and headers[place].strip()]
    return Sheet(columns, headers, ignored, rows)


def _rows(text: str, sign: str) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank, each with the line it begins on."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=sign, strict=True)
    try:
        begins = 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield begins, cells
            begins = reader.line_num + 1
    except csv.Error:
        words = _("This line cannot be read: a quotation mark is missing or too many, or a cell is far too long.")
        raise Refused.because(words, reader.line_num) from None


def _decoded(content: bytes) -> str:
    if len(content) > MOST_BYTES:
        raise Refused.because(_("The file is larger than 5 MB. Import it in parts."))
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"\xff\xfe", b"\xfe\xff")):
        raise Refused.because(
            _("This is not a CSV file in UTF-8. In the spreadsheet, save the sheet as “CSV UTF-8”, and choose that.")
        )
    text = _text(content)
    if text is None or re.search(r"[\x00-\x08\x0e-\x1f\x7f]", text):
        raise Refused.because(_("This is no text file. In the spreadsheet, save the sheet as “CSV UTF-8”, and choose that."))
    if not text.strip():
        raise Refused.because(_("The file is empty."))
    return text


def _text(content: bytes) -> str | None:
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None
