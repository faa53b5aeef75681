"""The API's own transactions: what holds within one, and that nothing of it stays with the connection."""

import time
from collections.abc import AsyncIterator

import psycopg
import pytest

from app import database
from app.database import Database
from app.problems import Unavailable
from app.tokens import Principal
from migrations.settings import Settings

from .conftest import ON_BOTH, Person

pytestmark = ON_BOTH


@pytest.fixture
async def one_connection(migrated: Settings) -> AsyncIterator[Database]:
    """A pool of one, so that whoever comes next gets the same connection."""
    pool = Database(migrated.api.url, size=1)
    await pool.open()
    yield pool
    await pool.close()


def principal_of(person: Person) -> Principal:
    return Principal(person.id, person.id, int(time.time()) + 60)


async def setting(connection: database.Connection, name: str) -> str:
    row = await (await connection.execute("SELECT coalesce(current_setting(%s, true), '')", (name,))).fetchone()
    assert row is not None
    return row[0]


@pytest.mark.parametrize("who", ["nobody", "somebody"])
async def test_the_server_gives_up_a_statement_by_itself(
    one_connection: Database, alice: Person, monkeypatch: pytest.MonkeyPatch, who: str
):
    monkeypatch.setattr(database, "_STATEMENT_TIMEOUT", "200ms")
    made = one_connection.as_nobody() if who == "nobody" else one_connection.as_user(principal_of(alice))
    started = time.monotonic()
    with pytest.raises(Unavailable) as raised:
        async with made as connection:
            await connection.execute("SELECT pg_sleep(5)")
    assert isinstance(raised.value.__cause__, psycopg.errors.QueryCanceled), "not by hanging up"
    assert time.monotonic() - started < 3
    await one_connection.ping(1.0)


async def test_limits_and_claims_end_with_the_transaction(one_connection: Database, alice: Person):
    async with one_connection.connection() as connection:
        before = await setting(connection, "statement_timeout")
    async with one_connection.as_user(principal_of(alice)) as connection:
        assert str(alice.id) in await setting(connection, "request.jwt.claims")
    async with one_connection.as_nobody() as connection:
        assert await setting(connection, "request.jwt.claims") == ""
        assert await setting(connection, "statement_timeout") == "7s"
    async with one_connection.connection() as connection:
        assert await setting(connection, "statement_timeout") == before != "7s"


async def test_nobody_sees_no_rows(one_connection: Database, alice: Person):
    async with one_connection.as_nobody() as connection:
        rows = await (await connection.execute("SELECT 1 FROM users WHERE id = %s", (alice.id,))).fetchall()
    assert rows == []


async def test_what_nobody_did_is_kept_unless_it_failed(one_connection: Database, owner: psycopg.Connection):
    register = "SELECT id FROM public.register_user(%s, 'hash')"
    async with one_connection.as_nobody() as connection:
        await connection.execute(register, ("kept@example.test",))
    with pytest.raises(ZeroDivisionError):
        async with one_connection.as_nobody() as connection:
            await connection.execute(register, ("lost@example.test",))
            raise ZeroDivisionError
    found = owner.execute("SELECT email FROM users WHERE email IN ('kept@example.test', 'lost@example.test')")
    assert found.fetchall() == [("kept@example.test",)]
