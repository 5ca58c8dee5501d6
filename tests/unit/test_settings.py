"""Every setting does something; what it does is shown by the tests of the processes."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from entrypoints.settings import Settings
from entrypoints.wiring import ROOT

CODE = [*ROOT.glob("*.py"), *(ROOT / "entrypoints").rglob("*.py")]
PROPERTIES = {name for name, value in vars(Settings).items() if isinstance(value, property)}


def test_fault_10_every_setting_is_read_somewhere() -> None:
    assert {*Settings.model_fields, *PROPERTIES} - set(settings_read(CODE)) == set()


def test_fault_10_a_setting_that_nobody_reads_would_be_found(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("stack.settings.used; Settings().also_used; ended.process; 'unused'")
    assert set(settings_read([program])) == {"used", "also_used"}


def settings_read(files: Iterable[Path]) -> Iterator[str]:
    """The attributes of whatever is called `settings`, and of the settings' own `self`."""
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Attribute) and _is_settings(node.value, file):
                yield node.attr


def _is_settings(node: ast.expr, file: Path) -> bool:
    match node:
        case ast.Name("settings") | ast.Attribute(attr="settings"):
            return True
        case ast.Call(ast.Name("Settings")):
            return True
        case ast.Name("self"):
            return file.name == "settings.py"
        case _:
            return False
