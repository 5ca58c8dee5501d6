"""How the demo speaks: lines that break between words only, and a count while it waits."""

import asyncio
import time
from collections.abc import Awaitable
from datetime import datetime
from math import ceil
from typing import TypeVar

from rich.console import Console
from rich.text import Text

from entrypoints.terminal import visible, visible_lines

T = TypeVar("T")
INDENT = 3

console = Console(highlight=False)


def head(text: str) -> None:
    """Print the title of a chapter."""
    console.print(f"\n[bold cyan]{visible(text)}[/bold cyan]")


def say(text: str) -> None:
    """Print a sentence that breaks between words."""
    for line in Text.from_markup(visible(text)).wrap(console, console.width - INDENT):
        line.rstrip()
        line.pad_left(INDENT)
        console.print(line, soft_wrap=True)


def show(text: str) -> None:
    """Print lines to copy as they are, however long."""
    console.print(visible_lines(text), soft_wrap=True, markup=False)


async def count_down(text: str, until: datetime, waited_for: Awaitable[T]) -> T:
    """Wait for something while the seconds that are left are counted aloud."""
    console.print(" " * INDENT + visible(text), end="")
    counting = asyncio.create_task(_count(until))
    try:
        return await waited_for
    finally:
        counting.cancel()
        console.print()


async def _count(until: datetime) -> None:
    while True:
        left = ceil(until.timestamp() - time.time())
        console.print(f" {left}" if left > 0 else " .", end="")
        await asyncio.sleep(1)
