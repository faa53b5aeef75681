"""Logs: one JSON object a line, and no secret in it whatever way it got there."""

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from app.logs import REDACTED, JsonFormatter, OnceInAWhile, Redactor
from app.settings import Settings

SECRET = 'S3cr3t"mit\\Ümlaut'


def line(message: str, *args: object, exc_info: Any = None, **extra: object) -> dict[str, object]:
    logger = logging.Logger("unit")
    record = logger.makeRecord("unit", logging.INFO, __file__, 1, message, args, exc_info, extra=extra)
    text = JsonFormatter("1.2.3", Redactor([SECRET, "postgresql://api:hunter22@db/n", "hunter22"])).format(record)
    assert "\n" not in text
    return json.loads(text)


def test_a_line_says_who_when_and_what():
    logged = line("hello %s", "world", status=200)
    assert logged["service"] == "nuggetwise-api"
    assert logged["version"] == "1.2.3"
    assert logged["level"] == "info"
    assert logged["message"] == "hello world"
    assert logged["status"] == 200
    assert logged["request_id"] is None
    assert str(logged["timestamp"]).endswith("+00:00")


@pytest.mark.parametrize(
    "logged",
    [
        lambda: line(f"key is {SECRET}"),
        lambda: line("key is %s", SECRET),
        lambda: line("x", detail=SECRET),
        lambda: line("x", detail={"deep": [{"er": f"a{SECRET}b"}]}),
        lambda: line("x", detail={SECRET: 1}),
        lambda: line("x", **{"authorization": "Basic S3cr3t"}),
        lambda: line("x", detail={"new_password": "S3cr3t", "Set-Cookie": "S3cr3t", "v0_api_key": "S3cr3t"}),
        lambda: line("Authorization: Bearer S3cr3t"),
        lambda: line("connecting to redis://user:S3cr3t@cache:6379/0"),
        lambda: line("dsn password=S3cr3t host=db"),
        lambda: line('{"token": "S3cr3t"}'),
        lambda: line("got eyJS3cr3t.eyJS3cr3t.S3cr3t"),
        lambda: line("hash $argon2id$v=19$m=19456,t=2,p=1$S3cr3t$S3cr3t"),
        lambda: line("sent [(b'authorization', b'Basic S3cr3t')]"),
        lambda: line("Stripe said no to sk_live_S3cr3t"),
        lambda: line("signed with whsec_S3cr3t"),
        lambda: line("asked v0 with v1:team_S3cr3t:S3cr3t"),
        lambda: line("ciphertext v1:k1:S3cr3t=="),
        lambda: line("mail to S3cr3t@example.com"),
        lambda: line(repr({"key": SECRET})),
    ],
)
def test_a_secret_is_masked_wherever_it_stands(logged: Callable[[], dict[str, object]]):
    text = json.dumps(logged())
    assert "S3cr3t" not in text
    assert REDACTED in text


def test_a_url_with_a_known_password_is_masked_whole_and_the_password_alone_too():
    assert line("at postgresql://api:hunter22@db/n with hunter22")["message"] == f"at {REDACTED} with {REDACTED}"


def test_an_exception_is_logged_without_secrets_and_without_rows_of_the_database():
    message = "failed for hunter22\nDETAIL:  Failing row contains (Ada, a text\n\nof several lines)"
    try:
        raise RuntimeError(message)
    except RuntimeError as error:
        logged = line("x", exc_info=(type(error), error, error.__traceback__))
    assert "RuntimeError: failed for [redacted]" in str(logged["exception"])
    assert "Ada" not in str(logged["exception"])
    assert "several lines" not in str(logged["exception"])


def test_a_message_that_repeats_is_told_once_in_a_while():
    told = OnceInAWhile(10.0)
    records = [
        logging.makeLogRecord({"msg": msg, "created": at})
        for msg, at in (("a", 1e9), ("a", 1e9 + 9), ("b", 1e9 + 9), ("a", 1e9 + 11))
    ]
    assert [told.filter(record) for record in records] == [True, False, True, True]


def test_text_without_secrets_stays_as_it_is():
    text = "GET /api/installations/{installation_id} 200, keys: 3, apis: 4"
    assert line(text)["message"] == text


def test_every_logger_and_uvicorn_writes_through_the_one_handler(
    make_settings: Callable[..., Settings], capsys: pytest.CaptureFixture[str]
):
    from app.logs import configure_logs

    before = logging.root.handlers[:], logging.root.level
    try:
        configure_logs(make_settings(V0_API_KEY="v0-8fk2Lq0PzX"))
        logging.getLogger("uvicorn.error").info("started with v0-8fk2Lq0PzX")
        (text,) = capsys.readouterr().out.splitlines()
    finally:
        logging.root.handlers[:], level = before
        logging.root.setLevel(level)
        logging.captureWarnings(False)
    assert json.loads(text)["message"] == f"started with {REDACTED}"
