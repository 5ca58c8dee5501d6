"""Metrics of the whole database, for Prometheus."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric, with one number per combination of labels; its name ends in the unit."""

    name: str
    help: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sample:
    """One number of a metric; `labels` are the values of the metric's labels, in their order."""

    labels: tuple[str, ...]
    value: float


Samples = Mapping[Metric, Sequence[Sample]]
