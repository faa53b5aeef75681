"""Who a person is to Stripe, and what is remembered of Stripe's events."""

import secrets
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import psycopg
import pytest

from app.users.repository import delete
from migrations.settings import Settings

from .conftest import ON_BOTH, Connection, Person

pytestmark = ON_BOTH

# For the rest of the transaction: behind a pooler the connection is somebody else's after it.
CLAIMS = "SELECT set_config('request.jwt.claims', json_build_object('sub', %s::text)::text, true)"

ActingAs = Callable[[Person], AbstractContextManager[Connection]]


@pytest.fixture
def customer() -> str:
    return f"cus_{secrets.token_hex(6)}"


@pytest.fixture
def newcomer(owner: Connection, alice: Person) -> Person:
    """Someone whom Stripe does not know."""
    owner.execute("UPDATE users SET stripe_customer_id = NULL WHERE id = %s", [alice.id])
    return alice


def link(connection: Connection, customer: str, instead_of: str | None = None) -> object:
    row = connection.execute("SELECT link_stripe_customer(%s, %s)", [customer, instead_of]).fetchone()
    assert row
    return row[0]


def test_a_person_is_linked_once_and_the_first_customer_stays(
    acting_as: ActingAs, newcomer: Person, customer: str
) -> None:
    with acting_as(newcomer) as api:
        assert link(api, customer) == customer
        assert link(api, f"{customer}_2") == customer
        assert link(api, f"{customer}_2", instead_of="cus_wrong") == customer
        assert link(api, f"{customer}_2", instead_of=customer) == f"{customer}_2"


def test_nobody_is_linked_without_a_person_and_no_one_else_with_one(
    api: Connection, acting_as: ActingAs, newcomer: Person, bob: Person, customer: str, owner: Connection
) -> None:
    assert link(api, customer) is None
    with acting_as(newcomer) as connection:
        link(connection, customer)
        visible = connection.execute("SELECT stripe_customer_id FROM users").fetchall()
        assert visible == [(customer,)]
    query = "SELECT stripe_customer_id FROM users WHERE id = %s"
    assert owner.execute(query, [bob.id]).fetchone() == (bob.customer,)


def test_somebody_elses_customer_is_refused(acting_as: ActingAs, newcomer: Person, bob: Person) -> None:
    with acting_as(newcomer) as api, pytest.raises(psycopg.errors.UniqueViolation):
        link(api, bob.customer)


def test_the_api_cannot_write_the_customer_by_itself(acting_as: ActingAs, newcomer: Person, customer: str) -> None:
    with acting_as(newcomer) as api, pytest.raises(psycopg.errors.InsufficientPrivilege):
        api.execute("UPDATE users SET stripe_customer_id = %s", [customer])


def test_of_two_at_once_both_get_the_first_ones_customer(
    owner: Connection, migrated: Settings, newcomer: Person, customer: str
) -> None:
    answers: list[object] = []

    def second() -> None:
        with psycopg.connect(migrated.api.url) as late:
            late.execute(CLAIMS, [newcomer.id])
            answers.append(link(late, f"{customer}_late"))

    with psycopg.connect(migrated.api.url) as early:
        early.execute(CLAIMS, [newcomer.id])
        assert link(early, customer) == customer
        thread = threading.Thread(target=second)
        thread.start()
        waiting = "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND usename = %s"
        end = time.monotonic() + 20
        while owner.execute(waiting, [migrated.api.role]).fetchone() != (1,) and time.monotonic() < end:
            time.sleep(0.02)
        assert answers == [], "the second waits for the first"
        early.commit()
    thread.join(20)
    assert answers == [customer]


def test_events_are_forgotten_some_at_a_time_and_only_the_old_ones(api: Connection, owner: Connection) -> None:
    prefix = secrets.token_hex(6)
    owner.execute(
        """INSERT INTO stripe_events (id, type, created_at, applied_at)
        SELECT %s || n, 'x', now(), now() - interval '46 days' FROM generate_series(1, 150) AS n""",
        [prefix],
    )
    owner.execute(
        """INSERT INTO stripe_events (id, type, created_at, applied_at)
        VALUES (%s, 'x', now(), now() - interval '44 days')""",
        [f"{prefix}_recent"],
    )
    count = "SELECT count(*) FROM stripe_events WHERE starts_with(id, %s)"
    api.execute("SELECT sweep_stripe_events()")
    assert owner.execute(count, [prefix]).fetchone() == (51,), "bounded"
    api.execute("SELECT sweep_stripe_events()")
    assert owner.execute(count, [prefix]).fetchone() == (1,)


@pytest.mark.parametrize("function", ["link_stripe_customer(text, text)", "sweep_stripe_events()"])
def test_only_the_api_and_the_owner_may_call(owner: Connection, migrated: Settings, function: str) -> None:
    query = "SELECT has_function_privilege(%s, 'public.' || %s, 'EXECUTE')"
    assert owner.execute(query, [migrated.api.role, function]).fetchone() == (True,)
    public = (
        "SELECT coalesce(proacl::text, '=X') ~ '(^|[{,])=X' FROM pg_proc WHERE oid = ('public.' || %s)::regprocedure"
    )
    assert owner.execute(public, [function]).fetchone() == (False,)


def test_the_events_to_forget_are_found_by_an_index(owner: Connection) -> None:
    query = "SELECT indexdef FROM pg_indexes WHERE indexname = 'stripe_events_applied_at_idx'"
    row = owner.execute(query).fetchone()
    assert row
    assert "(applied_at)" in str(row[0])


async def test_a_person_is_removed_only_while_they_are_the_customer_that_was_ended(
    migrated: Settings, owner: Connection, newcomer: Person, customer: str
) -> None:
    owner.execute("UPDATE users SET stripe_customer_id = %s WHERE id = %s", [customer, newcomer.id])
    async with await psycopg.AsyncConnection.connect(migrated.api.url) as api:
        await api.execute(CLAIMS, [newcomer.id])
        assert not await delete(api, newcomer.id, None)
        assert not await delete(api, newcomer.id, f"{customer}_before")
        assert await delete(api, newcomer.id, customer)
        assert not await delete(api, newcomer.id, customer)
    assert owner.execute("SELECT count(*) FROM users WHERE id = %s", [newcomer.id]).fetchone() == (0,)
