from collections.abc import Iterable
from functools import reduce
from operator import add
from typing import Annotated

from pydantic import Field, StringConstraints

from ticketing.errors import CurrencyMismatchError
from ticketing.value import Value

AMOUNT_MINOR_MAX = 2**63 - 1  # the range of a SQL bigint
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]  # ISO 4217


class Money(Value):
    """An amount in the currency's minor unit, such as cents."""

    amount_minor: int = Field(strict=True, ge=0, le=AMOUNT_MINOR_MAX)  # not `true`, nor "500"
    currency: Currency

    def __add__(self, other: "Money") -> "Money":
        """Return the sum.

        Raises:
            CurrencyMismatchError: the currencies differ.
        """
        if self.currency != other.currency:
            raise CurrencyMismatchError(f"{self} + {other}")
        return Money(amount_minor=self.amount_minor + other.amount_minor, currency=self.currency)

    def __str__(self) -> str:
        """Return the amount for people: `15.00 EUR`."""
        return f"{self.amount_minor // 100}.{self.amount_minor % 100:02} {self.currency}"


def total_of(amounts: Iterable[Money]) -> Money:
    """Return the sum of one or more amounts.

    Raises:
        CurrencyMismatchError: the currencies differ.
    """
    return reduce(add, amounts)
