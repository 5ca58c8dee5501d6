"""What people read at a terminal: the text of others moves no cursor there, and forges no line."""

import re
import sys
from typing import TextIO

# Controls (C0, DEL, C1), separators of lines, halves of pairs, and what turns or hides other text.
# Not the two joiners, U+200C and U+200D: people's names and emoji need them.
INVISIBLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    r"\ud800-\udfff\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    r"""Return one line in which each such character is written as in Python: `\x1b`, `\u202e`."""
    return INVISIBLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def visible_lines(text: str) -> str:
    """Return text whose own line breaks are ours, as those of a traceback are."""
    return "\n".join(map(visible, text.split("\n")))


def say(*lines: str, to: TextIO | None = None) -> None:
    """Print lines, each of them one line whatever is in it; on stdout by default."""
    print(*map(visible, lines), sep="\n", file=to or sys.stdout, flush=True)
