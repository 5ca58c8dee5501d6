"""The base of everything that crosses an edge: checked, frozen, nothing extra."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

# Without NUL, which Postgres keeps in no text.
ShortText = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]


class Value(BaseModel):
    """A frozen model; unknown fields are errors. Events, commands, rejections and messages."""

    model_config = ConfigDict(frozen=True, extra="forbid")
