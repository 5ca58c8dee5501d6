"""What is measured of the business as a whole: numbers of the whole database, for Prometheus."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measure:
    """A number per combination of its labels. The name ends in its unit, and has no prefix."""

    name: str
    help: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sample:
    """One number; `labels` are the values of the measure's labels, in their order."""

    labels: tuple[str, ...]
    value: float


Samples = Mapping[Measure, Sequence[Sample]]
