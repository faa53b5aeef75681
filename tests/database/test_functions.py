"""The functions that the API calls for what policies cannot express."""

import uuid
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from migrations import head

from .conftest import ON_BOTH, Connection, Person

pytestmark = ON_BOTH

NOW = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
CREATED, UPDATED, DELETED = (f"customer.subscription.{what}" for what in ("created", "updated", "deleted"))


def deliver(
    api: Connection,
    customer: str,
    *,
    event: str | None = None,
    at: datetime = NOW,
    kind: str = UPDATED,
    subscription: str = "sub_1",
    plan: str = "pro",
    status: str = "active",
) -> object:
    """One delivery of a Stripe event, made unique to the customer."""
    row = api.execute(
        "SELECT apply_subscription_event(%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            f"{customer}_{event}" if event else str(uuid.uuid4()),
            at,
            kind,
            customer,
            f"{customer}_{subscription}",
            plan,
            status,
            NOW,
            NOW + timedelta(days=30),
        ],
    ).fetchone()
    assert row
    return row[0]


def entitlement(owner: Connection, person: Person) -> tuple[object, ...] | None:
    query = "SELECT subscription_status, subscription_plan FROM users WHERE id = %s"
    return owner.execute(query, [person.id]).fetchone()


@pytest.fixture
def newcomer(owner: Connection, alice: Person) -> Person:
    """Someone who has never subscribed."""
    owner.execute("DELETE FROM subscriptions WHERE user_id = %s", [alice.id])
    return alice


def test_registering_answers_with_the_user_and_login_finds_them_in_any_case(api: Connection) -> None:
    email = f"{uuid.uuid4()}@Example.com"
    registered = api.execute("SELECT * FROM register_user(%s, 'hash')", [email]).fetchone()
    assert registered
    assert registered[1:5] == (email, "free", "free", False)
    found = api.execute("SELECT * FROM find_login(%s)", [email.upper()]).fetchall()
    assert found == [(registered[0], "hash", *registered[1:])]


def test_columns_have_the_names_that_the_api_reads(api: Connection) -> None:
    profile = ["email", "subscription_status", "subscription_plan", "has_v0_api_key", "created_at"]
    register = api.execute("SELECT * FROM register_user(%s, 'hash')", [f"{uuid.uuid4()}@example.com"])
    assert [column.name for column in register.description or []] == ["id", *profile]
    login = api.execute("SELECT * FROM find_login('nobody@example.com')")
    assert [column.name for column in login.description or []] == ["id", "password_hash", *profile]
    assert login.fetchall() == []


def test_an_address_is_taken_in_any_case(api: Connection, alice: Person) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation):
        api.execute("SELECT * FROM register_user(%s, 'hash')", [alice.email.upper()])


def test_login_says_whether_there_is_a_v0_key_but_not_which(api: Connection, owner: Connection, alice: Person) -> None:
    owner.execute("UPDATE users SET v0_api_key = 'v1:k:x' WHERE id = %s", [alice.id])
    row = api.execute("SELECT has_v0_api_key FROM find_login(%s)", [alice.email]).fetchone()
    assert row == (True,)


def test_a_revoked_token_stays_revoked_however_often_that_is_said(api: Connection) -> None:
    jti = uuid.uuid4()
    assert api.execute("SELECT token_revoked(%s)", [jti]).fetchone() == (False,)
    for _ in range(2):
        api.execute("SELECT revoke_token(%s, now() + interval '1 hour')", [jti])
        assert api.execute("SELECT token_revoked(%s)", [jti]).fetchone() == (True,)


