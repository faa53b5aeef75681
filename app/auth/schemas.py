"""What registration and login take and give."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from app.text import Email, Storable
from app.users.schemas import User

_MAX_PASSWORD = 1024


class Registration(BaseModel):
    """A new user."""

    model_config = ConfigDict(extra="forbid")

    email: Email
    password: Annotated[
        SecretStr, Storable, Field(min_length=12, max_length=_MAX_PASSWORD, examples=["correct horse battery"])
    ]


class Credentials(BaseModel):
    """A login. The password has no minimum here: a short one is just wrong."""

    model_config = ConfigDict(extra="forbid")

    email: Email
    password: Annotated[SecretStr, Storable, Field(max_length=_MAX_PASSWORD, examples=["correct horse battery"])]


class Session(BaseModel):
    """A token, and whose it is."""

    access_token: str = Field(examples=["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI1ZDBjN2E1MiJ9.c2lnbmF0dXJl"])
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 (a kind, not a token)
    expires_in: int = Field(examples=[3600])
    """Seconds."""
    user: User
