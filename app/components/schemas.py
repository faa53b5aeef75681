"""What a generation takes and gives."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.text import Storable

_MAX_PROMPT = 20_000


class Prompt(BaseModel):
    """What to generate."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"prompt": "A pricing table with three plans"}]}
    )

    prompt: Annotated[str, Storable, Field(min_length=1, max_length=_MAX_PROMPT)]


class Generation(BaseModel):
    """A generated component; `id` is also that of the usage that it was counted as."""

    id: UUID
    code: str = Field(examples=["export default function Pricing() {\n  return <section>…</section>\n}"])
    model: str = Field(examples=["v0-1.5-md"])
