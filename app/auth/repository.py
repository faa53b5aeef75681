"""The functions that PostgreSQL offers before anybody is logged in, and the one that revokes a token."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from psycopg.errors import UniqueViolation
from psycopg.rows import class_row, dict_row

from app.database import Connection
from app.users.schemas import User


class EmailTaken(Exception):
    """Somebody has this address already."""


class Login(NamedTuple):
    """A user, and the hash to verify their password against."""

    user: User
    password_hash: str


async def register_user(connection: Connection, email: str, password_hash: str) -> User:
    """Makes a user.

    Raises EmailTaken.
    """
    async with connection.cursor(row_factory=class_row(User)) as cursor:
        try:
            await cursor.execute("SELECT * FROM public.register_user(%s, %s)", (email, password_hash))
        except UniqueViolation:
            raise EmailTaken from None
        user = await cursor.fetchone()
    assert user is not None
    return user


async def find_login(connection: Connection, email: str) -> Login | None:
    """Whoever has this address, whatever its case."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute("SELECT * FROM public.find_login(%s)", (email,))
        row = await cursor.fetchone()
    if row is None:
        return None
    password_hash = row.pop("password_hash")
    return Login(User(**row), password_hash)


async def revoke_token(connection: Connection, token_id: UUID, expires_at: datetime) -> None:
    """Stores that a token is refused until it would have expired anyway."""
    await connection.execute("SELECT public.revoke_token(%s, %s)", (token_id, expires_at))
