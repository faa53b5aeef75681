"""What rehearsed providers are configured with."""

import json

import pytest

from rehearsal import account
from rehearsal.refusals import Refused

OURS = "123456789012"


def test_the_allowed_accounts_are_checked() -> None:
    allowed = {"region": "eu-central-1", "allowedAccountIds": json.dumps([OURS])}
    assert account.place("aws", allowed, OURS, "").account == OURS
    with pytest.raises(Refused, match="AWS account ID not allowed: 210987654321"):
        account.place("aws", allowed, "210987654321", "")


def test_a_region_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    assert [one.property for one in account.mistakes("aws", {})] == ["region"]
    assert not list(account.mistakes("aws", {"region": "eu-central-1"}))
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert account.place("aws", {}, OURS, "").region == "eu-west-1"


def test_default_tags_are_taken_from_json() -> None:
    inputs = {"region": "eu-central-1", "defaultTags": json.dumps({"tags": {"stack": "production"}})}
    assert account.place("aws", inputs, OURS, "").default_tags == {"stack": "production"}


def test_an_unknown_setting_is_named() -> None:
    found = [one.property for one in account.mistakes("cloudflare", {"apiTokn": "t", "version": "6.23.1"})]
    assert found == ["apiTokn"]
