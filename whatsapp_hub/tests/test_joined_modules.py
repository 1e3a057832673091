"""A script joined with its ES modules does what the separate files do."""

import re
from typing import Any

import pytest

from whatsapp_hub.static_files.joined_modules import CannotJoinError, joined_modules


def joined(**sources: str) -> dict[str, str]:
    """Joins entries `a` and `b` (if there is one). A module `in_x` is `folder/x.js`."""
    files = {
        f"folder/{name.removeprefix('in_')}.js" if name.startswith("in_") else f"{name}.js": text for name, text in sources.items()
    }
    return joined_modules([name for name in files if "/" not in name], files.__getitem__)


def test_modules_stand_before_those_that_import_them_in_the_order_in_which_a_browser_runs_them() -> None:
    files = joined(
        a='import "./folder/second.js";\nimport "./folder/first.js";\n',
        in_first="first();\n",
        in_second='import "./deepest.js";\nsecond();\n',
        in_deepest="deepest();\n",
    )
    assert re.findall(r"^\w+\(\);$", files["a.js"], re.MULTILINE) == ["deepest();", "second();", "first();"]


def test_a_module_is_a_function_that_returns_its_exports() -> None:
    files = joined(
        a='import { one, two } from "./folder/x.js";\none(two);\n',
        in_x="const inside = 1;\nexport const two = 2;\nexport async function one() {}\n",
    )
    assert files["a.js"] == (
        "// folder/x.js\nconst folder_x = (() => {\nconst inside = 1;\nconst two = 2;\nasync function one() {}\n"
        "return { two, one };\n})();\n"
        "// a.js\nconst a = (() => {\nconst { one, two } = folder_x;\none(two);\nreturn {  };\n})();\n"
    )


def test_a_module_that_two_entries_import_stays_a_file() -> None:
    files = joined(
        a='import { one } from "./folder/x.js";\n',
        b='import "./folder/y.js";\n',
        in_y='import {\n  one,\n} from "./x.js";\n',
        in_x="export const one = 1;\n",
    )
    for source in files.values():
        assert source.startswith('import * as folder_x from "./folder/x.js";\n')
        assert "= folder_x;" in source
        assert "one = 1" not in source


@pytest.mark.parametrize(
    "source",
    [
        'import * as x from "./folder/x.js";\n',
        'import x from "./folder/x.js";\n',
        'export { x } from "./folder/x.js";\n',
        "export default 1;\n",
        "export let x = 1;\n",
        'const x = import("./folder/x.js");\n',
    ],
)
def test_imports_and_exports_in_another_form_are_an_error_that_names_the_module(source: str) -> None:
    with pytest.raises(CannotJoinError, match=r"^a\.js: "):
        joined(a=source, in_x="")


def test_a_circle_of_imports_is_an_error() -> None:
    circle: dict[str, Any] = {"in_x": 'import "./y.js";\n', "in_y": 'import "./x.js";\n'}
    with pytest.raises(CannotJoinError, match="imports itself"):
        joined(a='import "./folder/x.js";\n', **circle)
