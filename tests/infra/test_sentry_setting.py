"""Sentry's settings reach the API, and nothing does without them."""

from infra import settings

from .conftest import dev_settings, record
from .recording import Recorded
from .test_dev_stack import named

DSN = "https://publickey@sentry.test/1"


def api_of(stack: list[Recorded]) -> tuple[bool, dict[str, str]]:
    """Whether the variables travel as a secret, and what they are."""
    entries = named([r for r in stack if r.type.endswith(":Container")], "api")[0].inputs["envs"]
    secret = isinstance(entries, dict)
    return secret, dict(entry.split("=", 1) for entry in (entries["value"] if secret else entries))


def test_a_dsn_and_its_sample_rate_reach_the_api() -> None:
    secret, found = api_of(record(dev_settings(sentry_dsn=DSN, sentry_traces_sample_rate=0.25)))
    assert secret
    assert (found["SENTRY_DSN"], found["SENTRY_TRACES_SAMPLE_RATE"]) == (DSN, "0.25")


def test_without_a_dsn_the_api_is_told_nothing_of_sentry(containers: list[Recorded]) -> None:
    assert not [name for name in api_of(containers)[1] if name.startswith("SENTRY")]


def test_the_dsn_shows_in_no_representation_and_may_stand_encrypted_in_the_file() -> None:
    assert "publickey" not in repr(dev_settings(sentry_dsn=DSN))
    config = {f"nuggetwise:{key}": value for key, value in dev_settings().model_dump(exclude_none=True).items()}
    del config["nuggetwise:name"]
    sealed = settings.parse("unit", {**config, "nuggetwise:sentry_dsn": {"secure": "v1:abc:def"}})
    assert sealed.sentry_dsn is not None
