"""Nothing grows so large that nobody reads it from the top to the end."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "activities",
    "choreography",
    "entrypoints",
    "eventstore",
    "sandbox",
    "ticketing",
    "workflows",
}
LINES_OF_A_SCRIPT = 80
LINES_OF_A_MODULE = 400
LINES_OF_A_FUNCTION = 40

SCRIPTS = list(ROOT.glob("*.py"))
MODULES = [
    file
    for package in (*PACKAGES, "tests", "benchmarks", "docs")
    for file in (ROOT / package).rglob("*.py")
]


@pytest.mark.parametrize(
    ("files", "limit"), [(SCRIPTS, LINES_OF_A_SCRIPT), (MODULES, LINES_OF_A_MODULE)]
)
def test_no_file_is_long(files: list[Path], limit: int) -> None:
    assert dict(_long_files(files, limit)) == {}


def test_no_function_is_long() -> None:
    long = {file: dict(_long_functions(file.read_text())) for file in (*SCRIPTS, *MODULES)}
    assert {file: functions for file, functions in long.items() if functions} == {}


def test_every_package_is_looked_at() -> None:
    assert {file.relative_to(ROOT).parts[0] for file in MODULES} >= PACKAGES


def _long_files(files: list[Path], limit: int) -> Iterator[tuple[Path, int]]:
    for file in files:
        lines = len(file.read_text().splitlines())
        if lines > limit:
            yield file, lines


def _long_functions(source: str) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            lines = node.end_lineno - node.lineno + 1
            if lines > LINES_OF_A_FUNCTION:
                yield node.name, lines
