"""given(BOOKING, PLACED, CONFIRMED).when(EXPIRE, now=DEADLINE).then(EXPIRED): the real decider."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import Generic, TypeVar

from tests.support.controls import NOW
from ticketing.decider import Decider, Rejection

C = TypeVar("C")
S = TypeVar("S")
E = TypeVar("E")
R = TypeVar("R", bound=Rejection)


@dataclass(frozen=True, slots=True)
class Decided(Generic[E, R]):
    outcome: Sequence[E] | R

    def then(self, *events: E) -> None:
        assert not isinstance(self.outcome, Rejection), self.outcome
        assert tuple(self.outcome) == events

    def then_nothing(self) -> None:
        self.then()

    def then_rejected(self, rejection: R) -> None:
        assert self.outcome == rejection


@dataclass(frozen=True, slots=True)
class Given(Generic[C, S, E, R]):
    decider: Decider[C, S, E, R]
    state: S

    def when(self, command: C, now: datetime = NOW) -> Decided[E, R]:
        outcome = self.decider.decide(command, self.state, now)
        if not isinstance(outcome, Rejection):
            reduce(self.decider.evolve, outcome, self.state)  # what is decided can be folded
        return Decided(outcome)


def given(decider: Decider[C, S, E, R], *history: E) -> Given[C, S, E, R]:
    return Given(decider, reduce(decider.evolve, history, decider.initial))
