"""Which releases a stack has been at, as its own history tells."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ops.history import Update, releases


def update(
    image: str,
    *,
    limit: int = 100,
    kind: str = "update",
    succeeded: bool = True,
    config: Mapping[str, Any] = MappingProxyType({}),
) -> Update:
    settings = {"nuggetwise:rate_limits": {"api": limit}, "pulumi:autonaming": {"pattern": "x"}}
    return Update(kind, succeeded, f"version of {image}", image, {**settings, **config}, "v1:salt")


def images(*updates: Update) -> list[str]:
    return [release.image for release in releases(updates)]


def test_a_release_is_an_image_with_its_settings() -> None:
    found = releases([update("a"), update("a", limit=200), update("b", limit=200)])
    assert [(each.image, each.config["nuggetwise:rate_limits"]["api"]) for each in found] == [
        ("a", 100),
        ("a", 200),
        ("b", 200),
    ]


def test_a_deploy_that_failed_is_none() -> None:
    assert images(update("a"), update("b", succeeded=False), update("c")) == ["a", "c"]


def test_a_deploy_that_changed_nothing_is_no_further_one() -> None:
    assert images(update("a"), update("b"), update("b"), update("b")) == ["a", "b"]


def test_going_back_again_leads_further_back_and_not_forth() -> None:
    back = {"nuggetwise:image": "b"}
    assert images(update("a"), update("b"), update("c"), update("b", config=back)) == ["a", "b"]
    assert images(update("a"), update("b"), update("c"), update("b", config=back), update("d")) == ["a", "b", "d"]


def test_maintenance_and_a_named_image_are_no_part_of_a_release() -> None:
    (only,) = releases([update("a"), update("a", config={"nuggetwise:maintenance": True}), update("a")])
    assert only.config.keys() == {"nuggetwise:rate_limits"}


def test_nothing_is_left_of_a_stack_that_was_destroyed_and_a_refresh_is_no_release() -> None:
    assert images(update("a"), update("a", kind="refresh"), update("", kind="destroy"), update("b")) == ["b"]
