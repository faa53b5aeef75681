"""The client of Stripe against Stripe's own stripe-mock, which refuses what Stripe's API description does not know.

It keeps nothing, so what calls do to each other is for the fake (`test_stripe_api.py`).
"""

import shutil
import socket
import subprocess
import time
from collections.abc import Generator
from uuid import uuid4

import httpx
import pytest

from app.problems import Unavailable
from app.subscriptions.stripe_api import StripeApi


@pytest.fixture(scope="module")
def url() -> Generator[str]:
    program = shutil.which("stripe-mock")
    assert program, "stripe-mock is not there: `make test` builds it"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [program, "-http-addr", f"127.0.0.1:{port}"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _when_it_answers(f"http://127.0.0.1:{port}", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def _when_it_answers(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        try:
            httpx.get(url)
            return
        except httpx.ConnectError:
            time.sleep(0.1)
    raise AssertionError("stripe-mock does not answer")


@pytest.fixture
def api(url: str) -> StripeApi:
    return StripeApi(url, "sk_test_9dKq7hLmPzRt2")


async def test_customers_are_made_found_with_their_subscriptions_and_deleted(api: StripeApi):
    assert (await api.create_customer(uuid4(), "a@example.com", instead_of=None)).startswith("cus_")
    found = await api.customer("cus_1")
    assert found is not None
    assert found.subscribed
    await api.delete_customer("cus_1")


async def test_checkouts_and_portals_have_urls(api: StripeApi):
    checkout = await api.checkout(uuid4(), "cus_1", "pro", "price_1", "https://frontend.test")
    assert checkout.startswith("https://checkout.stripe.com/")
    assert (await api.portal("cus_1", "https://frontend.test") or "").startswith("https://")


async def test_it_would_refuse_what_stripe_does_not_know(api: StripeApi, url: str):
    wrong = {"mode": "subscribe", "success_url": "https://frontend.test"}
    headers = {"Authorization": "Bearer sk_test_9dKq7hLmPzRt2"}
    async with httpx.AsyncClient(base_url=url, headers=headers) as client:
        assert (await client.post("/v1/checkout/sessions", data=wrong)).status_code == 400
        assert (await client.post("/v1/customers", data={"unheard": "of"})).status_code == 400
    with pytest.raises(Unavailable):
        await StripeApi(url, "no key of Stripe's").customer("cus_1")
