"""Stack outputs as CI and jobs read them."""

import json

import pytest

from infra import outputs

VALID = {
    "environment": "dev",
    "api_url": "http://127.0.0.1:8080",
    "health_url": "http://127.0.0.1:8080/api/health",
    "frontend_url": "http://localhost:3000",
    "app_version": "0.1.0+abc",
    "image": "nuggetwise/api:abc",
    "schema_revision": "0001",
    "database_url": "postgresql://api:hidden@database/nuggetwise",
    "redis_url": "redis://:hidden@cache",
    "backup_bucket": "bucket",
}


def test_outputs_are_read_typed_and_their_secrets_do_not_show_when_printed() -> None:
    parsed = outputs.parse(json.dumps(VALID))
    assert parsed.database_url.get_secret_value() == VALID["database_url"]
    assert "hidden" not in repr(parsed)


def test_a_secret_that_arrives_masked_is_a_loud_error_that_says_how_to_read_it() -> None:
    with pytest.raises(outputs.OutputsError, match=r"database_url arrived as the literal .*--show-secrets"):
        outputs.parse(json.dumps({**VALID, "database_url": "[secret]"}))


def test_a_missing_output_is_named() -> None:
    with pytest.raises(outputs.OutputsError, match="api_url"):
        outputs.parse(json.dumps({key: value for key, value in VALID.items() if key != "api_url"}))


def test_an_error_never_shows_a_secret() -> None:
    with pytest.raises(outputs.OutputsError) as caught:
        outputs.parse(json.dumps({**VALID, "database_url": {"oops": "hidden"}}))
    assert "hidden" not in str(caught.value)


def test_what_is_not_json_is_told_so() -> None:
    with pytest.raises(outputs.OutputsError, match="not JSON"):
        outputs.parse("error: no stack")


def test_a_name_that_is_no_output_cannot_be_exported() -> None:
    with pytest.raises(TypeError, match="api_ulr"):
        outputs.export(api_ulr="x")
