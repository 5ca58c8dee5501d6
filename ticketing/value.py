"""The base of everything that crosses an edge: checked, frozen, nothing extra."""

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """A frozen model; unknown fields are errors. Events, commands, rejections and messages."""

    model_config = ConfigDict(frozen=True, extra="forbid")
