"""Which backups are let go."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs import catalogue, retention
from jobs.catalogue import Backup
from jobs.errors import BrokenBackup, JobError
from jobs.manifest import new_id

from .conftest import BUCKET, Kept, manifest

NOW = datetime(2026, 11, 24, 5, tzinfo=UTC)
GOOD, UNVERIFIED, BROKEN = "good", "unverified", "broken"


def backup(days: float, state: str = GOOD) -> Backup:
    moment = NOW - timedelta(days=days)
    id = new_id(moment)
    files = {"dump.age": 4, "manifest.json": 9} | ({"verified.json": 2} if state != UNVERIFIED else {})
    return Backup(id, files, manifest(id, created_at=moment), "why" if state == BROKEN else None)


BACKUPS = st.lists(st.builds(backup, st.floats(0, 90), st.sampled_from([GOOD, UNVERIFIED, BROKEN])), max_size=12)


def put(kept: Kept, days: float, state: str = GOOD) -> str:
    made = backup(days, state)
    assert made.manifest
    kept.store.put(f"{made.id}/dump.age", b"dump")
    kept.store.put(f"{made.id}/manifest.json", made.manifest.to_json())
    if state != UNVERIFIED:
        kept.store.put(f"{made.id}/verified.json", b"{}")
    if state == BROKEN:
        kept.store.put(f"{made.id}/broken.json", b'{"why": "why"}')
    return made.id


@given(BACKUPS)
def test_the_newest_good_one_stays_and_so_does_all_of_30_days(known: list[Backup]) -> None:
    going = retention.superseded(known, NOW)
    newest = max((each for each in known if each.good), key=lambda each: each.created_at, default=None)
    assert newest not in going
    assert all(NOW - each.created_at > retention.KEPT for each in going)
    assert newest is None or all(each.created_at < newest.created_at for each in going)


@given(BACKUPS)
def test_all_else_goes_once_there_is_a_newer_good_one(known: list[Backup]) -> None:
    going, moments = retention.superseded(known, NOW), [each.created_at for each in known if each.good]
    stays = [each for each in known if each not in going and NOW - each.created_at > retention.KEPT]
    assert not any(moment > each.created_at for each in stays for moment in moments)


def test_bad_ones_take_nobodys_place() -> None:
    old = backup(40)
    assert retention.superseded([backup(1, BROKEN), backup(2, UNVERIFIED), old], NOW) == []
    assert retention.superseded([backup(1), old], NOW) == [old]


def test_only_the_objects_of_what_is_superseded_are_tagged_and_only_once(kept: Kept) -> None:
    old, bad, young = put(kept, 40), put(kept, 35, BROKEN), put(kept, 3)
    put(kept, 50, UNVERIFIED)
    known = catalogue.backups(kept.store)
    going = [each for each in retention.superseded(known, NOW) if each.id in (old, bad)]
    assert retention.expire(kept.store, "tag", going) == [bad, old]
    assert {key.split("/")[1] for key in kept.tagged()} == {old, bad}
    assert len(kept.tagged()) == 3 + 4, "all of their objects"
    assert retention.expire(kept.store, "tag", going) == []
    shown = {each.id: retention.is_superseded(kept.store, "tag", each, NOW) for each in known}
    assert (shown[old], shown[bad], shown[young]) == (True, True, False)
    assert kept.store.sizes(), "nothing is deleted"


def test_where_the_store_has_no_tags_they_are_deleted(kept: Kept) -> None:
    old, young = put(kept, 40), put(kept, 3)
    going = retention.superseded(catalogue.backups(kept.store), NOW)
    assert retention.expire(kept.store, "delete", going) == [old]
    assert {key.partition("/")[0] for key in kept.store.sizes()} == {young}


def test_a_deletion_that_is_cut_short_leaves_nothing_that_looks_good(kept: Kept) -> None:
    old = put(kept, 40)
    put(kept, 3)
    (going,) = retention.superseded(catalogue.backups(kept.store), NOW)
    states: list[str] = []
    for key in going.keys:
        kept.store.delete(key)
        states += [each.state for each in catalogue.backups(kept.store) if each.id == old]
    assert states[0] == "unverified"
    assert states[1].startswith("broken: it has no manifest")
    assert len(states) == 2, "then it is gone"


def test_the_list_is_newest_first_and_says_what_is_wrong(kept: Kept) -> None:
    good, bad, new = put(kept, 2), put(kept, 3, BROKEN), put(kept, 1, UNVERIFIED)
    cut, altered, lost, garbled = (put(kept, days) for days in (4, 5, 6, 7))
    kept.store.put(f"{cut}/dump.age", b"d")
    kept.store.put(f"{altered}/manifest.json", manifest(good).to_json())
    kept.store.delete(f"{lost}/dump.age")
    kept.store.put(f"{garbled}/manifest.json", b"{]")
    kept.store.put("notes.txt", b"not ours")
    known = catalogue.backups(kept.store)
    assert [each.id for each in known] == [new, good, bad, cut, altered, lost, garbled]
    assert all(one.created_at > other.created_at for one, other in pairwise(known) if altered not in (one.id, other.id))
    assert [each.state for each in known] == [
        "unverified",
        "good",
        "broken: why",
        "broken: its dump has 1 bytes instead of 4",
        f"broken: its manifest is that of {good}",
        "broken: its dump is not there",
        "broken: its manifest is none: JSONDecodeError Expecting property name enclosed in double quotes: "
        "line 1 column 2 (char 1)",
    ]
    assert catalogue.chosen(known, "latest").id == good
    assert catalogue.chosen(known, new).id == new
    with pytest.raises(JobError, match="there is no backup 2020"):
        catalogue.chosen(known, "2020")
    with pytest.raises(JobError, match="there is no good backup"):
        catalogue.chosen([each for each in known if each.id != good], "latest")
    with pytest.raises(BrokenBackup, match=f"backup {bad} is broken: why"):
        catalogue.manifest_of(catalogue.chosen(known, bad))


def test_when_a_restore_test_last_passed_is_in_the_bucket(kept: Kept) -> None:
    one, other = put(kept, 2), put(kept, 9)
    assert catalogue.last_tested(catalogue.backups(kept.store)) is None
    for id, moment in ((one, "20261123T061500Z"), (other, "20261116T061500Z")):
        kept.store.put(f"{id}/tested-{moment}.json", b"{}")
    assert catalogue.last_tested(catalogue.backups(kept.store)) == datetime(2026, 11, 23, 6, 15, tzinfo=UTC)
    assert BUCKET.expiry == "tag"
