"""The shape of an entity: `decide` says what may happen, `evolve` what that changes.

After J. Chassaing, "Functional Event Sourcing Decider", 2021.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from ticketing.value import Value


class Rejection(Value):
    """The answer to a command that an entity refuses: a value, not an exception."""


C = TypeVar("C")  # commands
S = TypeVar("S")  # state
E = TypeVar("E")  # events
R = TypeVar("R", bound=Rejection)


@dataclass(frozen=True, slots=True)
class Decider(Generic[C, S, E, R]):
    """The rules of an entity, as pure functions.

    `decide` returns events, `()` when there is nothing to do, or a rejection; its last argument
    is the database's clock. `evolve` raises `ImpossibleTransition` for an event that cannot follow.
    """

    initial: S
    decide: Callable[[C, S, datetime], Sequence[E] | R]
    evolve: Callable[[S, E], S]
