"""How much code the coordination of each side takes, counted from the files.

A line counts if it holds code: blank lines, comments and docstrings do not. A place knows the next
step if something that happened leads to the next command there: a workflow, a consumer's reaction,
a sweep on a clock. Projections and what both sides share (entities, views, services) do not count.
"""

import ast
import io
import tokenize
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
CHANGES = Path(__file__).with_name("changes")
CHANGES_FIT = "838a576"  # the commit whose code the patches change
NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}


class Part(NamedTuple):
    """Files, or only some of their functions."""

    what: str
    files: Sequence[str]
    functions: Sequence[str] = ()
    but: Sequence[str] = ()


# The functions of entrypoints/ that start the processes of Temporal when events come.
STARTERS = ("consumers", "process_starters")
# Encryption has nothing to do with the next step.
ORCHESTRATED = (
    Part("the processes", ("workflows/*.py",), but=("encryption.py",)),
    Part("what binds them to the services", ("activities/*.py",)),
    Part("what plugs them in", ("entrypoints/*.py",), ("worker", "_activities", *STARTERS)),
)
# Parts that a tree does not have are left out.
CHOREOGRAPHED = (
    Part("the processes", ("choreography/*.py",)),
    Part("what binds them to the services, and plugs them in", ("entrypoints/choreographed.py",)),
    Part("what plugs them in", ("entrypoints/*.py",), ("services", "sweeps")),
)
# One of these files holds the reactions and the sweeps of the choreography.
TABLES = ("entrypoints/choreographed.py", "choreography/reactions.py")


def coordination() -> dict[str, object]:
    """Return lines, files and places of both sides."""
    return {
        "orchestrated": {**_counted(ORCHESTRATED), "places": _orchestrated_places()},
        "choreographed": {**_counted(CHOREOGRAPHED), "places": _choreographed_places()},
    }


def changes() -> dict[str, dict[str, object]]:
    """Return the size of each change by the name of its patch."""
    return {file.stem: _size_of(file.read_text()) for file in sorted(CHANGES.glob("*.patch"))}


def code_lines(source: str) -> int:
    """Return how many lines hold code."""
    return len(set(_lines_with_code(source)) - set(_lines_of_docstrings(source)))


def _counted(parts: Sequence[Part]) -> dict[str, object]:
    counted: list[dict[str, object]] = []
    files = lines = 0
    for part in parts:
        if not (found := [count for source in _sources(part) if (count := code_lines(source))]):
            continue
        counted.append({"what": part.what, "files": len(found), "lines": sum(found)})
        files, lines = files + len(found), lines + sum(found)
    return {"parts": counted, "files": files, "lines": lines}


def _sources(part: Part) -> Iterator[str]:
    """Yield what counts of each file."""
    for file in _files(*part.files):
        source = file.read_text()
        if part.functions:
            functions = _functions(source, part.functions)
            yield "\n".join(ast.get_source_segment(source, node) or "" for node in functions)
        elif file.name not in part.but:
            yield source


def _files(*patterns: str) -> list[Path]:
    return [file for pattern in patterns for file in sorted(ROOT.glob(pattern))]


def _functions(source: str, names: Sequence[str]) -> list[ast.FunctionDef]:
    return [
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef) and node.name in names
    ]


def _lines_with_code(source: str) -> Iterator[int]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in NO_CODE and token.string:
            yield from range(token.start[0], token.end[0] + 1)


def _lines_of_docstrings(source: str) -> Iterator[int]:
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Expr(value=ast.Constant(value=str())):
                yield from range(node.lineno, (node.end_lineno or node.lineno) + 1)
            case _:
                pass


def _orchestrated_places() -> dict[str, int]:
    workflows = sum(
        any(ast.unparse(decorator) == "workflow.defn" for decorator in node.decorator_list)
        for node in _nodes(*_files("workflows/*.py"))
        if isinstance(node, ast.ClassDef)
    )
    starters = sum(
        _is_call(node, "Subscription")
        for file in _files("entrypoints/*.py")
        for function in _functions(file.read_text(), STARTERS)
        for node in ast.walk(function)
    )
    return {"workflows": workflows, "reactions": starters, "sweeps": 0}


def _choreographed_places() -> dict[str, int]:
    nodes = list(_nodes(*_files(*TABLES)))

    def count(*call: str) -> int:
        return sum(_is_call(node, *call) for node in nodes)

    reactions = count("Reaction") or count("Subscription")
    sweeps = count("look") or count("partial", "sweep")
    return {"workflows": 0, "reactions": reactions, "sweeps": sweeps}


def _nodes(*files: Path) -> Iterator[ast.AST]:
    for file in files:
        yield from ast.walk(ast.parse(file.read_text()))


def _is_call(node: ast.AST, function: str, *arguments: str) -> bool:
    """Return whether the function is called there, with these as its first arguments."""
    return (
        isinstance(node, ast.Call)
        and ast.unparse(node.func) == function
        and tuple(map(ast.unparse, node.args[: len(arguments)])) == arguments
    )


def _size_of(patch: str) -> dict[str, object]:
    lines = patch.splitlines()
    return {
        "files": [line.removeprefix("+++ b/") for line in lines if line.startswith("+++ b/")],
        "added": sum(line.startswith("+") and not line.startswith("+++") for line in lines),
        "removed": sum(line.startswith("-") and not line.startswith("---") for line in lines),
    }
