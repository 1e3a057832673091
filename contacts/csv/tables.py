"""A CSV file that somebody chose, read as a table with the columns of contacts. Whatever it is, it is read or refused in words."""

import csv
import io
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cloud_api.wa_ids import BRAZIL
from contacts.csv.columns import LEFT_OUT, REPEATABLE_KEYS, guess_columns, guess_columns_by_cells, is_known_header, read_cell
from contacts.csv.encodings import UTF_8, guess_encoding
from contacts.services import CONTROL_CHARACTERS

MAX_BYTES = 5 * 2**20
MAX_COLUMNS = 200
"""Outlook exports 92."""
MAX_HEADER_LENGTH = 200
"""Characters of one that are looked at."""
MAX_ROW_LENGTH = 200_000
"""Characters, over all its lines; a spreadsheet's cell has 32,767 at most."""
MAX_PROBLEMS_KEPT = 100
"""Of those that a file has, so many are told one by one."""


@dataclass(frozen=True)
class ImportProblem:
    """What is wrong with a line of the file, and what to do. Line 0: with the file."""

    line: int
    words: str


@dataclass
class ImportProblems:
    """All there are; the first ones are kept."""

    count: int = 0
    first: list[ImportProblem] = field(default_factory=list)
    lines: set[int] = field(default_factory=set)

    def add(self, line: int, words: object) -> None:
        self.count += 1
        self.lines.add(line)
        if self.count <= MAX_PROBLEMS_KEPT:
            self.first.append(ImportProblem(line, str(words)))

    def in_order(self) -> list[ImportProblem]:
        return sorted(self.first, key=lambda fault: fault.line)


class FileRefused(ValueError):
    """The file cannot be imported, for these faults. Nothing was."""

    def __init__(self, faults: ImportProblems) -> None:
        super().__init__(faults.count)
        self.faults = faults

    @classmethod
    def because(cls, words: object, line: int = 0) -> "FileRefused":
        faults = ImportProblems()
        faults.add(line, words)
        return cls(faults)


CELL_SEPARATORS = ";,\t|"
MAX_ROWS_SAMPLED = 200
"""Rows that are looked at for samples."""
_SEPARATOR_LINE = re.compile(r'"?sep=([^\r\n"])"?[ \t]*(?:\r\n|\r|\n|$)', re.IGNORECASE)
"""Excel's own first line, which says what stands between the cells."""


@dataclass(frozen=True)
class Layout:
    """How a file is to be read: what is guessed of it, or what people have chosen. `columns` has a key for each, in their order."""

    encoding: str
    separator: str
    columns: tuple[str, ...]
    has_header: bool = True


@dataclass(frozen=True)
class CsvTable:
    """The keys of the columns by their place, all headers, those that say nothing to us, and the rows with their first lines."""

    columns: Mapping[int, str]
    headers: Sequence[str]
    ignored: Sequence[str]
    rows: Iterator[tuple[int, list[str]]]


def guess_layout(content: bytes, *, country: str = BRAZIL, encoding: str = "", has_header: bool | None = None) -> Layout:
    """How the file is in all likelihood to be read; what is given is taken. Raises Refused for what is no CSV file."""
    if len(content) > MAX_BYTES:
        raise FileRefused.because(_("The file is larger than 5 MB. Import it in parts."))
    encoding = encoding or guess_encoding(content) or ""
    text = _text(content, encoding)
    firsts: list[tuple[list[str], str, list[str]]] = []
    refusal: FileRefused | None = None
    told = _told_separator(text)
    for separator in dict.fromkeys(told + CELL_SEPARATORS):
        try:
            _line, first = next(_rows(text, separator), (1, []))
        except FileRefused as each:  # with this sign between the cells; perhaps not with another
            refusal = refusal or each
            continue
        firsts.append((guess_columns([cell[:MAX_HEADER_LENGTH] for cell in first[:MAX_COLUMNS]]), separator, first))
    if refusal and not firsts:
        raise refusal
    keys, separator, first = max(firsts, key=lambda each: (sum(map(bool, each[0])), each[1] == told, len(each[2])))
    if len(first) > MAX_COLUMNS:
        words = gettext("There are %(count)s columns; %(most)s are the most.")
        raise FileRefused.because(words % {"count": len(first), "most": MAX_COLUMNS}, 1)
    by_cells = guess_columns_by_cells([cell[:MAX_HEADER_LENGTH] for cell in first], country=country)
    if has_header is None:
        has_header = any(keys) or not any(by_cells)
    return Layout(encoding, separator, tuple(keys if has_header else by_cells), has_header)


def _told_separator(text: str) -> str:
    """What the file itself says."""
    told = _SEPARATOR_LINE.match(text)
    return told[1] if told else ""


def read_table(content: bytes, layout: Layout | None = None) -> CsvTable:
    """The file as it is laid out, by default as is likeliest. Raises Refused if that cannot be, or no column has the phones; later,
    when the rows are read, too."""
    layout = layout or guess_layout(content)
    check_columns(layout.columns)
    rows = _rows(_text(content, layout.encoding), layout.separator)
    headers = next(rows, (1, []))[1] if layout.has_header else [""] * len(layout.columns)
    columns = {position: key for position, key in enumerate(layout.columns) if key != LEFT_OUT}
    headers = [*headers, *[""] * (len(layout.columns) - len(headers))]  # in another encoding the first line may be another
    short = [header.strip()[:MAX_HEADER_LENGTH] for header in headers]
    ignored = [each[:60] for place, each in enumerate(short) if each and place not in columns and not is_known_header(each)]
    return CsvTable(columns, headers, ignored, rows)


