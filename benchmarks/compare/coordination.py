"""What the coordination of each side takes in code: counted from the files, not by hand.

A line counts if it holds code: no blank lines, comments or docstrings. A place knows the next step
if something that happened leads to the next command there: a workflow, a consumer's reaction, a
sweep on a clock. Projections and what both sides share (entities, views, services) do not count.
"""

import ast
import io
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
CHANGES = Path(__file__).with_name("changes")
NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}


@dataclass(frozen=True, slots=True)
class Part:
    """Files, all of them or only some of their functions."""

    what: str
    files: Sequence[str]
    functions: Sequence[str] = ()
    but: Sequence[str] = ()  # files that have nothing to do with who comes next


ORCHESTRATED = (
    Part(
        "the processes",
        ("workflows/*.py",),
        but=("encryption.py",),
    ),
    Part("what binds them to the services", ("activities/*.py",)),
    Part("what plugs them in", ("entrypoints/*.py",), ("worker", "_activities", "consumers")),
)
CHOREOGRAPHED = (
    Part("the processes", ("choreography/*.py",)),
    Part("what binds them to the services, and plugs them in", ("entrypoints/choreographed.py",)),
)


def coordination() -> dict[str, object]:
    """Lines, files and places of both sides."""
    return {
        "orchestrated": {**_counted(ORCHESTRATED), "places": _orchestrated_places()},
        "choreographed": {**_counted(CHOREOGRAPHED), "places": _choreographed_places()},
    }


def changes() -> dict[str, dict[str, object]]:
    """Size of each change, by the name of its patch."""
    return {file.stem: _size_of(file.read_text()) for file in sorted(CHANGES.glob("*.patch"))}


def code_lines(source: str) -> int:
    """How many lines hold code."""
    return len(set(_lines_with_code(source)) - set(_lines_of_docstrings(ast.parse(source))))


def _counted(parts: Sequence[Part]) -> dict[str, object]:
    counted = []
    for part in parts:
        sources = dict(_sources(part))
        lines = {name: code_lines(source) for name, source in sources.items()}
        used = {name: count for name, count in lines.items() if count}
        counted.append({"what": part.what, "files": len(used), "lines": sum(used.values())})
    return {
        "parts": counted,
        "files": sum(int(str(each["files"])) for each in counted),
        "lines": sum(int(str(each["lines"])) for each in counted),
    }


def _sources(part: Part) -> Iterator[tuple[str, str]]:
    for pattern in part.files:
        for file in sorted(ROOT.glob(pattern)):
            if file.name in part.but:
                continue
            source = file.read_text()
            if not part.functions:
                yield str(file), source
                continue
            chosen = _functions(ast.parse(source), part.functions)
            texts = (ast.get_source_segment(source, each) or "" for each in chosen)
            yield str(file), "\n".join(texts)


def _functions(module: ast.Module, names: Sequence[str]) -> list[ast.FunctionDef]:
    return [
        node for node in module.body if isinstance(node, ast.FunctionDef) and node.name in names
    ]


def _lines_with_code(source: str) -> Iterator[int]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in NO_CODE and token.string:
            yield from range(token.start[0], token.end[0] + 1)


def _lines_of_docstrings(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant(value=str())):
                yield from range(node.lineno, (node.end_lineno or node.lineno) + 1)
            case _:
                pass


def _orchestrated_places() -> dict[str, int]:
    workflows = sum(
        any(ast.unparse(each) == "workflow.defn" for each in node.decorator_list)
        for file in ROOT.glob("workflows/*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ClassDef)
    )
    starters = sum(
        _calls(function, "Subscription")
        for file in ROOT.glob("entrypoints/*.py")
        for function in _functions(ast.parse(file.read_text()), ("consumers",))
    )
    return {"workflows": workflows, "reactions": starters, "sweeps": 0}


def _choreographed_places() -> dict[str, int]:
    tree = ast.parse((ROOT / "entrypoints/choreographed.py").read_text())
    sweeps = sum(
        isinstance(node, ast.Call) and [ast.unparse(each) for each in node.args[:1]] == ["sweep"]
        for node in ast.walk(tree)
    )
    return {"workflows": 0, "reactions": _calls(tree, "Subscription"), "sweeps": sweeps}


def _calls(tree: ast.AST, name: str) -> int:
    return sum(
        isinstance(node, ast.Call) and ast.unparse(node.func) == name for node in ast.walk(tree)
    )


def _size_of(patch: str) -> dict[str, object]:
    lines = patch.splitlines()
    return {
        "files": [each.removeprefix("+++ b/") for each in lines if each.startswith("+++ b/")],
        "added": sum(each.startswith("+") and not each.startswith("+++") for each in lines),
        "removed": sum(each.startswith("-") and not each.startswith("---") for each in lines),
    }
