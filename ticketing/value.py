"""The base class of events, commands, rejections and messages."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

# NUL is refused, because Postgres cannot store it in a text.
ShortText = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]


class Value(BaseModel):
    """A frozen model that refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")
