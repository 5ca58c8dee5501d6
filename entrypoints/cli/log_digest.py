"""`box-office log-digest`: what to publish, so that nobody can rewrite the log unseen."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from entrypoints.cli import answers
from entrypoints.cli.answers import Json, command
from entrypoints.settings import Settings
from entrypoints.wiring import box_office, log_heads
from eventstore.api import Head
from eventstore.slices import Slice

FILE_BYTES_MAX = 1_000_000  # a hundred slices take ten thousand

app = typer.Typer()


class SliceDigest(NamedTuple):
    """One slice of a digest: where it ended, and the hash of the event there."""

    slice: Annotated[int, Field(ge=0, lt=2**31)]
    position: Annotated[int, Field(ge=0, lt=2**63)]
    hash: Annotated[str, Field(pattern="^([0-9a-f]{64})?$")]


class LogDigest(BaseModel):
    """The document; `digest` is SHA-256 over a line for each slice: number, position, hash."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    digest: str
    slices: tuple[SliceDigest, ...]


@command(app, "log-digest")
async def log_digest(as_json: Json = False) -> None:
    """Print a digest of the log, to be published.

    Keep the JSON document where the owner of the database cannot change it: `verify --digest FILE`
    tells whether the log continues it.
    """
    async with box_office(Settings()) as parts:
        heads = await log_heads(parts)
    slices = tuple(SliceDigest(head.slice, head.position, head.hash.hex()) for head in heads)
    digest = _digest(slices)
    answers.show(LogDigest(digest=digest, slices=slices), digest, as_json=as_json)


def published_heads(file: Path) -> Sequence[Head]:
    """Read what `log-digest --json` printed."""
    try:
        with file.open("rb") as opened:
            document = LogDigest.model_validate_json(opened.read(FILE_BYTES_MAX))
    except OSError as error:
        answers.bad_input("--digest", f"{file} cannot be read: {error.strerror}")
    except ValidationError:
        answers.bad_input("--digest", f"{file} is not what `log-digest --json` prints")
    if document.digest != _digest(document.slices):
        answers.bad_input("--digest", f"{file} was changed: its digest is not that of its slices")
    return [Head(Slice(at.slice), at.position, bytes.fromhex(at.hash)) for at in document.slices]


def _digest(slices: Sequence[SliceDigest]) -> str:
    lines = (f"{at.slice} {at.position} {at.hash}\n" for at in slices)
    return sha256("".join(lines).encode()).hexdigest()
