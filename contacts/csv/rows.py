"""Rows of a CSV file as contacts."""

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
from contacts.csv.tables import CsvTable, FileRefused, ImportProblems
from contacts.forms import MAX_NAME_LENGTH
from contacts.lists.search import fold_limited
from contacts.services import LABEL_SEPARATORS, InvalidInput, collapse_whitespace, read_label_name, read_phone
from organizations.models import PhoneNumber, Profile

MAX_ROWS = 50_000
MAX_CELL_LENGTH = 5_000
"""Characters of a cell. The longest valid cell has 100 labels."""
PHONE_KEYS = ("phone", "wa_id", OTHER_PHONE)
NAME_KEYS = ("name", "first_name", "middle_name", "last_name")
MAX_TEXT_LENGTH = 120
"""Characters of a row's text."""
VALUE_SEPARATOR = ":::"
_WHOLE_NUMBER = re.compile(r"(\+?[0-9]{8,15})[.,]0+")
_EXPONENT = re.compile(r"([1-9])[.,]([0-9]{7,14})E\+?([0-9]{1,2})", re.IGNORECASE)
MAX_LABELS_IN_FILE = 60_000
"""Labels of all rows together. Each becomes a row in the database, in one transaction."""


@dataclass
class ImportRow:
    """A row of the file."""

    line: int
    number: PhoneNumber
    wa_ids: tuple[str, ...] = ()
    """The wa_ids that the phone may mean, the likeliest first."""
    user_id: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    """Columns of the contact that have a value in the row. The others stay as they are."""
    labels: list[str] = field(default_factory=list)
    accepts_marketing: bool | None = None
    marketing_header: str = ""
    """The header of the column with `accepts_marketing`."""
    phone_problem: object = None
    """Why the row cannot become a new contact."""
    text: str = ""
    """Phone and name as the file has them."""


