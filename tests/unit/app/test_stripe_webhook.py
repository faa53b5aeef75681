"""Stripe's events: whose they are, what they say, and what Stripe is answered. The database only takes notes here."""

import dataclasses
import json
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from stripe import WebhookSignature

from app.main import create_app
from app.settings import Settings
from app.webhooks import repository
from app.webhooks.schemas import Item, SubscriptionEvent

SECRET = "whsec_9fJ2kLm3Nq8pRs7tUv"
PATH = "/api/webhooks/stripe"
NOW = 1_790_000_000
PERIOD = {"current_period_start": NOW, "current_period_end": NOW + 2_592_000}


class Database:
    @asynccontextmanager
    async def as_nobody(self) -> AsyncGenerator[None]:
        yield


@pytest.fixture
def app(make_settings: Callable[..., Settings]) -> FastAPI:
    app = create_app(make_settings(STRIPE_WEBHOOK_SECRET=SECRET, STRIPE_PRICE_PRO="price_2,price_1"))
    app.state.resources = dataclasses.replace(app.state.resources, database=Database())
    return app


@pytest.fixture
def applied(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What reached the database; `outcomes` decides what it answers."""
    seen: list[tuple[Any, ...]] = []

    async def apply(_connection: object, event: SubscriptionEvent, item: Item, plan: str) -> str:
        subscription = event.data.object
        seen.append((event.type, subscription.customer, plan, subscription.status, *subscription.period(item)))
        return "unknown_customer" if subscription.customer == "cus_nobody" else "applied"

    monkeypatch.setattr(repository, "apply", apply)
    return seen


def subscription(**changes: object) -> dict[str, Any]:
    item = {"id": "si_1", "price": {"id": "price_1"}, **PERIOD}
    return {"id": "sub_1", "customer": "cus_1", "status": "active", "items": {"data": [item]}, **changes}


def event(thing: dict[str, Any], kind: str = "customer.subscription.updated", **changes: object) -> str:
    whole = {"id": "evt_1", "object": "event", "type": kind, "created": NOW, "data": {"object": thing}, **changes}
    return json.dumps(whole)


async def deliver(client: httpx.AsyncClient, body: str, *, age: int = 0, secret: str = SECRET) -> httpx.Response:
    signature = WebhookSignature.generate_signature_header(body, secret, int(time.time()) - age)
    return await client.post(PATH, content=body.encode(), headers={"Stripe-Signature": signature})


async def test_a_signed_event_is_applied(client: httpx.AsyncClient, applied: list[tuple[Any, ...]]):
    answer = await deliver(client, event(subscription()), age=290)
    assert (answer.status_code, answer.json()) == (200, {"outcome": "applied"})
    first, last = (datetime.fromtimestamp(PERIOD[name], UTC) for name in PERIOD)
    assert applied == [("customer.subscription.updated", "cus_1", "pro", "active", first, last)]


async def test_periods_are_found_where_older_api_versions_put_them(
    client: httpx.AsyncClient, applied: list[tuple[Any, ...]]
):
    bare = {"data": [{"id": "si_1", "price": {"id": "price_2"}}]}
    assert (await deliver(client, event(subscription(items=bare, **PERIOD)))).status_code == 200
    assert (await deliver(client, event(subscription(items=bare)))).status_code == 200
    assert [one[-1] for one in applied] == [datetime.fromtimestamp(PERIOD["current_period_end"], UTC), None]


async def test_the_item_with_our_price_is_the_one_that_counts(
    client: httpx.AsyncClient, applied: list[tuple[Any, ...]]
):
    extra = {"id": "si_0", "price": {"id": "price_support"}, "current_period_end": NOW}
    items = {"data": [extra, {"id": "si_1", "price": {"id": "price_2"}, **PERIOD}]}
    assert (await deliver(client, event(subscription(items=items)))).status_code == 200
    assert applied[0][2] == "pro"
    assert applied[0][-1] == datetime.fromtimestamp(PERIOD["current_period_end"], UTC)


@pytest.mark.parametrize("kind", ["invoice.paid", "checkout.session.completed", "customer.deleted", "v2.core.thing"])
async def test_other_events_are_taken_and_ignored(client: httpx.AsyncClient, applied: list[tuple[Any, ...]], kind: str):
    answer = await deliver(client, event({"id": "in_1"}, kind))
    assert (answer.status_code, answer.json()) == (200, {"outcome": "ignored"})
    assert applied == []


async def test_a_forged_an_old_and_an_altered_event_are_400(client: httpx.AsyncClient, applied: list[tuple[Any, ...]]):
    body = event(subscription())
    good = WebhookSignature.generate_signature_header(body, SECRET)
    answers = [
        await deliver(client, body, secret="whsec_another"),
        await deliver(client, body, age=310),
        await client.post(PATH, content=body.replace("active", "paused"), headers={"Stripe-Signature": good}),
        await client.post(PATH, content=body),
    ]
    for answer in answers:
        assert answer.status_code == 400
        assert answer.headers["content-type"] == "application/problem+json"
    assert applied == []


@pytest.mark.parametrize(
    "header", ["", "t=,v1=", "t=1", "v1=00", "t=abc,v1=00", f"t={'9' * 5000},v1=00", "t=1,v1=\xff", ",,,=", "t=1,v0=00"]
)
@pytest.mark.parametrize("body", [b"", b"{}", b"\xff\xfe", b"[" * 100_000])
async def test_no_signature_header_and_no_body_breaks_the_check(client: httpx.AsyncClient, header: str, body: bytes):
    answer = await client.post(PATH, content=body, headers={b"Stripe-Signature": header.encode("latin-1")})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        "",
        "null",
        "[]",
        "[" * 100_000,
        '{"id": "evt_1"}',
        event(subscription(), created="yesterday"),
        event(subscription(), created=10**30),
        event(subscription(), id="evt_\0"),
        event(subscription(status="on_fire")),
        event(subscription(customer=None)),
        event(subscription(items={"data": []})),
        event({"deleted": True}),
    ],
)
async def test_a_signed_body_that_is_no_event_is_400_and_quoted_nowhere(
    client: httpx.AsyncClient, applied: list[tuple[Any, ...]], caplog: pytest.LogCaptureFixture, body: str
):
    assert (await deliver(client, body)).status_code == 400
    assert applied == []
    assert "on_fire" not in "".join(str(record.__dict__) for record in caplog.records)


async def test_a_body_beyond_1_mib_is_413_before_it_is_read(client: httpx.AsyncClient):
    assert (await deliver(client, event(subscription(note="x" * (1 << 20))))).status_code == 413


async def test_an_unknown_price_gives_nothing_and_stripe_may_come_again(
    client: httpx.AsyncClient, applied: list[tuple[Any, ...]], caplog: pytest.LogCaptureFixture
):
    items = {"data": [{"id": "si_1", "price": {"id": "price_unheardof"}, **PERIOD}]}
    for status in ("active", "trialing", "past_due"):
        assert (await deliver(client, event(subscription(items=items, status=status)))).status_code == 422
    assert applied == []
    assert any(record.levelname == "ERROR" and "price_unheardof" in str(record.__dict__) for record in caplog.records)


@pytest.mark.parametrize("status", ["canceled", "unpaid", "paused", "incomplete_expired"])
async def test_an_unknown_price_still_takes_away(
    client: httpx.AsyncClient, applied: list[tuple[Any, ...]], status: str
):
    items = {"data": [{"id": "si_1", "price": {"id": "price_unheardof"}, **PERIOD}]}
    assert (await deliver(client, event(subscription(items=items, status=status)))).status_code == 200
    assert [one[2:4] for one in applied] == [("free", status)]


@pytest.mark.parametrize(("status", "code"), [("active", 409), ("incomplete", 409), ("canceled", 200)])
async def test_an_unknown_customers_event_comes_again_unless_it_is_an_end(
    client: httpx.AsyncClient, applied: list[tuple[Any, ...]], status: str, code: int
):
    answer = await deliver(client, event(subscription(customer="cus_nobody", status=status)))
    assert answer.status_code == code
    assert len(applied) == 1


async def test_without_a_secret_every_event_is_503(make_settings: Callable[..., Settings]):
    app = create_app(make_settings())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api.test") as client:
        answer = await deliver(client, event(subscription()), secret="whsec_")
    assert answer.status_code == 503
    assert "STRIPE_WEBHOOK_SECRET" in answer.json()["detail"]
