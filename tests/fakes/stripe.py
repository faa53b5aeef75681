"""A fake of Stripe: customers, checkouts, a portal, subscriptions, and signed events, all in memory.

What the API's client asks for is answered as Stripe's reference says; anything else is 404. People pay on a page that
says what it is. What happens to a subscription is told to WEBHOOK_URL, once, signed with STRIPE_WEBHOOK_SECRET.

`POST /_control` with a Behaviour as JSON changes what follows, an empty object makes it good again; `GET /_control`
tells what was asked, what there is, and how each event was answered.
"""

import asyncio
import json
import os
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from html import escape
from typing import Any, Final, Literal
from urllib.parse import parse_qsl

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from stripe import WebhookSignature

_MONTH: Final = 30 * 24 * 3600  # seconds
_HUGE: Final = 16  # MiB

Object = dict[str, Any]
Form = Mapping[str, str]
Handler = Callable[[Request, Form], Object]


class Behaviour(BaseModel):
    """How it answers: after so many seconds; with an error of this status instead; or with nonsense."""

    model_config = ConfigDict(extra="forbid")

    seconds: float = 0.0
    status: int = 200
    lie: Literal["text", "empty", "list", "null", "no url", "another customer", "huge"] | None = None


class Refusal(Exception):
    """An error as Stripe words it."""

    def __init__(self, status: int, message: str, kind: str = "invalid_request_error", **details: str) -> None:
        super().__init__(message)
        self.response = JSONResponse({"error": {"type": kind, "message": message, **details}}, status)


class Books:
    """What there is, and what Stripe's API does with it."""

    def __init__(self, public_url: str | None) -> None:
        self._public_url = public_url
        self.customers: dict[str, Object] = {}
        self.checkouts: dict[str, Object] = {}
        self.portals: dict[str, Object] = {}
        self.subscriptions: dict[str, Object] = {}

    def living(self, customer: str) -> list[Object]:
        """The customer's subscriptions that are not over."""
        return [
            one for one in self.subscriptions.values() if one["customer"] == customer and one["status"] != "canceled"
        ]

    def create_customer(self, _request: Request, form: Form) -> Object:
        """`POST /v1/customers`."""
        made: Object = {"id": new_id("cus"), "object": "customer", "email": form["email"]}
        self.customers[made["id"]] = made
        return made

    def read_customer(self, request: Request, _form: Form) -> Object:
        """`GET /v1/customers/{id}` with their subscriptions; a deleted one is still told of."""
        found = self.customers.get(request.path_params["id"])
        if found is None:
            raise Refusal(404, "No such customer.", code="resource_missing", param="id")
        return found if found.get("deleted") else {**found, "subscriptions": listed(self.living(found["id"]))}

    def delete_customer(self, request: Request, _form: Form) -> Object:
        """`DELETE /v1/customers/{id}`: with their subscriptions and open checkouts."""
        customer = self._customer(request.path_params["id"], 404, "id")
        for checkout in self.checkouts.values():
            if checkout["customer"] == customer and checkout["status"] == "open":
                checkout |= {"status": "expired", "url": None}
        for subscription in self.living(customer):
            subscription["status"] = "canceled"
        self.customers[customer] = {"id": customer, "object": "customer", "deleted": True}
        return self.customers[customer]

    def create_checkout(self, request: Request, form: Form) -> Object:
        """`POST /v1/checkout/sessions`."""
        customer = self._customer(form.get("customer", ""), 400, "customer")
        if form.get("mode") != "subscription" or not form.get("success_url"):
            raise Refusal(400, "Only subscriptions, and with a success_url.", param="mode")
        price = form.get("line_items[0][price]", "")
        if not price.startswith("price_"):
            raise Refusal(400, "No such price.", code="resource_missing", param="line_items[0][price]")
        made: Object = self._page(request, "checkout", "cs_test", customer) | {
            "object": "checkout.session",
            "mode": "subscription",
            "status": "open",
            "client_reference_id": form.get("client_reference_id"),
            "success_url": form["success_url"],
            "metadata": nested(form, "metadata"),
            "_price": price,
            "_subscription_metadata": nested(form, "subscription_data[metadata]"),
        }
        # Newest first, as Stripe lists them.
        self.checkouts = {made["id"]: made, **self.checkouts}
        return made

    def list_checkouts(self, _request: Request, form: Form) -> Object:
        """`GET /v1/checkout/sessions`."""
        found = [checkout for checkout in self.checkouts.values() if checkout["customer"] == form["customer"]]
        return listed(found[: int(form["limit"])], more=len(found) > int(form["limit"]))

    def create_portal(self, request: Request, form: Form) -> Object:
        """`POST /v1/billing_portal/sessions`."""
        customer = self._customer(form.get("customer", ""), 400, "customer")
        made = self._page(request, "portal", "bps", customer) | {
            "object": "billing_portal.session",
            "return_url": form["return_url"],
        }
        self.portals[made["id"]] = made
        return made

    def subscribe(self, checkout: Object) -> Object:
        """What paying does."""
        now = int(time.time())
        period = {"current_period_start": now, "current_period_end": now + _MONTH}
        price = {"id": checkout["_price"], "object": "price"}
        made: Object = {
            "id": new_id("sub"),
            "object": "subscription",
            "customer": checkout["customer"],
            "status": "active",
            "created": now,
            "metadata": checkout["_subscription_metadata"],
            "items": listed([{"id": new_id("si"), "object": "subscription_item", "price": price, **period}]),
        }
        self.subscriptions[made["id"]] = made
        checkout |= {"status": "complete", "url": None, "subscription": made["id"]}
        return made

    def _customer(self, customer: str, status: int, param: str) -> str:
        if self.customers.get(customer, {"deleted": True}).get("deleted"):
            raise Refusal(status, "No such customer.", code="resource_missing", param=param)
        return customer

    def _page(self, request: Request, kind: str, prefix: str, customer: str) -> Object:
        made = new_id(prefix)
        origin = self._public_url or f"{request.url.scheme}://{request.url.netloc}"
        return {"id": made, "customer": customer, "url": f"{origin}{request.scope['root_path']}/{kind}/{made}"}


