"""Which backups are kept no longer: those over 30 days old, once a newer good one is there."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from jobs.catalogue import Backup, last_good
from jobs.settings import Expiry
from jobs.store import Store

KEPT: Final = timedelta(days=30)


def superseded(known: Sequence[Backup], now: datetime) -> list[Backup]:
    """Of all backups those to let go. A good one without a newer good one never is, however old."""
    newest_good = last_good(known)
    return [each for each in known if newest_good and each.created_at < newest_good and now - each.created_at > KEPT]


def expire(store: Store, expiry: Expiry, going: Iterable[Backup]) -> list[str]:
    """Lets the lifecycle have them, or deletes them where there is none. Returns the ids of what was not done before.

    Raises JobError when the bucket refuses.
    """
    done: list[str] = []
    for backup in going:
        keys = [key for key in backup.keys if expiry == "delete" or not store.is_tagged(key)]
        for key in keys:
            if expiry == "delete":
                store.delete(key)
            else:
                store.tag(key)
        if keys:
            done.append(backup.id)
    return done


def is_superseded(store: Store, expiry: Expiry, backup: Backup, now: datetime) -> bool:
    """Whether the lifecycle may have it. No young one is asked about, since none is tagged."""
    if expiry == "delete" or now - backup.created_at <= KEPT or not backup.keys:
        return False
    return store.is_tagged(backup.keys[-1])
