"""Translates our defects for Temporal. No other activity knows `ApplicationError`."""

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import ValidationError
from temporalio.exceptions import ApplicationError

from eventstore.errors import DefectError


@contextmanager
def defects_are_final() -> Iterator[None]:
    """Fail the activity for good on a defect; Temporal retries it after any other error."""
    try:
        yield
    except (DefectError, ValidationError, AssertionError) as defect:
        raise ApplicationError(
            str(defect), type=type(defect).__name__, non_retryable=True
        ) from defect
