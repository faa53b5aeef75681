"""A stream of any length into the bucket, in parts, with bounded memory."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

from jobs.errors import JobError
from jobs.progress import Progress
from jobs.store import Store
from migrations.log import log

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

PART: Final = 16 * 2**20
AT_A_TIME: Final = 3  # and one that is being read: 64 MiB in all


class Uploaded(NamedTuple):
    """What was sent."""

    size: int
    sha256: str


def upload(store: Store, key: str, source: BinaryIO, confirm: Callable[[], None]) -> Uploaded:
    """Uploads what `source` (buffered) gives until its end.

    A writer that fails ends it too: `confirm` raises then, and the upload is aborted. Raises JobError.
    """
    upload_id = store.begin(key)
    try:
        parts, sent = _send(store, key, upload_id, source)
        confirm()
        store.complete(key, upload_id, parts)
    except BaseException:
        try:
            store.abort(key, upload_id)
        except JobError as error:
            log(f"the parts of {key} stay behind until the bucket's lifecycle removes them: {error}")
        raise
    return sent


def _send(store: Store, key: str, upload_id: str, source: BinaryIO) -> tuple[list[CompletedPartTypeDef], Uploaded]:
    parts: list[CompletedPartTypeDef] = []
    digest, progress = hashlib.sha256(), Progress("dumped to the bucket", "B")
    pending: deque[Future[CompletedPartTypeDef]] = deque()
    with ThreadPoolExecutor(AT_A_TIME) as workers:
        while part := source.read(PART):
            digest.update(part)
            if len(pending) == AT_A_TIME:
                parts.append(pending.popleft().result())
            number = len(parts) + len(pending) + 1
            pending.append(workers.submit(store.put_part, key, upload_id, number, part))
            progress.add(len(part))
        parts += [each.result() for each in pending]
    return parts, Uploaded(progress.done, digest.hexdigest())
