"""Static files are named by their content, in what scripts import too."""

import re
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command

from whatsapp_hub.settings import STORAGES

IMPORTED = re.compile(r"""(?:from|import)\s*\(?["'](\./[^"']+)["']""")
HASHED = re.compile(r"\.[0-9a-f]{12}\.js")


def test_what_a_script_imports_is_there_under_the_name_of_its_content(settings: Any, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = settings.STORAGES | {"staticfiles": STORAGES["staticfiles"]}
    call_command("collectstatic", "--noinput", verbosity=0)
    scripts = [path for path in (tmp_path / "hub").glob("*.js") if HASHED.search(path.name)]
    imported = [(script, name) for script in scripts for name in IMPORTED.findall(script.read_text())]
    assert len(imported) > 10
    for script, name in imported:
        assert HASHED.search(name), (script.name, name)
        assert (script.parent / name).is_file()


def test_every_script_of_a_page_is_there() -> None:
    templates = Path(settings.BASE_DIR, "templates").rglob("*.html")
    named = {name for path in templates for name in re.findall(r"{% static '(hub/[^']+)' %}", path.read_text())}
    assert {"hub/hub.js", "hub/composer.js", "hub/alerts.js", "hub/message.wav", "hub/icon-unread.svg"} <= named
    for name in named:
        assert Path(settings.BASE_DIR, "static", name).is_file()