class Webhook:
    """Tells one endpoint of events, and remembers how it answered."""

    def __init__(self, url: str | None, secret: str, transport: httpx.AsyncBaseTransport | None) -> None:
        self._url = url
        self._secret = secret
        self._transport = transport
        self.delivered: list[Object] = []

    async def tell(self, kind: str, thing: Object) -> None:
        """Delivers one event about a thing as it is now."""
        event = {
            "id": new_id("evt"),
            "object": "event",
            "created": int(time.time()),
            "type": kind,
            "data": {"object": public(thing)},
            "livemode": False,
        }
        body = json.dumps(event)
        headers = {
            "Content-Type": "application/json",
            "Stripe-Signature": WebhookSignature.generate_signature_header(body, self._secret),
        }
        answer: int | str = "no WEBHOOK_URL"
        if self._url:
            try:
                async with httpx.AsyncClient(transport=self._transport, timeout=20) as client:
                    answer = (await client.post(self._url, content=body, headers=headers)).status_code
            except httpx.HTTPError as error:
                answer = type(error).__name__
        self.delivered.append({"event": event, "answer": answer})


class Fake:
    """Stripe's API over its books, and the pages for people."""

    def __init__(self, api_key: str | None, books: Books, webhook: Webhook) -> None:
        self._api_key = api_key
        self._books = books
        self._webhook = webhook
        self._behaviour = Behaviour()
        self._asked: list[Object] = []
        self._answered: dict[str, tuple[object, bytes | None]] = {}
        """By idempotency key: what was asked, and the answer; None while it is being worked on."""

    async def control(self, request: Request) -> Response:
        """Changes the behaviour and forgets what was asked and delivered; or tells everything."""
        if request.method == "POST":
            try:
                self._behaviour = Behaviour.model_validate_json(await request.body())
            except ValidationError as error:
                return Response(error.json(), 422, media_type="application/json")
            self._asked.clear()
            self._webhook.delivered.clear()
        return JSONResponse(
            {
                "behaviour": self._behaviour.model_dump(),
                "asked": self._asked,
                "delivered": self._webhook.delivered,
                "customers": list(self._books.customers.values()),
                "checkouts": list(self._books.checkouts.values()),
                "subscriptions": list(self._books.subscriptions.values()),
            }
        )

    async def root(self, _request: Request) -> Response:
        """What a look at the base URL finds: nothing to see, but somebody is there."""
        status = self._behaviour.status if self._behaviour.status >= 500 else 404
        return Refusal(status, "Nothing here.").response

    def does(self, handle: Handler) -> Callable[[Request], Awaitable[Response]]:
        """A route of Stripe's API: the handler behind the key, idempotency and bad days."""

        async def answer(request: Request) -> Response:
            form = dict(parse_qsl((await request.body()).decode() or request.url.query))
            self._asked.append(
                {
                    "method": request.method,
                    "path": request.scope["path"].removeprefix(request.scope["root_path"]),
                    "form": form,
                    "headers": {
                        name: value
                        for name, value in request.headers.items()
                        if name in ("idempotency-key", "stripe-version") or name.startswith("x-stripe")
                    },
                }
            )
            try:
                if request.headers.get("authorization") != f"Bearer {self._api_key}":
                    raise Refusal(401, "Invalid API Key provided.")
                return await self._once(request, form, handle)
            except Refusal as refusal:
                return refusal.response

        return answer

    async def pay(self, request: Request) -> Response:
        """The button of the checkout's page: subscribes, and sends the person back."""
        checkout = self._books.checkouts.get(request.path_params["id"])
        if checkout is None or checkout["status"] != "open":
            return page("checkout", "This checkout is over.", status=410)
        subscription = self._books.subscribe(checkout)
        await self._webhook.tell("checkout.session.completed", checkout)
        # Stripe makes it before it is paid.
        await self._webhook.tell("customer.subscription.created", {**subscription, "status": "incomplete"})
        await self._webhook.tell("customer.subscription.updated", subscription)
        return RedirectResponse(checkout["success_url"], 303)

    async def show_checkout(self, request: Request) -> Response:
        """The checkout's page."""
        checkout = self._books.checkouts.get(request.path_params["id"])
        if checkout is None or checkout["status"] != "open":
            return page("checkout", "This checkout is over.", status=410)
        return page("checkout", f"Subscribe to {checkout['_price']}.", button="Pay", action=f"{checkout['url']}/pay")

    async def show_portal(self, request: Request) -> Response:
        """The portal's page."""
        portal = self._books.portals.get(request.path_params["id"])
        if portal is None:
            return page("portal", "There is no such portal.", status=404)
        living = len(self._books.living(portal["customer"]))
        return page("portal", f"Subscriptions: {living}.", button="Cancel them", action=f"{portal['url']}/cancel")

    async def cancel(self, request: Request) -> Response:
        """The button of the portal's page: ends the subscription at once, and sends the person back."""
        portal = self._books.portals.get(request.path_params["id"])
        if portal is None:
            return page("portal", "There is no such portal.", status=404)
        for subscription in self._books.living(portal["customer"]):
            subscription["status"] = "canceled"
            await self._webhook.tell("customer.subscription.deleted", subscription)
        return RedirectResponse(portal["return_url"], 303)

    async def _once(self, request: Request, form: Form, handle: Handler) -> Response:
        key = request.headers.get("idempotency-key")
        if request.method != "POST" or key is None:
            return await self._work(request, form, handle)
        wish = (request.scope["path"], form)
        first, answer = self._answered.setdefault(key, (wish, None))
        if first is not wish:
            if first != wish:
                raise Refusal(400, "The key was used for something else.", "idempotency_error")
            if answer is None:
                raise Refusal(409, "The first is under way.", code="idempotency_key_in_use")
            return Response(answer, media_type="application/json", headers={"Idempotent-Replayed": "true"})
        try:
            response = await self._work(request, form, handle)
        except BaseException:
            del self._answered[key]
            raise
        self._answered[key] = (wish, bytes(response.body))
        return response

    async def _work(self, request: Request, form: Form, handle: Handler) -> Response:
        told = self._behaviour.model_copy()
        await asyncio.sleep(told.seconds)
        if told.status != 200:
            raise Refusal(told.status, "Told to fail.", "api_error")
        ended = self._books.living(request.path_params["id"]) if request.method == "DELETE" else []
        answer = handle(request, form)
        if told.lie:
            return lie(told.lie, public(answer), next(iter(self._books.customers), "cus_nobody"))
        return JSONResponse(public(answer), background=BackgroundTask(self._tell_ends, ended))

    async def _tell_ends(self, ended: list[Object]) -> None:
        for subscription in ended:
            await self._webhook.tell("customer.subscription.deleted", subscription)


