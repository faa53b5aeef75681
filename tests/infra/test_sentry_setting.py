"""Sentry's settings reach the API, and nothing does without them."""

from typing import Any

from infra import settings

from .conftest import dev_settings, record, replicas_of
from .recording import is_secret, unsealed

DSN = "https://publickey@sentry.test/1"


def test_a_dsn_and_its_sample_rate_reach_the_api() -> None:
    found = replicas_of(record(dev_settings(sentry_dsn=DSN, sentry_traces_sample_rate=0.25)))
    assert is_secret(found["secrets"])
    assert unsealed(found["secrets"])["SENTRY_DSN"] == DSN
    assert found["environment"]["SENTRY_TRACES_SAMPLE_RATE"] == "0.25"


def test_without_a_dsn_the_api_is_told_nothing_of_sentry(replicas: dict[str, Any]) -> None:
    told = {**replicas["environment"], **unsealed(replicas["secrets"])}
    assert not [name for name in told if name.startswith("SENTRY")]


def test_the_dsn_shows_in_no_representation_and_may_stand_encrypted_in_the_file() -> None:
    assert "publickey" not in repr(dev_settings(sentry_dsn=DSN))
    config = {f"nuggetwise:{key}": value for key, value in dev_settings().model_dump(exclude_none=True).items()}
    del config["nuggetwise:name"]
    sealed = settings.parse("unit", {**config, "nuggetwise:sentry_dsn": {"secure": "v1:abc:def"}})
    assert sealed.sentry_dsn is not None
