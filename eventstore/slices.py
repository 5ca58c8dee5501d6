"""Which slice a stream lives in: it can never change, so golden tests pin it."""

from hashlib import blake2b
from typing import NewType

StreamId = NewType("StreamId", str)  # "booking-42": category, dash, id
Category = NewType("Category", str)  # "booking"
Slice = NewType("Slice", int)  # ordering domain: positions are dense within one

SLICES_PER_CATEGORY = 64  # the unit of partitioning; more members than this would sit idle

# The first slice of each category. Numbers are never reused: rows carry them.
CATEGORY_BASE = {Category("booking"): 0, Category("payment"): 64}


def slice_of(stream: StreamId) -> Slice:
    """Return the slice that a stream lives in; its category ends at its first dash.

    Raises:
        KeyError: the stream's category is not registered in `CATEGORY_BASE`.
    """
    digest = int.from_bytes(blake2b(stream.encode(), digest_size=8).digest(), "big")
    category = Category(stream.partition("-")[0])
    return Slice(CATEGORY_BASE[category] + digest % SLICES_PER_CATEGORY)


def slices_of(category: Category) -> range:
    """Return every slice of a category.

    Raises:
        KeyError: the category is not registered in `CATEGORY_BASE`.
    """
    base = CATEGORY_BASE[category]
    return range(base, base + SLICES_PER_CATEGORY)
