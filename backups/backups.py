"""Makes a backup: every row as it was at one time, and the files that rows name."""

from functools import partial
from pathlib import Path

from django.db.backends.base.base import BaseDatabaseWrapper

from backups.backup_folders import FILES, NAMES, FileNames, Manifest, applied_migrations, names_in, new_folder, new_key_check
from backups.progress import progress_bar
from backups.stored_files import copy_from_storage, file_columns
from backups.tables.rows import TableFile, backed_up_models, count_rows, dump_table
from backups.tables.snapshots import database_time, open_snapshot


def make_backup(directory: Path, *, with_files: bool) -> Path:
    """Makes a backup in a new folder of the directory, while the hub runs. Returns the folder. Locks no row.

    Without `with_files` the files of messages are left out, for a bucket with versions or replicas of its own. The
    directory must be reserved.
    """
    folder = new_folder(directory)
    try:
        _fill(folder, with_files=with_files)
    except BaseException:
        _empty(folder)
        raise
    return folder


def _empty(folder: Path) -> None:
    """Makes room, as the disk may be full. The list of files stays, because `remove_old` deletes those that were copied already."""
    for path in folder.iterdir():
        if path.name != NAMES:
            path.unlink(missing_ok=True)


def _fill(folder: Path, *, with_files: bool) -> None:
    with open_snapshot() as source:
        taken_at, migrations = database_time(source), applied_migrations()
        tables, files = _dump_tables(source, folder, with_files=with_files)
    with progress_bar("files", total=files, unit=" files") as bar:
        missing = copy_from_storage(names_in(folder), folder.parent / FILES, bar.update)
    manifest = Manifest(
        taken_at=taken_at, migrations=migrations, key_check=new_key_check(), tables=tables, files=files, missing_files=missing
    )
    manifest.write(folder)


def _dump_tables(source: BaseDatabaseWrapper, folder: Path, *, with_files: bool) -> tuple[dict[str, TableFile], int]:
    """Returns the files of the tables, and how many files of messages the rows name."""
    file_names = FileNames(folder, file_columns() if with_files else {})
    tables: dict[str, TableFile] = {}
    with file_names:
        for model in backed_up_models():
            table = model._meta.db_table
            with progress_bar(table, total=count_rows(source, model)) as bar:
                tables[table] = dump_table(source, model, folder, partial(file_names.add, table), bar.update)
    return tables, file_names.count
