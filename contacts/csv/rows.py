"""The rows of a file of contacts: what each says, and what is wrong with it."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cloud_api.wa_ids import same_person_key, variants
from contacts.csv.columns import NO, OTHER_PHONE, PROFILE_BY_WORD, YES, read_cell
from contacts.csv.exports import number_names
from contacts.csv.tables import ImportProblems, FileRefused, CsvTable
from contacts.forms import MAX_NAME_LENGTH
from contacts.lists.search import fold_limited
from contacts.services import LABEL_SEPARATORS, InvalidInput, collapse_whitespace, read_label_name, read_phone
from organizations.models import PhoneNumber, Profile

MAX_ROWS = 50_000
MAX_CELL_LENGTH = 5_000
"""Characters of one that is read. The longest that can be right has 100 labels."""
NAME_KEYS = ("name", "first_name", "middle_name", "last_name")
VALUE_SEPARATOR = ":::"
_WHOLE_NUMBER = re.compile(r"(\+?[0-9]{8,15})[.,]0+")
_EXPONENT = re.compile(r"([1-9])[.,]([0-9]{7,14})E\+?([0-9]{1,2})", re.IGNORECASE)
MAX_LABELS_IN_FILE = 60_000
"""Labels that all rows together give: each is a row of the database, in one transaction."""


@dataclass
class ImportRow:
    """What a line of the file says. `doubt`: why nobody new can come of it."""

    line: int
    number: PhoneNumber
    wa_ids: tuple[str, ...] = ()
    user_id: str = ""
    given: dict[str, Any] = field(default_factory=dict)
    """Columns of the contact that have a value here; what is left empty stays as it is."""
    labels: list[str] = field(default_factory=list)
    doubt: object = None


class RowReader:
    """Reads rows, and collects what is wrong with them (`faults`), or odd without being wrong (`notes`)."""

    def __init__(self, sheet: CsvTable, numbers: Sequence[PhoneNumber], number: PhoneNumber, faults: ImportProblems, *, country: str) -> None:
        self.sheet, self.number, self.faults, self.country = sheet, number, faults, country
        self.notes = ImportProblems()
        self._in_order = sorted(sheet.columns.items(), key=lambda column: column[1] == OTHER_PHONE)
        self._header_of_names = next((sheet.headers[place] for place, key in sheet.columns.items() if key in NAME_KEYS), "")
        words = number_names(numbers)
        self.numbers = {key: each for each in numbers for key in (words[each.phone_number_id], each.phone_number_id)}

    def rows(self) -> list[ImportRow]:
        """All rows, good and bad. Raises Refused if there are too many, or the file breaks off."""
        rows: list[ImportRow] = []
        given = 0
        for line, cells in self.sheet.rows:
            if len(rows) == MAX_ROWS:
                raise FileRefused.because(_("There are more than 50,000 rows. Import them in parts."), line)
            rows.append(self._row(line, cells))
            given += len(rows[-1].labels)
            if given > MAX_LABELS_IN_FILE:
                raise FileRefused.because(_("The rows give more than 60,000 labels. Import them in parts."), line)
        if not rows:
            raise FileRefused.because(_("There is no contact below the first line."))
        return rows

    def _row(self, line: int, cells: list[str]) -> ImportRow:
        row = ImportRow(line, self.number)
        if any(cell.strip() for cell in cells[len(self.sheet.headers) :]):
            row.doubt = _("There are more cells than columns. Put text that holds the separator in quotation marks.")
            return row
        names: dict[str, str] = {}
        for place, key in self._in_order:
            cell = read_cell(cells[place]) if place < len(cells) else ""
            if not cell or (key == OTHER_PHONE and row.wa_ids and not row.doubt):
                continue
            if key in NAME_KEYS:
                names[key] = cell[: MAX_CELL_LENGTH + 1]
            else:
                self._read(row, key, cell, self.sheet.headers[place])
        if names:
            self._read(row, "name", join_name(names), self._header_of_names)
        if not row.wa_ids:
            row.doubt = row.doubt or _("The phone is missing.")
        return row

    def _read(self, row: ImportRow, key: str, cell: str, header: str) -> None:
        if len(cell) > MAX_CELL_LENGTH:
            words = gettext("The cell is far too long.")
            self.faults.add(row.line, f"{header.strip()[:60]}: {words}")
            return
        try:
            CELL_READERS[key](self, row, cell)
        except InvalidInput as refusal:
            if key in ("phone", "wa_id", OTHER_PHONE):
                row.doubt = row.doubt or refusal  # told once, when nobody is found either
            else:
                self.faults.add(row.line, f"{header.strip()[:60]}: {refusal}")

    def phone(self, row: ImportRow, cell: str) -> None:
        """Google puts several into one cell: the first that is one. It counts too where a column before this one has none."""
        refusals = [row.doubt] if row.doubt else []
        for part in cell.split(VALUE_SEPARATOR):
            try:
                row.wa_ids = _read_phone(_without_fraction(part), self.country)
            except InvalidInput as refusal:
                refusals.append(refusal)
            else:
                if refusals:
                    words = gettext("The first phone was left out, and the contact has the other one. %(problem)s")
                    self.notes.add(row.line, words % {"problem": refusals[0]})
                row.doubt = None
                return
        raise InvalidInput(refusals[0])

    def wa_id(self, row: ImportRow, cell: str) -> None:
        """Digits as WhatsApp has them stay as they are: only what no wa_id can be is read as people write numbers."""
        row.wa_ids = (cell[:64],)
        read = _read_phone(f"+{re.sub(r'[^0-9A-Za-z]', '', cell)}", self.country)
        is_wa_id = same_person_key(cell) == same_person_key(read[0])
        row.wa_ids = variants(cell) if is_wa_id else read

    def user_id(self, row: ImportRow, cell: str) -> None:
        row.user_id = cell[:160]

    def alias(self, row: ImportRow, cell: str) -> None:
        if len(collapse_whitespace(cell)) > MAX_NAME_LENGTH:
            raise InvalidInput(_("A name has at most 150 letters."))
        row.given["alias"] = collapse_whitespace(cell)

    def which_number(self, row: ImportRow, cell: str) -> None:
        found = self.numbers.get(re.sub(r"[\s()+.\-]", "", cell))
        if found is None:
            raise InvalidInput(_("This is none of your numbers."))
        row.number = found

    def profile(self, row: ImportRow, cell: str) -> None:
        profile = PROFILE_BY_WORD.get(fold_limited(cell))
        if profile is None:
            raise InvalidInput(_("Write team, bot or AI."))
        _let_answer(row, profile)

    def bot(self, row: ImportRow, cell: str) -> None:
        """Without a column that says who answers, this one does."""
        profile = Profile.BOT if _yes(cell) else Profile.HUMAN
        if "profile" not in self.sheet.columns.values():
            _let_answer(row, profile)

    def automatic(self, row: ImportRow, cell: str) -> None:
        row.given["activate_automatic_message"] = _yes(cell)

    def label_names(self, row: ImportRow, cell: str) -> None:
        """Without Google's own groups, such as “* myContacts”."""
        words = LABEL_SEPARATORS.split(cell.replace(VALUE_SEPARATOR, "|"))
        row.labels = [read_label_name(name) for name in words if name.strip() and not name.strip().startswith("* ")]


