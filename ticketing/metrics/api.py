"""Metrics of the whole database, for Prometheus."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric has one number for every combination of labels; its name ends in the unit."""

    name: str
    help: str
    labels: tuple[str, ...] = ()


# The numbers of every metric, by the values of its labels in their order.
Samples = Mapping[Metric, Mapping[tuple[str, ...], float]]
