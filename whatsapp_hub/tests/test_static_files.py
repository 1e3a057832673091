"""Static files have names that contain a hash of their content, and so have the modules that a module imports. A script is joined
with the modules that only it imports."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command

from whatsapp_hub.settings import STORAGES

STATIC = Path(settings.BASE_DIR, "static")
IMPORTED = re.compile(r"""(?:^|\n)(?:import|export)\b[^"';]*["'](\.[^"']+)["']""")
JOINED = re.compile(r"^// (hub/[\w/]+\.js)$", re.MULTILINE)
HASHED = re.compile(r"\.[0-9a-f]{12}\.js$")


@pytest.fixture
def collected(settings: Any, tmp_path: Path) -> Path:
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = settings.STORAGES | {"staticfiles": STORAGES["staticfiles"]}
    call_command("collectstatic", "--noinput", verbosity=0)
    return tmp_path / "hub"


def scripts(collected: Path) -> dict[str, str]:
    """The sources of the scripts that pages load, by name without hash."""
    return {path.name.split(".")[0]: path.read_text() for path in collected.glob("*.js") if HASHED.search(path.name)}


def test_every_module_is_in_the_one_script_that_imports_it_or_a_file_for_several(collected: Path) -> None:
    joined = [module for source in scripts(collected).values() for module in JOINED.findall(source)]
    separate = {path for source in scripts(collected).values() for path in IMPORTED.findall(source)}
    written = sorted(str(path.relative_to(STATIC)) for path in (STATIC / "hub").rglob("*.js"))

    assert len(written) > 60
    assert len(separate) < 12
    assert sorted([*joined, *(f"hub/{path.removeprefix('./').split('.')[0]}.js" for path in separate)]) == written


def test_imports_of_a_script_are_hashed_names(collected: Path) -> None:
    paths = {path for source in scripts(collected).values() for path in IMPORTED.findall(source)}
    assert any("common/dom." in path for path in paths)
    for path in paths:
        assert HASHED.search(path), path
        assert (collected / path).is_file()


def test_the_name_of_a_script_changes_with_every_module_that_it_imports(
    collected: Path, tmp_path_factory: Any, settings: Any
) -> None:
    """All scripts import `common/dom.js`, some through several levels of modules."""
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
