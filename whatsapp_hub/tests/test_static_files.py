"""Static files have names that contain a hash of their content, and so have the modules that a module imports."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command

from whatsapp_hub.settings import STORAGES

IMPORTED = re.compile(r"""(?:^|\n)(?:import|export)\b[^"';]*["'](\.[^"']+)["']""")
HASHED = re.compile(r"\.[0-9a-f]{12}\.js$")


@pytest.fixture
def collected(settings: Any, tmp_path: Path) -> Path:
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = settings.STORAGES | {"staticfiles": STORAGES["staticfiles"]}
    call_command("collectstatic", "--noinput", verbosity=0)
    return tmp_path / "hub"


def imports(paths: list[Path]) -> list[tuple[Path, str]]:
    return [(path, name) for path in paths for name in IMPORTED.findall(path.read_text())]


def test_every_module_imports_hashed_names(collected: Path) -> None:
    written = imports(sorted(Path(settings.BASE_DIR, "static", "hub").rglob("*.js")))
    hashed = imports([path for path in sorted(collected.rglob("*.js")) if HASHED.search(path.name)])

    assert len(written) > 100
    assert len(hashed) == len(written)
    for path, name in hashed:
        assert HASHED.search(name), (path.name, name)
        assert (path.parent / name).is_file()


def test_a_name_changes_with_every_module_that_is_imported(collected: Path, tmp_path_factory: Any, settings: Any) -> None:
    """`common/dom.js` is imported through several levels of modules."""
    changed = tmp_path_factory.mktemp("static")
    source = Path(settings.BASE_DIR, "static", "hub", "common", "dom.js")
    copy = changed / "hub" / "common" / "dom.js"
    copy.parent.mkdir(parents=True)
    copy.write_text(source.read_text() + "\n// Changed.\n")
    before = entry_names(collected)
    settings.STATICFILES_DIRS = [changed, *settings.STATICFILES_DIRS]
    settings.STATIC_ROOT = changed / "collected"
    call_command("collectstatic", "--noinput", verbosity=0)

    after = entry_names(settings.STATIC_ROOT / "hub")
    assert len(before) == len(after) > 4
    assert not before & after


def entry_names(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*.js") if HASHED.search(path.name)}


def test_every_script_of_a_page_exists() -> None:
    templates = Path(settings.BASE_DIR, "templates").rglob("*.html")
    named = {name for path in templates for name in re.findall(r"{% static '(hub/[^']+)' %}", path.read_text())}
    assert {"hub/hub.js", "hub/composer.js", "hub/alerts.js", "hub/message.wav", "hub/icon-unread.svg"} <= named
    for name in named:
        assert Path(settings.BASE_DIR, "static", name).is_file()
