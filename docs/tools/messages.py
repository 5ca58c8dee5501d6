"""The page and the JSON schema of what is stored and asked: events, commands, rejections."""

import json
from collections.abc import Mapping, Sequence
from inspect import cleandoc
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from docs.tools.markdown import code, table
from ticketing.booking.commands import BookingCommand
from ticketing.booking.events import BookingEvent
from ticketing.booking.rejections import BookingRejection
from ticketing.payment.commands import PaymentCommand
from ticketing.payment.events import PaymentEvent
from ticketing.payment.rejections import PaymentRejection
from ticketing.payment_provider.notices import Notice

SCHEMA_FILE = "messages.json"
INTRODUCTION = f"""\
# Events, commands and rejections

Every message of the two entities with its fields. [{SCHEMA_FILE}]({SCHEMA_FILE}) has the same as
one JSON schema. An event is stored as it is here, under its name and a schema version; a command is
an argument of an activity; a rejection is a value that is answered.
"""
Schema = Mapping[str, Any]


def _models(union: object) -> tuple[type[BaseModel], ...]:
    """Return the members of a union, whether it names a discriminator or not."""
    parts = get_args(union)
    return _models(parts[0]) if get_args(parts[0]) else parts


GROUPS: Mapping[str, tuple[type[BaseModel], ...]] = {
    "Events of a booking": _models(BookingEvent),
    "Commands to a booking": _models(BookingCommand),
    "Rejections of a booking": _models(BookingRejection),
    "Events of a payment": _models(PaymentEvent),
    "Commands to a payment": _models(PaymentCommand),
    "Rejections of a payment": _models(PaymentRejection),
    "What the payment provider sends": (Notice,),
}


def schema() -> str:
    """Return docs/reference/messages.json."""
    return json.dumps(_schema()[1], indent=2) + "\n"


def page() -> str:
    """Return docs/reference/messages.md."""
    names, whole = _schema()
    shared = sorted(set(whole["$defs"]) - set(names.values()))
    return "\n".join(
        [
            INTRODUCTION,
            *(
                _group(title, [(model.__name__, whole["$defs"][names[model]]) for model in models])
                for title, models in GROUPS.items()
            ),
            _group("What they are made of", [(name, whole["$defs"][name]) for name in shared]),
        ]
    )


def _schema() -> tuple[Mapping[object, str], Schema]:
    """Return one schema for all, and under which name it has each: two have the same name."""
    models = [model for group in GROUPS.values() for model in group]
    references, whole = models_json_schema([(model, "validation") for model in models])
    return {model: _name(at["$ref"]) for (model, _), at in references.items()}, whole


def _group(title: str, models: Sequence[tuple[str, Schema]]) -> str:
    return "\n".join([f"## {title}\n", *(_section(name, model) for name, model in models)])


def _section(name: str, model: Schema) -> str:
    words = cleandoc(model.get("description", ""))
    required = model.get("required", ())
    rows = [
        (code(field), _type(form), "" if field in required else "may be left out")
        for field, form in model["properties"].items()
        if "const" not in form  # the type, which is the heading
    ]
    parts = [f"### {name}\n", f"{words}\n" if words else ""]
    parts.append(table(("field", "form", ""), rows) if rows else "It has no fields.\n")
    return "\n".join(part for part in parts if part)


def _type(form: Schema) -> str:
    if "anyOf" in form:
        return " or ".join(map(_type, form["anyOf"]))
    if "enum" in form:
        return "one of " + ", ".join(map(code, form["enum"]))
    if "$ref" in form:
        return _name(form["$ref"])
    if form["type"] == "array":
        return f"list of {_type(form['items'])}"
    limits = {key: value for key, value in form.items() if key not in ("type", "title", "default")}
    return " ".join([form["type"], *(f"{key} `{value}`" for key, value in limits.items())])


def _name(reference: str) -> str:
    return reference.rpartition("/")[2]
