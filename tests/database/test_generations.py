"""The quota of component generations: reservations on a real PostgreSQL, by the code of the API itself."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from app.components import repository
from app.database import Database
from app.tokens import Principal
from migrations.settings import Settings

from .conftest import ON_BOTH, Connection, Person

pytestmark = ON_BOTH

QUOTA = 5


@pytest.fixture
async def database(migrated: Settings) -> AsyncIterator[Database]:
    database = Database(migrated.api.url, size=8)
    await database.open()
    yield database
    await database.close()


def principal(person: Person) -> Principal:
    return Principal(person.id, uuid.uuid4(), 2**31)


async def reserve(database: Database, person: Person, quota: int = QUOTA) -> uuid.UUID | None:
    async with database.as_user(principal(person)) as connection:
        account = await repository.lock_account(connection, person.id)
        assert account is not None
        return await repository.reserve(connection, person.id, quota)


async def count(database: Database, person: Person, reservation: uuid.UUID) -> None:
    async with database.as_user(principal(person)) as connection:
        await repository.count(connection, person.id, reservation, "v0-1.5-md")


async def test_of_many_at_once_as_many_get_one_as_the_quota_has(database: Database, alice: Person) -> None:
    got = await asyncio.gather(*(reserve(database, alice) for _ in range(QUOTA * 6)))
    assert len([reservation for reservation in got if reservation]) == QUOTA


async def test_between_reservation_and_usage_nothing_slips_through(
    database: Database, owner: Connection, alice: Person
) -> None:
    async def generate() -> bool:
        reservation = await reserve(database, alice)
        if reservation is None:
            return False
        await asyncio.sleep(0.01)
        await count(database, alice, reservation)
        return True

    made = await asyncio.gather(*(generate() for _ in range(QUOTA * 6)))
    assert made.count(True) == QUOTA
    query = "SELECT count(*), sum(usage_count) FROM usage WHERE user_id = %s AND feature = 'component_generation'"
    assert owner.execute(query, [alice.id]).fetchone() == (QUOTA, QUOTA)
    assert await reserve(database, alice) is None
    assert await reserve(database, alice, QUOTA + 1) is not None, "another plan has more"


async def test_what_is_given_back_is_there_again(database: Database, alice: Person) -> None:
    reservations = [await reserve(database, alice) for _ in range(QUOTA)]
    assert await reserve(database, alice) is None
    assert reservations[0]
    async with database.as_user(principal(alice)) as connection:
        await repository.release(connection, reservations[0])
    assert await reserve(database, alice) is not None


async def test_the_reservation_of_a_process_that_died_ends_by_itself(
    database: Database, owner: Connection, alice: Person
) -> None:
    for _ in range(QUOTA):
        assert await reserve(database, alice)
    assert await reserve(database, alice) is None
    owner.execute(
        "UPDATE generation_reservations SET expires_at = now() - interval '1 s' WHERE user_id = %s", [alice.id]
    )
    assert await reserve(database, alice)
    rows = owner.execute("SELECT count(*) FROM generation_reservations WHERE user_id = %s", [alice.id]).fetchone()
    assert rows == (1,), "what expired is swept"


async def test_one_that_expired_while_v0_was_slow_counts_all_the_same(
    database: Database, owner: Connection, alice: Person
) -> None:
    reservation = await reserve(database, alice)
    assert reservation
    owner.execute("DELETE FROM generation_reservations WHERE user_id = %s", [alice.id])
    await count(database, alice, reservation)
    query = "SELECT id FROM usage WHERE user_id = %s AND feature = 'component_generation'"
    assert owner.execute(query, [alice.id]).fetchall() == [(reservation,)]


async def test_a_month_begins_in_utc_and_other_usage_does_not_count(
    database: Database, owner: Connection, alice: Person
) -> None:
    first = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    insert = "INSERT INTO usage (user_id, feature, usage_count, created_at) VALUES (%s, %s, %s, %s)"
    owner.execute(insert, [alice.id, "component_generation", 1000, first - timedelta(microseconds=1)])
    owner.execute(insert, [alice.id, "install", 1000, first])
    owner.execute(insert, [alice.id, "component_generation", QUOTA - 1, first])
    assert await reserve(database, alice)
    assert await reserve(database, alice) is None


async def test_people_do_not_share_a_quota_nor_a_reservation(database: Database, alice: Person, bob: Person) -> None:
    reservations = [await reserve(database, alice) for _ in range(QUOTA)]
    assert await reserve(database, bob)
    assert reservations[0]
    async with database.as_user(principal(bob)) as connection:
        await repository.release(connection, reservations[0])
    assert await reserve(database, alice) is None, "bob could not give back what is alice's"


async def test_a_quota_of_nothing_is_nothing(database: Database, alice: Person) -> None:
    assert await reserve(database, alice, 0) is None
