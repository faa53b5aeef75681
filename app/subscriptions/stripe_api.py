"""A client of Stripe: the official library, over connections that are bounded in number, time and size of an answer."""

import asyncio
import hashlib
import logging
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any, Final, cast
from uuid import UUID

import httpx
import stripe
from pydantic import BaseModel, Field

from app.problems import Unavailable

logger = logging.getLogger("app.subscriptions.stripe")

API_VERSION: Final = "2026-10-28.endive"
"""The one that the library's types describe. Without it the account's own would decide what answers look like."""

_ATTEMPT: Final = 5.0  # seconds, from the first attempt to connect to the last byte
_RETRIES: Final = 1
_BUDGET: Final = 15.0  # seconds for a step; at most three go before an answer, for which load balancers wait 60
_CONNECTIONS: Final = 20
_MAX_ANSWER: Final = 2 * 1024 * 1024  # bytes
_RETRY_AFTER: Final = 10  # seconds

# An ended one is no reason to refuse the next, and an incomplete one was never paid: it ends by itself within a day.
_LIVING: Final = frozenset({"trialing", "active", "past_due", "unpaid", "paused"})

CustomerId = Annotated[str, Field(pattern=r"^cus_[A-Za-z0-9_]{1,200}$")]
_Url = Annotated[str, Field(pattern=r"^https?://[^\s/]", max_length=4096)]


class _Subscription(BaseModel):
    status: str


class _Subscriptions(BaseModel):
    data: list[_Subscription]


class Customer(BaseModel):
    """A customer of Stripe's, with their subscriptions where these were asked for."""

    id: CustomerId
    deleted: bool = False
    subscriptions: _Subscriptions | None = None

    @property
    def subscribed(self) -> bool:
        """Whether something is being paid, or tried to be."""
        return self.subscriptions is not None and any(one.status in _LIVING for one in self.subscriptions.data)


class _Session(BaseModel):
    """A page of Stripe's that a customer is sent to."""

    id: str
    customer: str | None = None
    url: _Url | None = None
    status: str | None = None
    metadata: dict[str, str] | None = None

    def url_for(self, customer_id: str) -> str:
        """The page's URL, if it is this customer's; raises ValueError."""
        if self.customer != customer_id or self.url is None:
            raise ValueError("no page for this customer")
        return self.url


