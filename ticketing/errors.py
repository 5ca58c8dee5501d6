"""The defects of the business, beside those that the log knows."""

from eventstore.errors import DefectError


class ImpossibleTransition(DefectError):
    """A stored event cannot follow the state before it."""


class CurrencyMismatchError(DefectError):
    """Money of two currencies was added or compared."""


class ReservationMismatchError(DefectError):
    """A reservation was repeated with the same key and other seats."""
