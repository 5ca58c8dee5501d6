"""The defects of the business, beside the two kinds of error that the log knows."""

from eventstore.errors import DefectError, TransientError

__all__ = [
    "CurrencyMismatchError",
    "DefectError",
    "ImpossibleTransition",
    "ReservationMismatchError",
    "TransientError",
]


class ImpossibleTransition(DefectError):
    """A stored event cannot follow the state before it."""


class CurrencyMismatchError(DefectError):
    """Money of two currencies was added or compared."""


class ReservationMismatchError(DefectError):
    """A reservation was repeated with the same key and other seats."""
