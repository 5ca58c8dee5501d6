import re
from functools import total_ordering

from pydantic import Field

from ticketing.money import Money
from ticketing.value import Value

SEAT_NUMBER_MAX = 2**31 - 1  # the range of a SQL integer


@total_ordering
class Seat(Value):
    """A seat of the hall; seats are ordered by row, then by number."""

    row: int = Field(strict=True, ge=1, le=SEAT_NUMBER_MAX)
    number: int = Field(strict=True, ge=1, le=SEAT_NUMBER_MAX)

    @classmethod
    def parse(cls, text: str) -> "Seat":
        """Parse `3-14` as row 3, number 14.

        Raises:
            ValueError: the text is not of that form, or a number is 0.
        """
        match = re.fullmatch(r"(\d{1,6})-(\d{1,6})", text)
        if match is None or int(match[1]) * int(match[2]) == 0:
            raise ValueError(f"{text!r} is not a seat: write ROW-NUMBER, both from 1, as in 3-14")
        return cls(row=int(match[1]), number=int(match[2]))

    def __lt__(self, other: "Seat") -> bool:
        return (self.row, self.number) < (other.row, other.number)

    def __str__(self) -> str:
        """Return the seat for people: `3-14`."""
        return f"{self.row}-{self.number}"


class Ticket(Value):
    """A seat and its price."""

    seat: Seat
    price: Money
