"""Ids, stream names and command ids. No plain `str` is an id."""

from hashlib import sha256
from typing import Annotated, NewType
from uuid import UUID, uuid5

from pydantic import StringConstraints

from eventstore.slices import StreamId

_Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]

BookingId = NewType("BookingId", _Id)
PaymentId = NewType("PaymentId", _Id)
ClientId = NewType("ClientId", _Id)
ConcertId = NewType("ConcertId", _Id)

# The namespace of all command ids; any fixed UUID would do.
_COMMANDS = UUID("6b1f3c52-8f0e-4d57-9a35-0c2f4c1d7e11")


def booking_stream(booking_id: BookingId) -> StreamId:
    """Return the name of a booking's stream, which is also the id of its process."""
    return StreamId(f"booking-{booking_id}")


def payment_stream(payment_id: PaymentId) -> StreamId:
    """Return the name of a payment's stream, which is also the id of its process."""
    return StreamId(f"payment-{payment_id}")


def booking_of(stream: str) -> BookingId:
    """Return the id of the booking whose stream this is."""
    return BookingId(stream.removeprefix("booking-"))


def payment_of(stream: str) -> PaymentId:
    """Return the id of the payment whose stream this is."""
    return PaymentId(stream.removeprefix("payment-"))


def command_id(process_id: str, step: str) -> UUID:
    """Return the id of a step's command: a repeated step sends the same command."""
    return uuid5(_COMMANDS, f"{process_id}/{step}")


FIRST_ATTEMPT = 1  # the attempt to reserve that a booking itself makes


def reinstatement_attempt(payment_id: PaymentId) -> int:
    """Return the number of a late payment's attempt to reserve (docs/decisions/0004).

    Two late payments for one booking never share a hold, so each can release its own.
    """
    return 2 + int.from_bytes(sha256(payment_id.encode()).digest()[:6])
