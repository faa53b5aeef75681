"""What is pending, decided from what the database has been through."""

from pathlib import Path

import pytest

from migrations.errors import MigrationError
from migrations.history import History
from migrations.revisions import Revision, revisions


@pytest.fixture
def known(tmp_path: Path) -> list[Revision]:
    for name in ("0001_one.py", "0002_two.py", "0003_three.py"):
        (tmp_path / name).write_text(f"# {name}\n")
    return revisions(tmp_path)


def history(applied: list[Revision]) -> History:
    return History(applied[-1].id if applied else None, {revision.id: revision.checksum for revision in applied})


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_what_has_not_been_applied_is_pending_in_order(known: list[Revision], count: int) -> None:
    assert history(known[:count]).pending(known) == known[count:]


def test_a_file_changed_after_it_was_applied_is_named_with_both_checksums(known: list[Revision]) -> None:
    before = history(known[:2])
    known[0].path.write_text("# something else\n")
    with pytest.raises(MigrationError, match=r"0001_one.py was changed") as caught:
        before.pending(known)
    assert before.checksums["0001"] in str(caught.value)
    assert known[0].checksum in str(caught.value)


def test_a_file_removed_after_it_was_applied_is_missed(known: list[Revision]) -> None:
    with pytest.raises(MigrationError, match="has applied 0002, which this release lacks"):
        history(known).pending([known[0], known[2]])


def test_a_revision_applied_behind_the_runner_s_back_is_noticed(known: list[Revision]) -> None:
    with pytest.raises(MigrationError, match=r"0001_one.py .*applied unrecorded"):
        History("0001", {}).pending(known)


def test_a_newer_database_has_nothing_pending_for_an_older_release(known: list[Revision]) -> None:
    newer = history(known)
    assert newer.pending(known[:2]) == []
    assert newer.is_newer_than(known[:2])
    assert not newer.is_newer_than(known)
