"""Static files under names that contain a hash of their content, with the modules of a script joined."""

import re
from collections.abc import Iterator
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import InMemoryStorage, Storage
from whitenoise.storage import CompressedManifestStaticFilesStorage

from whatsapp_hub.static_files.joined_modules import joined_modules

SCRIPT = re.compile(r"hub/\w+\.js")
"""A script that pages load. Modules that it imports are in folders."""


class StaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # whitenoise has no types
    """Joins ES modules with the script that imports them, and renames the imports that are left, so that a browser never runs
    modules of two versions.

    A module must not import itself, directly or through others: its name would depend on itself, and collectstatic fails.
    """

    support_js_module_import_aggregation = True

    # The hash of a module depends on the names of its imports. In the worst case, one pass corrects one level of imports.
    max_post_process_passes = 20

    def post_process(self, paths: dict[str, tuple[Storage, str]], dry_run: bool = False, **options: Any) -> Iterator[Any]:
        yield from super().post_process(paths | self._joined_scripts(paths), dry_run=dry_run, **options)

    def _joined_scripts(self, paths: dict[str, tuple[Storage, str]]) -> dict[str, tuple[Storage, str]]:
        """Returns the storage and name of each script, joined. The files without a hash in their names stay as they are written."""

        def read(name: str) -> str:
            storage, path = paths[name]
            with storage.open(path) as file:
                return bytes(file.read()).decode()

        scripts = [name for name in paths if SCRIPT.fullmatch(name)]
        memory = InMemoryStorage()
        return {name: (memory, memory.save(name, ContentFile(source))) for name, source in joined_modules(scripts, read).items()}