CELL_READERS: dict[str, Callable[[RowReader, ImportRow, str], None]] = {
    "phone": RowReader.phone,
    OTHER_PHONE: RowReader.phone,
    "wa_id": RowReader.wa_id,
    "user_id": RowReader.user_id,
    "name": RowReader.alias,
    "number": RowReader.which_number,
    "profile": RowReader.profile,
    "bot": RowReader.bot,
    "automatic": RowReader.automatic,
    "labels": RowReader.label_names,
}


def _let_answer(row: ImportRow, profile: Profile) -> None:
    row.given |= {"profile": profile, "activate_bot": profile.has_bot}


def join_name(names: Mapping[str, str]) -> str:
    """A name from its parts: the whole one, or the first one with what stands in columns of their own."""
    first = names.get("name") or names.get("first_name", "")
    if "name" in names and "first_name" in names:
        return first
    last = names.get("last_name", "")
    parts = [first, names.get("middle_name", ""), "" if first.endswith(f" {last}") else last]
    return " ".join(filter(None, parts))


def _without_fraction(cell: str) -> str:
    """Digits as they were before a program took them for a number (5561981500588.0), or a spreadsheet marked them as text."""
    cell = cell.strip().lstrip("'’‘")
    if match := _WHOLE_NUMBER.fullmatch(cell):
        return match[1]
    if (match := _EXPONENT.fullmatch(cell)) and len(match[2]) == int(match[3]):
        return match[1] + match[2]  # all digits are there
    return cell


@lru_cache(maxsize=1024)
def _read_phone(cell: str, country: str) -> tuple[str, ...]:
    return read_phone(cell, country=country)


def _yes(cell: str) -> bool:
    word = fold_limited(cell)
    if word not in YES | NO:
        raise InvalidInput(_("Write yes or no."))
    return word in YES
