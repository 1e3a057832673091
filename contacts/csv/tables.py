"""CSV files as tables with the columns of contacts. A file that cannot be read raises FileRefused with a text for the user."""

# Hand-written on top of `csv`: the separator is the one with which most headers are known. `csv.Sniffer` only counts characters.

import csv
import io
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cloud_api.wa_ids import BRAZIL
from contacts.csv.columns import LEFT_OUT, REPEATABLE_KEYS, guess_columns, guess_columns_by_cells, is_known_header, read_cell
from contacts.csv.encodings import UTF_8, guess_encoding
from contacts.services import CONTROL_CHARACTERS
from organizations.text_display import GroupedInt

MAX_BYTES = 5 * 2**20
MAX_COLUMNS = 200
"""Outlook exports 92."""
MAX_HEADER_LENGTH = 200
"""Characters of a header that are read."""
MAX_ROW_LENGTH = 200_000
"""Characters of a row, over all its lines. A spreadsheet's cell has 32,767 at most."""
MAX_PROBLEMS_KEPT = 100
"""Problems of a file that are listed. More are only counted."""


@dataclass(frozen=True)
class ImportProblem:
    """Why a line of the file cannot be imported, and what to do. Line 0: the whole file. `row`: phone and name of the line, which
    people recognize."""

    line: int
    words: str
    row: str = ""


@dataclass
class ImportProblems:
    """The number of problems, their lines, and the first problems."""

    count: int = 0
    first: list[ImportProblem] = field(default_factory=list)
    lines: set[int] = field(default_factory=set)

    def add(self, line: int, words: object) -> None:
        self.count += 1
        self.lines.add(line)
        if self.count <= MAX_PROBLEMS_KEPT:
            self.first.append(ImportProblem(line, str(words)))

    def describe_rows(self, texts: Mapping[int, str]) -> None:
        """Adds the text of its row to each of the first problems. `texts`: by line."""
        self.first = [replace(problem, row=texts.get(problem.line, "")) for problem in self.first]

    def in_order(self) -> list[ImportProblem]:
        """Returns the first problems in the order of their lines."""
        return sorted(self.first, key=lambda problem: problem.line)


class FileRefused(ValueError):
    """The file cannot be imported. Nothing of it was stored."""

    def __init__(self, problems: ImportProblems) -> None:
        super().__init__(problems.count)
        self.problems = problems

    @classmethod
    def because(cls, words: object, line: int = 0) -> "FileRefused":
        """Returns the exception for one problem."""
        problems = ImportProblems()
        problems.add(line, words)
        return cls(problems)


CELL_SEPARATORS = ";,\t|"
MAX_ROWS_SAMPLED = 200
"""Rows from which sample cells are taken."""
_SEPARATOR_LINE = re.compile(r'"?sep=([^\r\n"])"?[ \t]*(?:\r\n|\r|\n|$)', re.IGNORECASE)
"""Excel's first line, which names the separator of the cells."""


@dataclass(frozen=True)
class Layout:
    """How to read a file, as guessed or as chosen by a user. `columns` has a key for each column, in their order."""

    encoding: str
    separator: str
    columns: tuple[str, ...]
    has_header: bool = True


@dataclass(frozen=True)
class CsvTable:
    """A file as a table: the key of each imported column by its index, all headers, the unknown headers (`ignored`), and the rows,
    each with the line at which it begins."""

    columns: Mapping[int, str]
    headers: Sequence[str]
    ignored: Sequence[str]
    rows: Iterator[tuple[int, list[str]]]


def guess_layout(content: bytes, *, country: str = BRAZIL, encoding: str = "", has_header: bool | None = None) -> Layout:
    """Guesses the layout of the file, except for what is given. Raises FileRefused if it is no CSV file."""
    if len(content) > MAX_BYTES:
        raise FileRefused.because(_("The file is larger than 5 MB. Import it in parts."))
    encoding = encoding or guess_encoding(content) or ""
    text = _text(content, encoding)
    match = _SEPARATOR_LINE.match(text)
    named_separator = match[1] if match else ""
    guesses: list[tuple[list[str], str, list[str]]] = []
    refusal: FileRefused | None = None
    for separator in dict.fromkeys(named_separator + CELL_SEPARATORS):
        try:
            _line, first = next(_rows(text, separator), (1, []))
        except FileRefused as each:  # the first row cannot be read with this separator, but perhaps with another
            refusal = refusal or each
            continue
        guesses.append((guess_columns([cell[:MAX_HEADER_LENGTH] for cell in first[:MAX_COLUMNS]]), separator, first))
    if refusal and not guesses:
        raise refusal
    keys, separator, first = max(guesses, key=lambda each: (sum(map(bool, each[0])), each[1] == named_separator, len(each[2])))
    if len(first) > MAX_COLUMNS:
        words = gettext("There are %(count)s columns; %(most)s are the most.")
        raise FileRefused.because(words % {"count": GroupedInt(len(first)), "most": MAX_COLUMNS}, 1)
    keys_by_cells = guess_columns_by_cells([cell[:MAX_HEADER_LENGTH] for cell in first], country=country)
    if has_header is None:
        has_header = any(keys) or not any(keys_by_cells)
    return Layout(encoding, separator, tuple(keys if has_header else keys_by_cells), has_header)


