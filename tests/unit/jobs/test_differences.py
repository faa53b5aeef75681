"""What tells a restored database from the one that had been backed up."""

from dataclasses import replace

import pytest

from jobs.contents import Contents
from jobs.errors import BrokenBackup
from jobs.manifest import Manifest, new_id, time_of
from jobs.verification import differences

from .conftest import manifest

ID = "20261124T041500Z-1a2b"
WAS = Contents({"public.users": 1_000, "public.usage_202611": 5}, {"policies": "a", "grants": "b"}, "0024")


def test_equal_ones_do_not_differ() -> None:
    assert differences(WAS, WAS) == []


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (
            replace(WAS, tables={**WAS.tables, "public.users": 999}),
            "public.users: 999 rows instead of 1,000 rows",
        ),
        (
            replace(WAS, tables={"public.users": 1_000}),
            "public.usage_202611: no such table instead of 5 rows",
        ),
        (
            replace(WAS, tables={**WAS.tables, "public.more": 0}),
            "public.more: 0 rows instead of no such table",
        ),
        (replace(WAS, facts={**WAS.facts, "policies": "c"}), "policies of the schema differ"),
        (replace(WAS, schema_revision="0023"), "the schema is at 0023 instead of 0024"),
    ],
)
def test_each_difference_is_named(found: Contents, told: str) -> None:
    assert differences(WAS, found) == [told]


def test_what_a_later_release_describes_besides_is_not_missed() -> None:
    assert differences(replace(WAS, facts={**WAS.facts, "new": "x"}), WAS) == []


def test_a_manifest_is_read_as_it_was_written_also_with_more_in_it() -> None:
    written = manifest(ID)
    assert Manifest.parse(written.to_json()) == written
    assert b'"bytes": 4' in written.to_json()
    assert Manifest.parse(written.to_json().replace(b"{", b'{"later": 1,', 1)) == written
    assert written.rows == 7


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{}", b"\xff", manifest(ID).to_json().replace(b'"bytes": 4', b'"bytes": "4"')]
)
def test_what_is_no_manifest_is_a_broken_backup(text: bytes) -> None:
    with pytest.raises(BrokenBackup, match="its manifest is none"):
        Manifest.parse(text)


def test_an_id_says_when_and_sorts_by_it() -> None:
    moment = time_of(ID)
    assert moment.isoformat() == "2026-11-24T04:15:00+00:00"
    assert new_id(moment).startswith("20261124T041500Z-")
    assert new_id(moment) != new_id(moment)
