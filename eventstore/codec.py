"""Event models become what the log stores, and back: a type, a schema version and JSON.

The stored type is the bare class name, never a module path: modules move, the log does not.
An upcaster turns the JSON object of one schema version into the next one's. A type's current
version is therefore one more than its upcasters.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Generic, TypeVar

from pydantic import BaseModel, JsonValue, ValidationError

from eventstore.api import NewEvent, StoredEvent
from eventstore.errors import UnknownEventError

E = TypeVar("E", bound=BaseModel)

JsonObject = dict[str, JsonValue]
Upcaster = Callable[[JsonObject], JsonObject]


class Codec(Generic[E]):
    """A codec translates the events of one union.

    Every model has a field `type: Literal["ClassName"] = "ClassName"`. It is not stored in the
    JSON, for it has a column of its own.
    """

    def __init__(
        self,
        events: Iterable[type[E]],
        upcasters: Mapping[tuple[str, int], Upcaster] | None = None,
    ) -> None:
        self._upcasters = dict(upcasters or {})
        upcasters_of = Counter(name for name, _ in self._upcasters)
        self._models = {model.__name__: model for model in events}
        self._versions = {name: 1 + upcasters_of[name] for name in self._models}
        for name, version in self._upcasters:
            if not 1 <= version < self._versions.get(name, 0):
                raise ValueError(f"upcaster of {name} {version}: no such event, or a gap before it")

    def encode(self, event: E) -> NewEvent:
        name = type(event).__name__
        data = event.model_dump_json(exclude={"type"})
        return NewEvent(type=name, schema_version=self._versions[name], data=data)

    def decode(self, stored: StoredEvent) -> E:
        """Return the event, upcasted to its current schema.

        Raises:
            UnknownEventError: this code does not know the type, the version or the content.
        """
        model = self._models.get(stored.type)
        if model is None or not 1 <= stored.schema_version <= self._versions[stored.type]:
            raise UnknownEventError(f"{_where(stored)} is unknown")
        try:
            return model.model_validate_json(self._upcast(stored))
        except ValidationError as error:
            raise UnknownEventError(f"{_where(stored)} cannot be read") from error

    def _upcast(self, stored: StoredEvent) -> str:
        missed = range(stored.schema_version, self._versions[stored.type])
        if not missed:
            return stored.data
        data: JsonObject = json.loads(stored.data)
        for version in missed:
            data = self._upcasters[stored.type, version](data)
        return json.dumps(data)


def _where(stored: StoredEvent) -> str:
    return f"{stored.stream} version {stored.version}: {stored.type} schema {stored.schema_version}"