def lie(kind: str, answer: Object, other: str) -> Response:
    match kind:
        case "text":
            return Response("<html>Bad day</html>", media_type="text/html")
        case "no url":
            return JSONResponse({**answer, "url": None})
        case "another customer":
            return JSONResponse({**answer, "id": other, "customer": other})
        case "huge":
            return Response(json.dumps(answer) + " " * _HUGE * (1 << 20), media_type="application/json")
        case _:
            return JSONResponse({"empty": {}, "list": [], "null": None}[kind])


def page(kind: str, text: str, *, button: str | None = None, action: str = "", status: int = 200) -> Response:
    form = f'<form method="post" action="{escape(action)}"><button>{button}</button></form>' if button else ""
    title = f"Fake Stripe: {kind}"
    text = f"Nothing here is real. {escape(text)}"
    return HTMLResponse(
        f"<!doctype html><title>{title}</title><h1>{title}</h1><p>{text}</p>{form}",
        status,
    )


def new_id(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(12)}"


def listed(data: list[Object], *, more: bool = False) -> Object:
    return {"object": "list", "data": [public(one) for one in data], "has_more": more, "url": "/v1/list"}


def public(thing: Object) -> Object:
    """A copy without what the fake keeps to itself."""
    return {name: value for name, value in thing.items() if not name.startswith("_")}


