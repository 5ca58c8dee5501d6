"""The page of the settings: name, form, default and what each is for."""

from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import HttpUrl, PostgresDsn, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from docs.tools.markdown import code, table
from entrypoints.settings import PREFIX, TEMPORAL_PREFIX, Settings, WorkerVersion

INTRODUCTION = """\
# Settings

Every setting is an environment variable. [The settings](../../entrypoints/settings.py) are read
once, when a program starts; a `BOX_OFFICE_` variable with another name is an error. A `.env` file
in the directory where the program starts adds what the environment does not have; you are told of
it, and a file that belongs to somebody else, or that everybody may write to, is not read. The unit
of a number is the end of its name.
"""
OTHERS = """\
## Read by libraries

| variable | for |
| --- | --- |
| `TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE` and the other `TEMPORAL_*` | how Temporal is reached: \
`localhost:7233` and `default` unless they say otherwise |
| `OTEL_EXPORTER_OTLP_ENDPOINT` | where traces are sent; without it there are none |
"""

LIMITS = {"gt": "above {}", "ge": "{} or more", "max_length": "at most {} characters"}
WORDS = {
    str: "text",
    float: "number",
    bool: "`true` or `false`",
    SecretStr: "secret",
    HttpUrl: "URL",
    PostgresDsn: "URL of Postgres",
}


def page() -> str:
    """Return docs/reference/settings.md."""
    return "\n".join(
        [
            INTRODUCTION,
            "## The system\n",
            _table(Settings, PREFIX),
            "## A worker's version\n",
            _table(WorkerVersion, TEMPORAL_PREFIX),
            OTHERS,
        ]
    )


def _table(settings: type[BaseSettings], prefix: str) -> str:
    rows = [
        (code(prefix + name.upper()), _form(field), _default(field), field.description or "")
        for name, field in settings.model_fields.items()
    ]
    return table(("variable", "form", "default", "for"), rows)


def _form(field: FieldInfo) -> str:
    limits = [
        words.format(getattr(limit, key))
        for limit in field.metadata
        for key, words in LIMITS.items()
        if hasattr(limit, key)
    ]
    return ", ".join([_type(field.annotation), *limits])


def _type(annotation: Any) -> str:
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(map(code, parts))
    if origin in (UnionType, Union):
        return " or ".join(_type(part) for part in parts if part is not NoneType)
    if origin is Annotated:
        return _type(parts[0])
    if origin is tuple:
        return f"{_type(parts[0])}, with commas between"
    return WORDS[annotation]


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "see there"
    if isinstance(field.default, bool):
        return code(str(field.default).lower())
    return code(str(field.default)) if field.default not in (None, ()) else "none"