class StripeApi:
    """The few things that are asked of Stripe. Each raises Unavailable for no answer in time, an error, or nonsense."""

    def __init__(
        self, url: str, key: str, *, attempt: float = _ATTEMPT, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        """`attempt` is in seconds; `transport` takes the place of the network."""
        # There is no such switch for one client. It would report on this machine, and keep an id in a file.
        stripe.enable_telemetry = False
        self._http = _Http(attempt, transport)
        self._client = stripe.StripeClient(
            key,
            stripe_version=API_VERSION,
            base_addresses={"api": url},
            max_network_retries=_RETRIES,
            http_client=self._http,
        )

    async def close(self) -> None:
        """Closes every connection."""
        await self._http.close_async()

    async def customer(self, customer_id: str) -> Customer | None:
        """The customer with their subscriptions; None when there is none (any more)."""
        async with _conversation():
            try:
                found = await self._client.v1.customers.retrieve_async(customer_id, {"expand": ["subscriptions"]})
            except stripe.InvalidRequestError as error:
                if error.code == "resource_missing":
                    return None
                raise
            customer = Customer.model_validate(found.to_dict())
            if customer.id != customer_id:
                raise ValueError("another customer")
            return None if customer.deleted else customer

    async def create_customer(self, user_id: UUID, email: str, *, instead_of: str | None) -> str:
        """A new customer's id; the same one for the same wish within a minute."""
        async with _conversation():
            made = await self._client.v1.customers.create_async(
                {"email": email, "metadata": {"user_id": str(user_id)}},
                {"idempotency_key": _key("customer", str(user_id), email, instead_of or "")},
            )
            return Customer.model_validate(made.to_dict()).id

    async def delete_customer(self, customer_id: str) -> None:
        """Ends all that the customer has: subscriptions at once, open checkouts too, and their data at Stripe."""
        async with _conversation():
            try:
                gone = await self._client.v1.customers.delete_async(customer_id)
            except stripe.InvalidRequestError as error:
                if error.code == "resource_missing":
                    return
                raise
            if not Customer.model_validate(gone.to_dict()).deleted:
                raise ValueError("not deleted")

    async def checkout(self, user_id: UUID, customer_id: str, plan: str, price: str, frontend_url: str) -> str:
        """The URL of the customer's checkout: the one that is open already, else a new one.

        So whoever asks twice does not pay twice, not even two requests at once: the idempotency key names the checkout
        before, which both of them saw.
        """
        metadata = {"plan": plan, "price": price, "user_id": str(user_id)}
        async with _conversation():
            sessions = self._client.v1.checkout.sessions
            found = await sessions.list_async({"customer": customer_id, "limit": 1})
            last = next((_Session.model_validate(session.to_dict()) for session in found.data), None)
            if last and last.status == "open" and last.metadata == metadata:
                return last.url_for(customer_id)
            made = await sessions.create_async(
                {
                    "mode": "subscription",
                    "customer": customer_id,
                    "client_reference_id": str(user_id),
                    "line_items": [{"price": price, "quantity": 1}],
                    "success_url": f"{frontend_url}/billing?checkout=success",
                    "cancel_url": f"{frontend_url}/billing?checkout=cancelled",
                    "metadata": metadata,
                    "subscription_data": {"metadata": metadata},
                },
                {"idempotency_key": _key("checkout", customer_id, plan, price, frontend_url, last.id if last else "")},
            )
            return _Session.model_validate(made.to_dict()).url_for(customer_id)

    async def portal(self, customer_id: str, frontend_url: str) -> str | None:
        """The URL of the customer's billing portal; None when there is no such customer (any more)."""
        async with _conversation():
            try:
                made = await self._client.v1.billing_portal.sessions.create_async(
                    {"customer": customer_id, "return_url": f"{frontend_url}/billing"}
                )
            except stripe.InvalidRequestError as error:
                if error.code == "resource_missing" and error.param == "customer":
                    return None
                raise
            return _Session.model_validate(made.to_dict()).url_for(customer_id)


class _Http(stripe.HTTPClient):
    """HTTP for the library, whose own client over httpx limits neither a whole answer's time nor its size."""

    name = "httpx"

    def __init__(self, attempt: float, transport: httpx.AsyncBaseTransport | None) -> None:
        super().__init__()
        self._attempt = attempt
        limits = httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS)
        self._http = httpx.AsyncClient(
            transport=transport or httpx.AsyncHTTPTransport(limits=limits),
            timeout=attempt,
            # Decompressed, an answer could be a thousand times what was read.
            headers={"Accept-Encoding": "identity"},
        )

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """One attempt. Raises APIConnectionError, after which the library tries again, with the same key."""
        try:
            async with (
                asyncio.timeout(self._attempt),
                self._http.stream(method, url, headers=headers, content=post_data) as response,
            ):
                body = bytearray()
                async for chunk in response.aiter_raw():
                    body += chunk
                    if len(body) > _MAX_ANSWER:
                        raise stripe.APIConnectionError("An answer without end", should_retry=False)
                return bytes(body), response.status_code, response.headers
        except (httpx.HTTPError, httpx.StreamError, TimeoutError) as error:
            raise stripe.APIConnectionError(type(error).__name__, should_retry=True) from None

    async def sleep_async(self, secs: float) -> None:
        """Waits before the next attempt."""
        await asyncio.sleep(secs)

    async def close_async(self) -> None:
        """Closes every connection."""
        await self._http.aclose()


@asynccontextmanager
async def _conversation() -> AsyncGenerator[None]:
    """Some calls in a row. Raises Unavailable for whatever goes wrong with them.

    The library makes objects of answers without looking at them, so that nonsense fails in as many ways as Python has.
    """
    try:
        async with asyncio.timeout(_BUDGET):
            yield
    except stripe.StripeError as error:
        passing = isinstance(error, stripe.APIConnectionError | stripe.APIError | stripe.RateLimitError)
        logger.log(
            # The rest will not pass by itself: a key, a price, a request that Stripe does not take.
            logging.WARNING if passing else logging.ERROR,
            "Stripe fails",
            extra={
                "error": type(error).__name__,
                "status": error.http_status,
                "code": error.code,
                "param": cast(str | None, getattr(error, "param", None)),
                "stripe_request_id": error.request_id,
            },
        )
        raise _unavailable() from None
    except TimeoutError:
        logger.warning("Stripe is slow")
        raise _unavailable() from None
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        # Not the message: pydantic's quotes the answer.
        logger.warning("Stripe answers nonsense", extra={"error": type(error).__name__})
        raise _unavailable() from None


def _unavailable() -> Unavailable:
    return Unavailable("Stripe is not available.", retry_after=_RETRY_AFTER)


def _key(*wish: str) -> str:
    """An idempotency key: the same for the same wish within a minute.

    Stripe repeats for a day what it first answered to a key, be it an error, and refuses the key for any other wish.
    """
    return hashlib.sha256("\n".join((*wish, str(int(time.time() // 60)))).encode()).hexdigest()
