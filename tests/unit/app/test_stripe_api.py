"""The client of Stripe, against the fake: what is asked, what is asked once, and what is done about bad days."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import stripe

from app.problems import Unavailable
from app.subscriptions.stripe_api import API_VERSION, StripeApi
from tests.fakes.stripe import create_app

KEY = "sk_test_9dKq7hLmPzRt2"
FRONTEND = "https://frontend.test"
PRICE = "price_1"


class Transport(httpx.ASGITransport):
    """Leads to the fake, after so many failures to connect."""

    broken = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.broken:
            self.broken -= 1
            raise httpx.ConnectError("refused")
        return await super().handle_async_request(request)


@pytest.fixture
def transport() -> Transport:
    return Transport(create_app(KEY, webhook_secret="whsec_1"))


@pytest.fixture
async def fake(transport: Transport) -> AsyncGenerator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=transport, base_url="http://stripe.test") as client:
        yield client


@pytest.fixture
def make_api(transport: Transport) -> Callable[..., StripeApi]:
    def make(key: str = KEY, attempt: float = 5.0) -> StripeApi:
        return StripeApi("http://stripe.test", key, attempt=attempt, transport=transport)

    return make


@pytest.fixture
def api(make_api: Callable[..., StripeApi]) -> StripeApi:
    return make_api()


async def told(fake: httpx.AsyncClient) -> dict[str, Any]:
    return (await fake.get("/_control")).json()


async def tell(fake: httpx.AsyncClient, **behaviour: object) -> None:
    assert (await fake.post("/_control", json=behaviour)).status_code == 200


async def newcomer(api: StripeApi) -> tuple[UUID, str]:
    user = uuid4()
    return user, await api.create_customer(user, "a@example.com", instead_of=None)


def checkout(api: StripeApi, user: UUID, customer: str, price: str = PRICE) -> Awaitable[str]:
    return api.checkout(user, customer, "pro", price, FRONTEND)


async def subscriber(api: StripeApi, fake: httpx.AsyncClient) -> tuple[UUID, str]:
    user, customer = await newcomer(api)
    paid = await fake.post(f"{await checkout(api, user, customer)}/pay")
    assert paid.status_code == 303
    return user, customer


def test_the_api_version_is_the_one_that_the_library_is_written_for():
    assert stripe.api_version == API_VERSION


async def test_a_checkout_is_for_the_person_the_price_and_the_way_back(api: StripeApi, fake: httpx.AsyncClient):
    user, customer = await newcomer(api)
    assert (await checkout(api, user, customer)).startswith("http://stripe.test/checkout/cs_test_")
    created, listed, made = (await told(fake))["asked"]
    assert created["form"] == {"email": "a@example.com", "metadata[user_id]": str(user)}
    assert listed["form"] == {"customer": customer, "limit": "1"}
    assert made["form"] == {
        "mode": "subscription",
        "customer": customer,
        "client_reference_id": str(user),
        "line_items[0][price]": PRICE,
        "line_items[0][quantity]": "1",
        "success_url": f"{FRONTEND}/billing?checkout=success",
        "cancel_url": f"{FRONTEND}/billing?checkout=cancelled",
        **{
            f"{where}[{name}]": value
            for where in ("metadata", "subscription_data[metadata]")
            for name, value in {"plan": "pro", "price": PRICE, "user_id": str(user)}.items()
        },
    }


async def test_every_call_names_the_version_and_none_reports_on_this_machine(api: StripeApi, fake: httpx.AsyncClient):
    user, customer = await newcomer(api)
    await checkout(api, user, customer)
    await api.portal(customer, FRONTEND)
    asked = (await told(fake))["asked"]
    assert {one["headers"]["stripe-version"] for one in asked} == {API_VERSION}
    for one in asked:
        assert "x-stripe-client-telemetry" not in one["headers"]
        assert "telemetry_id" not in one["headers"]["x-stripe-client-user-agent"]


async def test_two_at_once_get_one_customer_and_one_checkout(api: StripeApi, fake: httpx.AsyncClient):
    await tell(fake, seconds=0.2)
    user = uuid4()
    first, second = await asyncio.gather(
        *(api.create_customer(user, "a@example.com", instead_of=None) for _ in range(2))
    )
    assert first == second
    urls = await asyncio.gather(*(checkout(api, user, first) for _ in range(2)))
    assert len(set(urls)) == 1
    state = await told(fake)
    assert len(state["customers"]) == len(state["checkouts"]) == 1


async def test_an_open_checkout_is_found_again_until_it_is_paid_or_for_another_price(
    api: StripeApi, fake: httpx.AsyncClient
):
    user, customer = await newcomer(api)
    first = await checkout(api, user, customer)
    assert await checkout(api, user, customer) == first
    other = await checkout(api, user, customer, price="price_2")
    assert other != first
    assert (await fake.post(f"{other}/pay")).status_code == 303
    assert await checkout(api, user, customer, price="price_2") != other


async def test_only_what_is_being_paid_counts_as_subscribed(api: StripeApi, fake: httpx.AsyncClient):
    _, customer = await newcomer(api)
    found = await api.customer(customer)
    assert found is not None
    assert not found.subscribed
    _, customer = await subscriber(api, fake)
    found = await api.customer(customer)
    assert found is not None
    assert found.subscribed
    portal = await api.portal(customer, FRONTEND)
    await fake.post(f"{portal}/cancel")
    found = await api.customer(customer)
    assert found is not None
    assert not found.subscribed


async def test_deleting_a_customer_ends_subscriptions_and_open_checkouts_and_may_be_repeated(
    api: StripeApi, fake: httpx.AsyncClient
):
    user, customer = await subscriber(api, fake)
    late = await checkout(api, user, customer)
    for _ in range(2):
        await api.delete_customer(customer)
    assert [one["status"] for one in (await told(fake))["subscriptions"]] == ["canceled"]
    assert (await fake.post(f"{late}/pay")).status_code == 410
    assert await api.customer(customer) is None
    assert await api.portal(customer, FRONTEND) is None
    assert await api.customer("cus_unheardof") is None


async def test_a_new_customer_after_a_deleted_one_is_another(api: StripeApi):
    user, customer = await newcomer(api)
    await api.delete_customer(customer)
    assert await api.create_customer(user, "a@example.com", instead_of=customer) != customer


async def test_what_could_not_connect_is_tried_once_more_with_the_same_key(
    api: StripeApi, fake: httpx.AsyncClient, transport: Transport
):
    transport.broken = 1
    _, customer = await newcomer(api)
    assert customer
    transport.broken = 2
    with pytest.raises(Unavailable):
        await newcomer(api)
    assert len((await told(fake))["customers"]) == 1


async def test_a_slow_stripe_is_given_up(make_api: Callable[..., StripeApi], fake: httpx.AsyncClient):
    await tell(fake, seconds=5)
    began = time.monotonic()
    with pytest.raises(Unavailable):
        await newcomer(make_api(attempt=0.1))
    assert time.monotonic() - began < 4


@pytest.mark.parametrize("status", [400, 401, 402, 403, 429, 500, 503])
async def test_an_error_of_stripes_is_a_503_with_retry_after(api: StripeApi, fake: httpx.AsyncClient, status: int):
    _, customer = await newcomer(api)
    await tell(fake, status=status)
    for call in (api.customer(customer), api.portal(customer, FRONTEND), api.delete_customer(customer)):
        with pytest.raises(Unavailable) as caught:
            await call
        assert caught.value.headers is not None
        assert int(caught.value.headers["Retry-After"]) > 0


@pytest.mark.parametrize("lie", ["text", "empty", "list", "null", "no url", "another customer", "huge"])
async def test_nonsense_and_somebody_elses_pages_are_refused(api: StripeApi, fake: httpx.AsyncClient, lie: str):
    await newcomer(api)
    user, customer = await newcomer(api)
    await tell(fake, lie=lie)
    calls = [checkout(api, user, customer), api.portal(customer, FRONTEND)]
    if lie not in ("no url", "another customer"):
        calls.append(api.create_customer(user, "b@example.com", instead_of=None))
    for call in calls:
        with pytest.raises(Unavailable):
            await call
    if lie != "no url":
        with pytest.raises(Unavailable):
            await api.customer(customer)
    if lie not in ("no url", "another customer"):
        with pytest.raises(Unavailable):
            await api.delete_customer(customer)


async def test_a_refused_key_is_logged_without_the_key(
    make_api: Callable[..., StripeApi], caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG, "app")
    with pytest.raises(Unavailable):
        await newcomer(make_api(key="sk_test_anotherkey99"))
    (record,) = [record for record in caplog.records if record.name == "app.subscriptions.stripe"]
    assert (record.__dict__["error"], record.__dict__["status"]) == ("AuthenticationError", 401)
    assert "anotherkey99" not in str(record.__dict__)