def read_table(content: bytes, layout: Layout | None = None) -> CsvTable:
    """Returns the file as a table, by default with the guessed layout. Raises FileRefused if the layout does not fit the file, or
    no column has phones. Iterating over the rows may raise FileRefused too."""
    layout = layout or guess_layout(content)
    check_columns(layout.columns)
    rows = _rows(_text(content, layout.encoding), layout.separator)
    headers = next(rows, (1, []))[1] if layout.has_header else [""] * len(layout.columns)
    columns = {index: key for index, key in enumerate(layout.columns) if key != LEFT_OUT}
    headers = [*headers, *[""] * (len(layout.columns) - len(headers))]  # in another encoding, the first line may have fewer cells
    short = [header.strip()[:MAX_HEADER_LENGTH] for header in headers]
    ignored = [each[:60] for index, each in enumerate(short) if each and index not in columns and not is_known_header(each)]
    return CsvTable(columns, headers, ignored, rows)


def check_columns(columns: Sequence[str]) -> None:
    """Raises FileRefused if no column has phones, or two columns have the same key."""
    if not {"phone", "wa_id"}.intersection(columns):
        raise FileRefused.because(_("No column has the phone. Say which one has it."), 1)
    if {"phone", "wa_id"}.issubset(columns):
        raise FileRefused.because(_("There are two columns for the phone. Make one of them the other phone, or leave it out."), 1)
    given = [key for key in columns if key != LEFT_OUT and key not in REPEATABLE_KEYS]
    if len(given) != len(set(given)):
        raise FileRefused.because(_("Two columns are for the same. Leave one of them out."), 1)


def sample_cells(content: bytes, layout: Layout, count: int) -> list[tuple[str, list[str]]]:
    """Returns the header of each column with up to `count` of its non-empty cells. Stops at a row that cannot be read. Raises
    FileRefused if the file is no text."""
    rows = _rows(_text(content, layout.encoding), layout.separator)
    headers: list[str] = []
    cells: list[list[str]] = [[] for _ in layout.columns]
    with suppress(FileRefused):  # the check of the import reports the line
        if layout.has_header:
            headers = next(rows, (1, []))[1]
        for _line, row in itertools.islice(rows, MAX_ROWS_SAMPLED):
            for own, cell in zip(cells, row, strict=False):
                if len(own) < count and (words := read_cell(cell[:MAX_HEADER_LENGTH])):
                    own.append(words)
    names = [header.strip()[:MAX_HEADER_LENGTH] for header in headers[: len(cells)]]
    return list(zip([*names, *[""] * (len(cells) - len(names))], cells, strict=True))


def _rows(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Yields the rows that are not blank, each with the number of its first line."""
    lines = TextLines(text, separator)
    reader = csv.reader(lines, delimiter=separator, strict=True, skipinitialspace=True)
    first_line = 1 + lines.skipped
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield first_line, cells
            first_line = reader.line_num + 1 + lines.skipped
            lines.begin_row()
    except csv.Error:
        words = _("This line cannot be read: a quotation mark is missing or too many, or a cell is far too long.")
        raise FileRefused.because(words, reader.line_num + lines.skipped) from None


class TextLines:
    """Lines of a text for `csv.reader`. Raises csv.Error if a row is too long: `left` is the number of characters that the current
    row may still have. Leaves out Excel's first line (`skipped` is then 1), and spaces between a closing quotation mark and the
    separator, which `csv` does not accept."""

    def __init__(self, text: str, separator: str) -> None:
        self.left = MAX_ROW_LENGTH
        separator_line = _SEPARATOR_LINE.match(text)
        self.skipped = 1 if separator_line else 0
        self._lines = io.StringIO(text[separator_line.end() :] if separator_line else text, newline="")
        self._quotes = 0
        """Quotation marks in the earlier lines of the row."""
        blank = {" ": r"\t", "\t": " "}.get(separator, r"[ \t]")
        ends = rf"{blank}+(?={re.escape(separator)}|\r?\n|\r|$)"
        self._space = re.compile(rf'(?<![{re.escape(separator)}"])"{ends}')
        self._empty = re.compile(rf'(?:^|{re.escape(separator)}){blank}*(""){ends}')

    def begin_row(self) -> None:
        """Must be called before the first line of each further row is read."""
        self.left = MAX_ROW_LENGTH
        self._quotes = 0

    def __iter__(self) -> Iterator[str]:
        while line := self._lines.readline(MAX_ROW_LENGTH + 1):
            self.left -= len(line)
            if self.left < 0:
                raise csv.Error
            shortened = self._remove_spaces(line) if '" ' in line or '"\t' in line else line
            self._quotes += line.count('"')
            yield shortened

    def _remove_spaces(self, line: str) -> str:
        """Returns the line without spaces after closing quotation marks."""
        quotes, counted = self._quotes, 0

        def shorten(match: re.Match[str]) -> str:
            nonlocal quotes, counted
            quotes += line.count('"', counted, match.start(1))
            counted = match.start(1)
            # "" is an empty cell only after an even number of quotation marks. Inside a cell it is one mark of the text.
            return match[0] if quotes % 2 else line[match.start() : match.end(1)]

        return self._space.sub('"', self._empty.sub(shorten, line))


def _text(content: bytes, encoding: str) -> str:
    """Returns the decoded content. Raises FileRefused if it is no text."""
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
