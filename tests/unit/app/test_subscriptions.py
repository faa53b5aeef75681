"""Subscribing and removing an account through the API: Stripe is the fake, the database is a dictionary."""

import asyncio
import dataclasses
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from app.cache import CacheUnavailable
from app.main import create_app
from app.settings import Settings
from app.subscriptions import repository
from app.subscriptions.repository import Account, CustomerTaken
from app.subscriptions.stripe_api import StripeApi
from app.tokens import Principal
from app.users import repository as users
from tests.fakes import stripe as fakes

KEY = "sk_test_9dKq7hLmPzRt2"
CONFIGURED = {"STRIPE_SECRET_KEY": KEY, "STRIPE_PRICE_PRO": "price_2,price_1", "FRONTEND_URL": "https://frontend.test"}


class NoCache:
    async def get(self, _key: str) -> bytes | None:
        raise CacheUnavailable


@dataclass
class Memory:
    """The customers of the users that there are."""

    customers: dict[UUID, str | None] = field(default_factory=dict[UUID, str | None])

    @asynccontextmanager
    async def as_user(self, _principal: Principal) -> AsyncGenerator["Memory"]:
        yield self


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    made = Memory()
    calling: list[UUID] = []

    async def account(_database: object, caller: Principal) -> Account | None:
        calling[:] = [caller.user_id]
        return Account("a@example.com", made.customers[caller.user_id]) if caller.user_id in made.customers else None

    async def link(_connection: object, customer_id: str, *, instead_of: str | None) -> str | None:
        (user,) = calling
        if made.customers[user] == instead_of:
            if customer_id in made.customers.values():
                raise CustomerTaken
            made.customers[user] = customer_id
        return made.customers[user]

    async def delete(_connection: object, user_id: UUID, customer_id: str | None) -> bool:
        if made.customers.get(user_id) != customer_id:
            return False
        del made.customers[user_id]
        return True

    monkeypatch.setattr(repository, "account", account)
    monkeypatch.setattr(repository, "link_customer", link)
    monkeypatch.setattr(users, "delete", delete)
    return made


@pytest.fixture
async def stripe() -> AsyncGenerator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(fakes.create_app(KEY, webhook_secret="whsec_1"))
    async with httpx.AsyncClient(transport=transport, base_url="http://stripe.test") as client:
        yield client


@pytest.fixture
def make_app(make_settings: Callable[..., Settings], memory: Memory, stripe: httpx.AsyncClient):
    def make(**variables: str | None) -> FastAPI:
        app = create_app(make_settings(**{**CONFIGURED, **variables}))
        resources = app.state.resources
        api = StripeApi("http://stripe.test", KEY, attempt=0.3, transport=stripe._transport)  # pyright: ignore[reportPrivateUsage]
        app.state.resources = dataclasses.replace(
            resources, database=memory, cache=NoCache(), stripe=api if resources.stripe else None
        )
        return app

    return make


@pytest.fixture
def app(make_app: Callable[..., FastAPI]) -> FastAPI:
    return make_app()


@pytest.fixture
def new_user(memory: Memory):
    """A user's headers."""

    def make(app: FastAPI, customer: str | None = None) -> dict[str, str]:
        user = uuid4()
        memory.customers[user] = customer
        return {"Authorization": f"Bearer {app.state.resources.tokens.issue(user)}"}

    return make


NewUser = Callable[..., dict[str, str]]


async def check_out(client: httpx.AsyncClient, headers: dict[str, str]) -> httpx.Response:
    return await client.post("/api/subscriptions/checkout", json={"plan": "pro"}, headers=headers)


async def state(stripe: httpx.AsyncClient) -> dict[str, Any]:
    return (await stripe.get("/_control")).json()


async def test_a_checkout_sells_the_first_price_and_links_the_customer(
    app: FastAPI, client: httpx.AsyncClient, stripe: httpx.AsyncClient, memory: Memory, new_user: NewUser
):
    headers = new_user(app)
    answer = await check_out(client, headers)
    assert answer.status_code == 200
    assert (await stripe.get(answer.json()["url"])).status_code == 200
    now = await state(stripe)
    assert list(memory.customers.values()) == [now["customers"][0]["id"]]
    assert now["asked"][-1]["form"]["line_items[0][price]"] == "price_2"
    assert (await check_out(client, headers)).json() == answer.json()


async def test_whoever_pays_already_is_sent_to_the_portal(
    app: FastAPI, client: httpx.AsyncClient, stripe: httpx.AsyncClient, new_user: NewUser
):
    headers = new_user(app)
    assert (await client.post("/api/subscriptions/portal", headers=headers)).status_code == 409
    await stripe.post((await check_out(client, headers)).json()["url"] + "/pay")
    again = await check_out(client, headers)
    assert (again.status_code, "portal" in again.json()["detail"]) == (409, True)
    portal = await client.post("/api/subscriptions/portal", headers=headers)
    assert portal.status_code == 200
    assert "Subscriptions: 1" in (await stripe.get(portal.json()["url"])).text