def check_columns(columns: Sequence[str]) -> None:
    """Raises Refused if nobody can be found by these columns, or two are for the same."""
    if not {"phone", "wa_id"}.intersection(columns):
        raise FileRefused.because(_("No column has the phone. Say which one has it."), 1)
    if {"phone", "wa_id"}.issubset(columns):
        raise FileRefused.because(_("There are two columns for the phone. Make one of them the other phone, or leave it out."), 1)
    given = [key for key in columns if key != LEFT_OUT and key not in REPEATABLE_KEYS]
    if len(given) != len(set(given)):
        raise FileRefused.because(_("Two columns are for the same. Leave one of them out."), 1)


def sample_cells(content: bytes, layout: Layout, count: int) -> list[tuple[str, list[str]]]:
    """The header of each column, and up to `count` of its cells that are not empty, as far as the file can be read. Raises Refused
    if it is no text."""
    rows = _rows(_text(content, layout.encoding), layout.separator)
    headers: list[str] = []
    cells: list[list[str]] = [[] for _ in layout.columns]
    with suppress(FileRefused):  # the check tells which line it is
        if layout.has_header:
            headers = next(rows, (1, []))[1]
        for _line, row in itertools.islice(rows, MAX_ROWS_SAMPLED):
            for own, cell in zip(cells, row, strict=False):
                if len(own) < count and (words := read_cell(cell[:MAX_HEADER_LENGTH])):
                    own.append(words)
    names = [header.strip()[:MAX_HEADER_LENGTH] for header in headers[: len(cells)]]
    return list(zip([*names, *[""] * (len(cells) - len(names))], cells, strict=True))


def _rows(text: str, sign: str) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank, each with the line it begins on."""
    lines = TextLines(text, sign)
    reader = csv.reader(lines, delimiter=sign, strict=True, skipinitialspace=True)
    begins = 1 + lines.skipped
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield begins, cells
            begins = reader.line_num + 1 + lines.skipped
            lines.begin_row()
    except csv.Error:
        words = _("This line cannot be read: a quotation mark is missing or too many, or a cell is far too long.")
        raise FileRefused.because(words, reader.line_num + lines.skipped) from None


class TextLines:
    """The lines of a text for the reader of rows, as many as a row may have: `left` are the characters that this row may go on for.
    Raises csv.Error beyond them. Excel's own first line is left out (`skipped`), and so are spaces between a closing quotation mark
    and the sign that parts the cells."""

    def __init__(self, text: str, sign: str) -> None:
        self.left = MAX_ROW_LENGTH
        told = _SEPARATOR_LINE.match(text)
        self.skipped = 1 if told else 0
        self._lines = io.StringIO(text[told.end() :] if told else text, newline="")
        self._marks = 0
        blank = {" ": r"\t", "\t": " "}.get(sign, r"[ \t]")
        ends = rf"{blank}+(?={re.escape(sign)}|\r?\n|\r|$)"
        self._space = re.compile(rf'(?<![{re.escape(sign)}"])"{ends}')
        self._empty = re.compile(rf'(?:^|{re.escape(sign)}){blank}*(""){ends}')

    def begin_row(self) -> None:
        """The next line is the first of a row."""
        self.left = MAX_ROW_LENGTH
        self._marks = 0

    def __iter__(self) -> Iterator[str]:
        while line := self._lines.readline(MAX_ROW_LENGTH + 1):
            self.left -= len(line)
            if self.left < 0:
                raise csv.Error
            shortened = self._without_spaces(line) if '" ' in line or '"\t' in line else line
            self._marks += line.count('"')
            yield shortened

    def _without_spaces(self, line: str) -> str:
        """Two marks are an empty cell only where an even number of them comes before; within a cell they are one of its text."""
        marks, counted = self._marks, 0

        def shorten(match: re.Match[str]) -> str:
            nonlocal marks, counted
            marks += line.count('"', counted, match.start(1))
            counted = match.start(1)
            return match[0] if marks % 2 else line[match.start() : match.end(1)]

        return self._space.sub('"', self._empty.sub(shorten, line))


def _text(content: bytes, encoding: str) -> str:
    """Raises Refused for what is no text."""
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"\xff\xfe", b"\xfe\xff")):
        raise FileRefused.because(
            _("This is not a CSV file in UTF-8. In the spreadsheet, save the sheet as “CSV UTF-8”, and choose that.")
        )
    try:
        text = content.decode(encoding or UTF_8)
    except (UnicodeDecodeError, LookupError):
        text = "\x00"
    if "\x00" in text or CONTROL_CHARACTERS.search(text):
        raise FileRefused.because(_("This is no text file. In the spreadsheet, save the sheet as “CSV UTF-8”, and choose that."))
    if not text.strip():
        raise FileRefused.because(_("The file is empty."))
    return text
