"""Subscribing through nginx, with a Stripe that is good, late, doubled, forged, slow and failing."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from stripe import WebhookSignature

from .conftest import Person, Stack

NewPerson = Callable[[], Person]
WEBHOOK = "/api/webhooks/stripe"


def check_out(client: httpx.Client, person: Person) -> httpx.Response:
    return client.post("/api/subscriptions/checkout", json={"plan": "pro"}, headers=person.headers)


def pay(stripe: httpx.Client, url: str) -> None:
    paid = stripe.post(f"{url}/pay")
    assert (paid.status_code, paid.headers["location"]) == (303, "http://localhost:3000/billing?checkout=success")


def subscribe(client: httpx.Client, stripe: httpx.Client, person: Person) -> None:
    answer = check_out(client, person)
    assert answer.status_code == 200, answer.text
    pay(stripe, answer.json()["url"])


def entitlement(client: httpx.Client, person: Person) -> tuple[str, str]:
    me = client.get("/api/users/me", headers=person.headers).json()
    return me["subscription_status"], me["subscription_plan"]


def subscriptions(stack: Stack, stripe: httpx.Client, person: Person) -> list[dict[str, Any]]:
    customer = stack.sql(f"SELECT stripe_customer_id FROM users WHERE id = '{person.id}'")
    return [one for one in stripe.get("/_control").json()["subscriptions"] if one["customer"] == customer]


def deliver(stack: Stack, client: httpx.Client, event: dict[str, Any], secret: str | None = None) -> httpx.Response:
    """One delivery of an event, signed as Stripe does."""
    variables = dict(entry.split("=", 1) for entry in stack.containers("fakes")[0].attrs["Config"]["Env"])
    body = json.dumps(event)
    signature = WebhookSignature.generate_signature_header(body, secret or variables["STRIPE_WEBHOOK_SECRET"])
    return client.post(WEBHOOK, content=body, headers={"Stripe-Signature": signature})


def last_event(stripe: httpx.Client) -> dict[str, Any]:
    return stripe.get("/_control").json()["delivered"][-1]["event"]


def test_from_checkout_to_pro_and_back(client: httpx.Client, new_person: NewPerson, stripe: httpx.Client) -> None:
    person = new_person()
    free = {"plan": "free", "status": "free", "current_period_start": None, "current_period_end": None}
    assert client.get("/api/subscriptions/current", headers=person.headers).json() == free

    subscribe(client, stripe, person)
    assert [one["answer"] for one in stripe.get("/_control").json()["delivered"]] == [200, 200, 200]
    assert entitlement(client, person) == ("active", "pro")
    current = client.get("/api/subscriptions/current", headers=person.headers).json()
    assert (current["plan"], current["status"]) == ("pro", "active")
    assert current["current_period_start"] < current["current_period_end"]
    assert check_out(client, person).status_code == 409

    portal = client.post("/api/subscriptions/portal", headers=person.headers)
    assert portal.status_code == 200
    assert stripe.post(f"{portal.json()['url']}/cancel").status_code == 303
    assert entitlement(client, person) == ("canceled", "free")
    assert client.get("/api/subscriptions/current", headers=person.headers).json()["plan"] == "free"
    subscribe(client, stripe, person)
    assert entitlement(client, person) == ("active", "pro")


def test_an_event_delivered_again_or_late_changes_nothing(
    stack: Stack, client: httpx.Client, new_person: NewPerson, stripe: httpx.Client
) -> None:
    person = new_person()
    subscribe(client, stripe, person)
    event = last_event(stripe)
    for _ in range(6):  # so that every replica gets one
        assert deliver(stack, client, event).json() == {"outcome": "duplicate"}

    late = event | {"id": f"{event['id']}_late", "created": event["created"] - 60}
    late["data"] = {"object": event["data"]["object"] | {"status": "canceled"}}
    assert deliver(stack, client, late).json() == {"outcome": "stale"}
    assert deliver(stack, client, late).json() == {"outcome": "duplicate"}
    assert entitlement(client, person) == ("active", "pro")


def test_one_event_delivered_many_times_at_once_is_applied_once(
    stack: Stack, client: httpx.Client, new_person: NewPerson, stripe: httpx.Client
) -> None:
    person = new_person()
    subscribe(client, stripe, person)
    event = last_event(stripe)
    event |= {"id": f"{event['id']}_next", "created": event["created"] + 1}
    with ThreadPoolExecutor(8) as pool:
        deliveries = [pool.submit(deliver, stack, client, event) for _ in range(8)]
    answers = [delivery.result().json()["outcome"] for delivery in deliveries]
    assert sorted(answers) == ["applied"] + ["duplicate"] * 7


def test_a_forged_event_gives_nothing(
    stack: Stack, client: httpx.Client, new_person: NewPerson, stripe: httpx.Client
) -> None:
    person = new_person()
    subscribe(client, stripe, person)
    event = last_event(stripe)
    event |= {"id": f"{event['id']}_forged", "created": int(time.time()) + 60}
    event["data"]["object"]["status"] = "canceled"
    answer = deliver(stack, client, event, secret="whsec_guessed")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert client.post(WEBHOOK, json=event).status_code == 400
    assert entitlement(client, person) == ("active", "pro")


def test_an_event_of_an_unknown_customer_is_left_with_stripe(
    stack: Stack, client: httpx.Client, new_person: NewPerson, stripe: httpx.Client
) -> None:
    person, customer = new_person(), f"cus_{time.time_ns()}"
    subscribe(client, stripe, new_person())
    event = last_event(stripe)
    event |= {"id": f"evt_{time.time_ns()}"}
    event["data"]["object"] |= {"id": f"sub_{time.time_ns()}", "customer": customer}
    assert deliver(stack, client, event).status_code == 409
    stack.sql(f"UPDATE users SET stripe_customer_id = '{customer}' WHERE id = '{person.id}'")
    assert deliver(stack, client, event).json() == {"outcome": "applied"}
    assert entitlement(client, person) == ("active", "pro")


def test_two_checkouts_at_once_are_one(
    stack: Stack, client: httpx.Client, new_person: NewPerson, stripe: httpx.Client
) -> None:
    person = new_person()
    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(check_out, client, person) for _ in range(2)]
    urls = {answer.result().json()["url"] for answer in answers}
    assert len(urls) == 1
    pay(stripe, urls.pop())
    assert len(subscriptions(stack, stripe, person)) == 1


def test_one_persons_portal_and_checkout_are_not_anothers(
    client: httpx.Client, new_person: NewPerson, stripe: httpx.Client
) -> None:
    payer, other = new_person(), new_person()
    subscribe(client, stripe, payer)
    assert client.post("/api/subscriptions/portal", headers=other.headers).status_code == 409
    url = check_out(client, other).json()["url"]
    portal = client.post("/api/subscriptions/portal", headers=other.headers).json()["url"]
    assert stripe.post(f"{portal}/cancel").status_code == 303
    assert entitlement(client, payer) == ("active", "pro")
    assert entitlement(client, other) == ("free", "free")
    assert url != check_out(client, payer).json().get("url")


def test_removing_the_account_ends_the_subscription_and_its_checkouts(
    stack: Stack, client: httpx.Client, new_person: NewPerson, stripe: httpx.Client
) -> None:
    person, leaver = new_person(), new_person()
    subscribe(client, stripe, person)
    (subscription,) = subscriptions(stack, stripe, person)
    late = check_out(client, leaver).json()["url"]
    for one in (person, leaver):
        assert client.delete("/api/users/me", headers=one.headers).status_code == 204
    now = {one["id"]: one["status"] for one in stripe.get("/_control").json()["subscriptions"]}
    assert now[subscription["id"]] == "canceled"
    assert stripe.post(f"{late}/pay").status_code == 410
    assert stack.sql(f"SELECT count(*) FROM subscriptions WHERE user_id = '{person.id}'") == "0"
    # Stripe tells of the end when there is nobody left to tell it of, and must not go on trying.
    ends = [one for one in stripe.get("/_control").json()["delivered"] if one["event"]["type"].endswith(".deleted")]
    assert [one["answer"] for one in ends] == [200]


@pytest.mark.parametrize("behaviour", [{"status": 503}, {"seconds": 20}, {"lie": "text"}])
def test_while_stripe_fails_nobody_is_removed_and_the_rest_goes_on(
    client: httpx.Client, new_person: NewPerson, stripe: httpx.Client, behaviour: dict[str, object]
) -> None:
    person, other = new_person(), new_person()
    subscribe(client, stripe, person)
    stripe.post("/_control", json=behaviour)
    with ThreadPoolExecutor(2) as pool:
        waiting = [
            pool.submit(check_out, client, person),
            pool.submit(client.post, "/api/subscriptions/portal", headers=person.headers),
        ]
        assert client.delete("/api/users/me", headers=other.headers).status_code == 204, "never asked Stripe"
        answers = [one.result() for one in waiting]
    # Last: a Stripe that answers nonsense may have done what it was asked.
    answers.append(client.delete("/api/users/me", headers=person.headers))
    for answer in answers:
        assert answer.status_code == 503
        assert answer.elapsed.total_seconds() < 20
        assert answer.headers["content-type"] == "application/problem+json"
        assert int(answer.headers["retry-after"]) > 0
    assert entitlement(client, person) == ("active", "pro")
