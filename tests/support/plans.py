"""How the server would carry out a statement."""

import json
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

import asyncpg

# Whatever the arguments: the plan that the server may keep from the sixth execution on.
EXPLAIN = """
CREATE FUNCTION public.explain_any(statement text) RETURNS json LANGUAGE plpgsql AS $fn$
DECLARE
  plan json;
BEGIN
  EXECUTE 'EXPLAIN (GENERIC_PLAN, FORMAT JSON) ' || statement INTO plan;
  RETURN plan;
END $fn$
"""


def statements(module: ModuleType) -> Mapping[str, str]:
    """What the module sends to the server, by the name of the constant."""
    return {
        name: value
        for name, value in vars(module).items()
        if name.isupper() and isinstance(value, str) and value.isascii() and " " in value
    }


async def scans_of(pool: asyncpg.Pool, statement: str) -> set[tuple[str, str]]:
    """Each table that it reads, and how: by an index, all of an index, or all of it."""
    [explained] = json.loads(await pool.fetchval("SELECT explain_any($1)", statement))
    return {
        (node["Relation Name"], _access(node))
        for node in _nodes(explained["Plan"])
        if "Scan" in node["Node Type"] and "Relation Name" in node
    }


def _access(node: Mapping[str, Any]) -> str:
    if node["Node Type"] == "Bitmap Heap Scan":
        [node] = node["Plans"]
    index: str = node.get("Index Name", "it")
    return index if "Index Cond" in node else f"all of {index}"


def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)