def test_revoking_sweeps_some_long_expired_tokens_and_no_others(api: Connection, owner: Connection) -> None:
    owner.execute("""
        INSERT INTO revoked_tokens (jti, expires_at)
        SELECT gen_random_uuid(), now() - interval '1 day' FROM generate_series(1, 150)
    """)
    fresh = uuid.uuid4()
    expired = "SELECT count(*) FROM revoked_tokens WHERE expires_at < now() - interval '10 minutes'"
    api.execute("SELECT revoke_token(%s, now() - interval '1 minute')", [fresh])
    assert owner.execute(expired).fetchone() == (50,), "bounded"
    api.execute("SELECT revoke_token(gen_random_uuid(), now())")
    assert owner.execute(expired).fetchone() == (0,)
    assert api.execute("SELECT token_revoked(%s)", [fresh]).fetchone() == (True,)


def test_a_subscription_reaches_the_user(api: Connection, owner: Connection, newcomer: Person) -> None:
    assert entitlement(owner, newcomer) == ("free", "free")
    assert deliver(api, newcomer.customer, kind=CREATED) == "applied"
    assert entitlement(owner, newcomer) == ("active", "pro")
    periods = "SELECT current_period_start, current_period_end FROM subscriptions WHERE user_id = %s"
    assert owner.execute(periods, [newcomer.id]).fetchone() == (NOW, NOW + timedelta(days=30))


def test_an_event_is_applied_once(api: Connection, owner: Connection, newcomer: Person) -> None:
    assert deliver(api, newcomer.customer, event="evt") == "applied"
    assert deliver(api, newcomer.customer, event="evt", status="canceled") == "duplicate"
    assert entitlement(owner, newcomer) == ("active", "pro")


def test_an_older_event_never_undoes_a_newer_one(api: Connection, owner: Connection, newcomer: Person) -> None:
    assert deliver(api, newcomer.customer, status="canceled", kind=DELETED) == "applied"
    assert deliver(api, newcomer.customer, at=NOW - timedelta(seconds=1)) == "stale"
    assert entitlement(owner, newcomer) == ("canceled", "free")


@pytest.mark.parametrize(("later", "earlier"), [(UPDATED, CREATED), (DELETED, UPDATED), (DELETED, CREATED)])
def test_within_a_second_created_updated_deleted_is_the_order(
    api: Connection, owner: Connection, newcomer: Person, later: str, earlier: str
) -> None:
    assert deliver(api, newcomer.customer, kind=later, status="past_due") == "applied"
    assert deliver(api, newcomer.customer, kind=earlier, status="incomplete") == "stale"
    assert entitlement(owner, newcomer) == ("past_due", "pro")


def test_the_end_of_an_old_subscription_leaves_a_living_one_alone(
    api: Connection, owner: Connection, newcomer: Person
) -> None:
    deliver(api, newcomer.customer, subscription="sub_old", at=NOW - timedelta(days=60))
    deliver(api, newcomer.customer, subscription="sub_new")
    late = NOW + timedelta(days=1)
    assert deliver(api, newcomer.customer, subscription="sub_old", at=late, status="canceled") == "applied"
    assert entitlement(owner, newcomer) == ("active", "pro")


def test_an_unknown_customer_s_event_can_be_applied_once_they_are_known(
    api: Connection, owner: Connection, newcomer: Person
) -> None:
    customer = f"cus_{uuid.uuid4()}"
    assert deliver(api, customer, event="evt") == "unknown_customer"
    owner.execute("UPDATE users SET stripe_customer_id = %s WHERE id = %s", [customer, newcomer.id])
    assert deliver(api, customer, event="evt") == "applied"


def test_an_unheard_of_status_is_refused_and_leaves_no_trace(api: Connection, newcomer: Person) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        deliver(api, newcomer.customer, event="evt", status="on_fire")
    assert deliver(api, newcomer.customer, event="evt") == "applied"


def test_the_schema_tells_its_revision(api: Connection) -> None:
    assert api.execute("SELECT schema_revision()").fetchone() == (head(),)


def test_a_caller_s_search_path_cannot_mislead_a_definer_function(api: Connection) -> None:
    with api.transaction():
        api.execute("SET LOCAL search_path = pg_temp")
        assert api.execute("SELECT public.token_revoked(gen_random_uuid())").fetchone() == (False,)