class RowReader:
    """Reads rows. Collects why rows cannot be imported (`problems`), and what was left out of others (`notes`)."""

    def __init__(
        self, table: CsvTable, numbers: Sequence[PhoneNumber], number: PhoneNumber, problems: ImportProblems, *, country: str
    ) -> None:
        self.table, self.number, self.problems, self.country = table, number, problems, country
        self.notes = ImportProblems()
        # Other phones last: they are read only if the first one is missing or invalid.
        self._in_order = sorted(table.columns.items(), key=lambda column: column[1] == OTHER_PHONE)
        self._name_header = next((table.headers[index] for index, key in table.columns.items() if key in NAME_KEYS), "")
        self._marketing_header = next((table.headers[index] for index, key in table.columns.items() if key == "marketing"), "")
        names = number_names(numbers)
        self.numbers = {key: each for each in numbers for key in (names[each.phone_number_id], each.phone_number_id)}

    def rows(self) -> list[ImportRow]:
        """Returns all rows, with and without problems. Raises FileRefused if there are too many, or a row cannot be read."""
        rows: list[ImportRow] = []
        labels = 0
        for line, cells in self.table.rows:
            if len(rows) == MAX_ROWS:
                raise FileRefused.because(_("There are more than 50,000 rows. Import them in parts."), line)
            rows.append(self._row(line, cells))
            labels += len(rows[-1].labels)
            if labels > MAX_LABELS_IN_FILE:
                raise FileRefused.because(_("The rows give more than 60,000 labels. Import them in parts."), line)
        if not rows:
            raise FileRefused.because(_("There is no contact below the first line."))
        return rows

    def _row(self, line: int, cells: list[str]) -> ImportRow:
        row = ImportRow(line, self.number, text=self._text(cells))
        if any(cell.strip() for cell in cells[len(self.table.headers) :]):
            row.phone_problem = _("There are more cells than columns. Put text that holds the separator in quotation marks.")
            return row
        names: dict[str, str] = {}
        for index, key in self._in_order:
            cell = read_cell(cells[index]) if index < len(cells) else ""
            if not cell or (key == OTHER_PHONE and row.wa_ids and not row.phone_problem):
                continue
            if key in NAME_KEYS:
                names[key] = cell[: MAX_CELL_LENGTH + 1]
            else:
                self._read(row, key, cell, self.table.headers[index])
        if names:
            self._read(row, "name", join_name(names), self._name_header)
        if not row.wa_ids:
            row.phone_problem = row.phone_problem or _("The phone is missing.")
        return row

    def _text(self, cells: list[str]) -> str:
        """Returns phone and name as the file has them. The phone comes first, so that it is never cut off."""
        in_order = sorted(self.table.columns.items(), key=lambda column: column[1] in NAME_KEYS)
        shown = [cells[index] for index, key in in_order if key in (*PHONE_KEYS, *NAME_KEYS) and index < len(cells)]
        return " · ".join(filter(None, (read_cell(cell[:MAX_TEXT_LENGTH]) for cell in shown)))[:MAX_TEXT_LENGTH]

    def _read(self, row: ImportRow, key: str, cell: str, header: str) -> None:
        if len(cell) > MAX_CELL_LENGTH:
            words = gettext("The cell is far too long.")
            self.problems.add(row.line, f"{header.strip()[:60]}: {words}")
            return
        try:
            CELL_READERS[key](self, row, cell)
        except InvalidInput as refusal:
            if key in PHONE_KEYS:
                row.phone_problem = row.phone_problem or refusal  # reported only if no contact is found by user id either
            else:
                self.problems.add(row.line, f"{header.strip()[:60]}: {refusal}")

    def phone(self, row: ImportRow, cell: str) -> None:
        """Reads the first valid phone of the cell. Replaces a phone of an earlier column that is invalid."""
        # Google's export has several phones in one cell.
        refusals = [row.phone_problem] if row.phone_problem else []
        for part in cell.split(VALUE_SEPARATOR):
            try:
                row.wa_ids = _read_phone(_restore_digits(part), self.country)
            except InvalidInput as refusal:
                refusals.append(refusal)
            else:
                if refusals:
                    words = gettext("The first phone was left out, and the contact has the other one. %(problem)s")
                    self.notes.add(row.line, words % {"problem": refusals[0]})
                row.phone_problem = None
                return
        raise InvalidInput(refusals[0])

    def wa_id(self, row: ImportRow, cell: str) -> None:
        """Keeps digits as WhatsApp has them. Reads other text as people write phones."""
        row.wa_ids = (cell[:64],)
        read = _read_phone(f"+{re.sub(r'[^0-9A-Za-z]', '', cell)}", self.country)
        is_wa_id = same_person_key(cell) == same_person_key(read[0])
        row.wa_ids = variants(cell) if is_wa_id else read

    def user_id(self, row: ImportRow, cell: str) -> None:
        row.user_id = cell[:160]

    def alias(self, row: ImportRow, cell: str) -> None:
        if len(collapse_whitespace(cell)) > MAX_NAME_LENGTH:
            raise InvalidInput(_("A name has at most 150 letters."))
        row.values["alias"] = collapse_whitespace(cell)

    def own_number(self, row: ImportRow, cell: str) -> None:
        found = self.numbers.get(re.sub(r"[\s()+.\-]", "", cell))
        if found is None:
            raise InvalidInput(_("This is none of your numbers."))
        row.number = found

    def profile(self, row: ImportRow, cell: str) -> None:
        profile = PROFILE_BY_WORD.get(fold_limited(cell))
        if profile is None:
            raise InvalidInput(_("Write team, bot or AI."))
        row.values |= {"profile": profile, "activate_bot": profile.has_bot}

    def bot(self, row: ImportRow, cell: str) -> None:
        """Sets who answers, if no column has the key `profile`."""
        profile = Profile.BOT if _read_yes_or_no(cell) else Profile.HUMAN
        if "profile" not in self.table.columns.values():
            row.values |= {"profile": profile, "activate_bot": profile.has_bot}

    def automatic(self, row: ImportRow, cell: str) -> None:
        row.values["activate_automatic_message"] = _read_yes_or_no(cell)

    def marketing(self, row: ImportRow, cell: str) -> None:
        row.accepts_marketing, row.marketing_header = _read_yes_or_no(cell), self._marketing_header.strip()

    def label_names(self, row: ImportRow, cell: str) -> None:
        """Reads labels, except Google's own groups such as “* myContacts”."""
        names = LABEL_SEPARATORS.split(cell.replace(VALUE_SEPARATOR, "|"))
        row.labels = [read_label_name(name) for name in names if name.strip() and not name.strip().startswith("* ")]


CELL_READERS: dict[str, Callable[[RowReader, ImportRow, str], None]] = {
    "phone": RowReader.phone,
    OTHER_PHONE: RowReader.phone,
    "wa_id": RowReader.wa_id,
    "user_id": RowReader.user_id,
    "name": RowReader.alias,
    "number": RowReader.own_number,
    "profile": RowReader.profile,
    "bot": RowReader.bot,
    "automatic": RowReader.automatic,
    "labels": RowReader.label_names,
    "marketing": RowReader.marketing,
}


def join_name(names: Mapping[str, str]) -> str:
    """Returns a name from the cells of a row, by key: the whole name, or first, middle and last name."""
    first = names.get("name") or names.get("first_name", "")
    if "name" in names and "first_name" in names:
        return first
    last = names.get("last_name", "")
    parts = [first, names.get("middle_name", ""), "" if first.endswith(f" {last}") else last]
    return " ".join(filter(None, parts))


def _restore_digits(cell: str) -> str:
    """Returns a phone's digits as they were before a program formatted them as a decimal (5561981500588.0) or marked them as
    text."""
    cell = cell.strip().lstrip("'’‘")
    if match := _WHOLE_NUMBER.fullmatch(cell):
        return match[1]
    if (match := _EXPONENT.fullmatch(cell)) and len(match[2]) == int(match[3]):
        return match[1] + match[2]  # 5.56E+12 with all its digits
    return cell


@lru_cache(maxsize=1024)
def _read_phone(cell: str, country: str) -> tuple[str, ...]:
    return read_phone(cell, country=country)


def _read_yes_or_no(cell: str) -> bool:
    word = fold_limited(cell)
    if word not in YES | NO:
        raise InvalidInput(_("Write yes or no."))
    return word in YES
