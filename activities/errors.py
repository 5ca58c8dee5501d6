"""Translates defects for Temporal; the only file that knows `ApplicationError`."""

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import ValidationError
from temporalio.exceptions import ApplicationError

from ticketing.errors import DefectError


@contextmanager
def defects_are_final() -> Iterator[None]:
    """A defect fails the activity at once and visibly; everything else Temporal tries again."""
    try:
        yield
    except (DefectError, ValidationError, AssertionError) as defect:
        raise ApplicationError(
            str(defect), type=type(defect).__name__, non_retryable=True
        ) from defect