def nested(form: Form, name: str) -> dict[str, str]:
    """`name[a]=1&name[b]=2` as a mapping."""
    return {key[len(name) + 1 : -1]: value for key, value in form.items() if key.startswith(f"{name}[")}


def create_app(
    api_key: str | None = None,
    webhook_url: str | None = None,
    webhook_secret: str | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Starlette:
    """The fake. What is not given comes from the environment; `transport` leads to the webhook, not the network."""
    webhook = Webhook(
        webhook_url or os.environ.get("WEBHOOK_URL"),
        webhook_secret or os.environ.get("STRIPE_WEBHOOK_SECRET", ""),
        transport,
    )
    books = Books(os.environ.get("PUBLIC_URL"))
    fake = Fake(api_key or os.environ.get("STRIPE_SECRET_KEY"), books, webhook)
    return Starlette(
        routes=[
            Route("/", fake.root),
            Route("/_control", fake.control, methods=["GET", "POST"]),
            Route("/v1/customers", fake.does(books.create_customer), methods=["POST"]),
            Route("/v1/customers/{id}", fake.does(books.read_customer), methods=["GET"]),
            Route("/v1/customers/{id}", fake.does(books.delete_customer), methods=["DELETE"]),
            Route("/v1/checkout/sessions", fake.does(books.create_checkout), methods=["POST"]),
            Route("/v1/checkout/sessions", fake.does(books.list_checkouts), methods=["GET"]),
            Route("/v1/billing_portal/sessions", fake.does(books.create_portal), methods=["POST"]),
            Route("/checkout/{id}", fake.show_checkout),
            Route("/checkout/{id}/pay", fake.pay, methods=["POST"]),
            Route("/portal/{id}", fake.show_portal),
            Route("/portal/{id}/cancel", fake.cancel, methods=["POST"]),
        ]
    )