async def test_a_customer_that_was_deleted_at_stripe_is_made_anew(
    app: FastAPI, client: httpx.AsyncClient, memory: Memory, new_user: NewUser
):
    headers = new_user(app, "cus_longgone")
    assert (await client.post("/api/subscriptions/portal", headers=headers)).status_code == 409
    assert (await check_out(client, headers)).status_code == 200
    assert "cus_longgone" not in memory.customers.values()


async def test_two_people_never_become_one_customer(
    app: FastAPI, client: httpx.AsyncClient, stripe: httpx.AsyncClient, memory: Memory, new_user: NewUser
):
    first = new_user(app)
    await check_out(client, first)
    second = new_user(app)
    await stripe.post("/_control", json={"lie": "another customer"})
    assert (await check_out(client, second)).status_code == 503
    assert list(memory.customers.values()).count(None) == 1


@pytest.mark.parametrize("body", [{}, {"plan": "free"}, {"plan": "gold"}, {"plan": "pro", "price": "price_0"}, []])
async def test_what_is_not_for_sale_is_422(app: FastAPI, client: httpx.AsyncClient, new_user: NewUser, body: object):
    answer = await client.post("/api/subscriptions/checkout", json=body, headers=new_user(app))
    assert answer.status_code == 422


@pytest.mark.parametrize("behaviour", [{"seconds": 3}, {"status": 503}, {"lie": "text"}])
async def test_while_stripe_fails_nothing_is_sold_and_nobody_removed(
    app: FastAPI,
    client: httpx.AsyncClient,
    stripe: httpx.AsyncClient,
    memory: Memory,
    new_user: NewUser,
    behaviour: dict[str, object],
):
    headers = new_user(app)
    await stripe.post((await check_out(client, headers)).json()["url"] + "/pay")
    await stripe.post("/_control", json=behaviour)
    answers = await asyncio.gather(
        check_out(client, headers),
        client.post("/api/subscriptions/portal", headers=headers),
    )
    # Last: a Stripe that answers nonsense may have done what it was asked.
    for answer in (*answers, await client.delete("/api/users/me", headers=headers)):
        assert answer.status_code == 503
        assert answer.headers["content-type"] == "application/problem+json"
        assert int(answer.headers["retry-after"]) > 0
    assert len(memory.customers) == 1
    if "lie" not in behaviour:
        assert [one["status"] for one in (await state(stripe))["subscriptions"]] == ["active"]


async def test_removing_an_account_ends_its_subscription_first(
    app: FastAPI, client: httpx.AsyncClient, stripe: httpx.AsyncClient, memory: Memory, new_user: NewUser
):
    headers = new_user(app)
    await stripe.post((await check_out(client, headers)).json()["url"] + "/pay")
    assert (await client.delete("/api/users/me", headers=headers)).status_code == 204
    assert memory.customers == {}
    assert [one["status"] for one in (await state(stripe))["subscriptions"]] == ["canceled"]


async def test_whoever_was_never_a_customer_goes_without_asking_stripe(
    app: FastAPI, client: httpx.AsyncClient, stripe: httpx.AsyncClient, new_user: NewUser
):
    await stripe.post("/_control", json={"status": 503})
    assert (await client.delete("/api/users/me", headers=new_user(app))).status_code == 204
    assert (await state(stripe))["asked"] == []


async def test_a_checkout_that_begins_during_the_removal_is_ended_too(
    app: FastAPI,
    client: httpx.AsyncClient,
    stripe: httpx.AsyncClient,
    memory: Memory,
    new_user: NewUser,
    monkeypatch: pytest.MonkeyPatch,
):
    headers = new_user(app)
    delete = users.delete
    paid: list[str] = []

    async def delete_late(connection: Any, user_id: UUID, customer_id: str | None) -> bool:
        if not paid:
            paid.append((await check_out(client, headers)).json()["url"])
            await stripe.post(f"{paid[0]}/pay")
        return await delete(connection, user_id, customer_id)

    monkeypatch.setattr(users, "delete", delete_late)
    assert (await client.delete("/api/users/me", headers=headers)).status_code == 204
    assert memory.customers == {}
    assert [one["status"] for one in (await state(stripe))["subscriptions"]] == ["canceled"]


@pytest.mark.parametrize("missing", ["STRIPE_SECRET_KEY", "STRIPE_PRICE_PRO", "FRONTEND_URL"])
async def test_what_is_not_configured_is_named(make_app: Callable[..., FastAPI], new_user: NewUser, missing: str):
    app = make_app(**{missing: None})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api.test") as client:
        answer = await check_out(client, new_user(app))
        assert answer.status_code == 503
        assert missing in answer.json()["detail"]
        if missing == "STRIPE_SECRET_KEY":
            headers = new_user(app, "cus_1")
            assert (await client.delete("/api/users/me", headers=headers)).status_code == 503
