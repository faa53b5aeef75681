"""What a client may tell of usage, and when a month's quota is new."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from app.components.service import _rest_of_month  # pyright: ignore[reportPrivateUsage]
from app.usage.endpoints import Instant
from app.usage.schemas import NewUsage

INSTANT: TypeAdapter[datetime] = TypeAdapter(Instant)


@pytest.mark.parametrize("feature", ["install", "a", "export.csv:v2", "Component_Generation", "x" * 64])
def test_a_feature_is_the_clients_own_word(feature: str):
    assert NewUsage(feature=feature).usage_count == 1


@pytest.mark.parametrize("feature", ["", "component_generation", "component_generation\n", " a", "é", "a b", "x" * 65])
def test_some_words_are_refused(feature: str):
    with pytest.raises(ValidationError):
        NewUsage(feature=feature)


@pytest.mark.parametrize(("count", "good"), [(2.0, True), (2.5, False), ("2", False), (True, False), (0, False)])
def test_a_count_is_a_whole_number_as_json_knows_it(count: object, good: bool):
    usage = {"feature": "install", "usage_count": count}
    if good:
        assert NewUsage.model_validate(usage).usage_count == 2
    else:
        with pytest.raises(ValidationError):
            NewUsage.model_validate(usage)


@pytest.mark.parametrize(("size", "good"), [(8_192 - len('{"a": ""}'), True), (8_193 - len('{"a": ""}'), False)])
def test_metadata_is_bounded_in_bytes(size: int, good: bool):
    def make(metadata: dict[str, Any]) -> NewUsage:
        return NewUsage.model_validate({"feature": "install", "metadata": metadata})

    if good:
        assert make({"a": "x" * size}).metadata == {"a": "x" * size}
    else:
        with pytest.raises(ValidationError, match="8192 bytes"):
            make({"a": "x" * size})
    with pytest.raises(ValidationError, match="8192 bytes"):
        make({"a": "☃" * 3000})


def test_an_instant_has_a_zone():
    assert INSTANT.validate_python("2026-11-23T01:00:00+01:00") == datetime(2026, 11, 23, tzinfo=UTC)
    assert INSTANT.validate_python("2026-11-23T00:00:00Z") == datetime(2026, 11, 23, tzinfo=UTC)
    for wrong in ("2026-11-23", "2026-11-23T00:00:00", "1700000000", "now", "2026-11-23T00:00:00 01:00"):
        with pytest.raises(ValidationError, match="with its zone"):
            INSTANT.validate_python(wrong)


@pytest.mark.parametrize(
    ("now", "seconds"),
    [
        (datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC), 1),
        (datetime(2026, 12, 31, 23, 59, 58, 500_000, tzinfo=UTC), 2),
        (datetime(2026, 1, 1, tzinfo=UTC), 31 * 86400),
        (datetime(2024, 2, 1, tzinfo=UTC), 29 * 86400),
    ],
)
def test_a_quota_is_new_on_the_first(now: datetime, seconds: int):
    assert _rest_of_month(now) == seconds
