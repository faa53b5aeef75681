"""What the bucket in the cloud keeps of a backup, and what nobody can do to it for 30 days."""

import io
from typing import Any

import pytest
from botocore.exceptions import ClientError

from jobs import upload as uploads
from jobs.errors import JobError
from jobs.store import Store
from jobs.upload import upload

from .conftest import BUCKET, Kept

KEY = "20261124T041500Z-1a2b/dump.age"
PART = 5 * 2**20  # the least that S3 takes


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "PART", PART)


def unharmed() -> None:
    """No writer has failed."""


def unfinished(kept: Kept) -> list[Any]:
    return kept.aws.list_multipart_uploads(Bucket=BUCKET.name).get("Uploads", [])


@pytest.mark.parametrize("size", [1, PART, 7 * PART + 3])
def test_a_stream_of_any_length_comes_back_as_it_was(kept: Kept, size: int) -> None:
    content = bytes(range(256)) * (size // 256 + 1)
    content = content[:size]
    sent = upload(kept.store, KEY, io.BytesIO(content), unharmed)
    assert b"".join(kept.store.stream(KEY)) == content
    assert sent.size == size
    assert kept.store.sizes() == {KEY: size}
    assert unfinished(kept) == []


def test_a_writer_that_failed_leaves_nothing_although_its_stream_ended_well(kept: Kept) -> None:
    def failed() -> None:
        raise JobError("pg_dump was ended by SIGKILL")

    with pytest.raises(JobError, match="SIGKILL"):
        upload(kept.store, KEY, io.BytesIO(b"x" * (PART + 1)), failed)
    assert kept.store.sizes() == {}
    assert unfinished(kept) == []


def test_a_part_that_is_refused_ends_the_upload_and_takes_back_the_others(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_part = Store.put_part

    def refusing(self: Store, key: str, upload: str, number: int, body: bytes) -> Any:
        if number == 3:
            raise JobError("UploadPart was refused: SlowDown")
        return put_part(self, key, upload, number, body)

    monkeypatch.setattr(Store, "put_part", refusing)
    with pytest.raises(JobError, match="SlowDown"):
        upload(kept.store, KEY, io.BytesIO(b"x" * (9 * PART)), unharmed)
    assert kept.store.sizes() == {}
    assert unfinished(kept) == []


def test_no_more_than_four_parts_are_in_memory(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    read, done, most = 0, 0, 0

    class Counting(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            nonlocal read, most
            most = max(most, read - done)
            read += 1
            return super().read(size)

    put_part = Store.put_part

    def counting(self: Store, key: str, upload: str, number: int, body: bytes) -> Any:
        nonlocal done
        made = put_part(self, key, upload, number, body)
        done += 1
        return made

    monkeypatch.setattr(Store, "put_part", counting)
    upload(kept.store, KEY, Counting(b"x" * (20 * PART)), unharmed)
    assert read == 21
    assert most <= uploads.AT_A_TIME


def test_everything_written_carries_the_checksum_that_a_locked_bucket_asks_for(kept: Kept) -> None:
    seen: dict[str, dict[str, str]] = {}

    def look(request: Any, event_name: str, **_: Any) -> None:
        seen[event_name.rpartition(".")[2]] = {name.lower(): str(value) for name, value in request.headers.items()}

    kept.store._client.meta.events.register("before-send.s3", look)  # pyright: ignore[reportPrivateUsage]
    kept.store.put("a.json", b"{}")
    upload(kept.store, KEY, io.BytesIO(b"x"), unharmed)
    for operation in ("PutObject", "UploadPart"):
        assert "content-md5" in seen[operation]
        # In a trailer it would be refused: https://github.com/Altinity/clickhouse-backup/pull/1363
        assert "x-amz-trailer" not in seen[operation]


def test_what_is_written_is_encrypted_as_the_bucket_says_and_by_nothing_of_ours(kept: Kept) -> None:
    kept.store.put("a/manifest.json", b"{}")
    upload(kept.store, "a/dump.age", io.BytesIO(b"x"), unharmed)
    for name in ("manifest.json", "dump.age"):
        head = kept.aws.head_object(Bucket=BUCKET.name, Key=f"database/a/{name}")
        assert (head.get("ServerSideEncryption"), head.get("SSEKMSKeyId")) == ("aws:kms", kept.key_id)


def test_nobody_deletes_a_version_within_30_days(kept: Kept) -> None:
    # What is uploaded in parts moto does not lock; AWS locks it alike.
    kept.store.put("a/manifest.json", b"{}")
    head = kept.aws.head_object(Bucket=BUCKET.name, Key="database/a/manifest.json")
    assert head.get("ObjectLockMode") == "GOVERNANCE"
    with pytest.raises(ClientError, match="AccessDenied"):
        kept.aws.delete_object(Bucket=BUCKET.name, Key="database/a/manifest.json", VersionId=head["VersionId"])


def test_what_is_overwritten_or_deleted_all_the_same_is_still_there_beneath(kept: Kept) -> None:
    kept.store.put("a/manifest.json", b"first")
    (first,) = kept.versions("a/manifest.json")
    kept.aws.put_object(Bucket=BUCKET.name, Key="database/a/manifest.json", Body=b"second")
    kept.store.delete("a/manifest.json")
    assert kept.store.sizes() == {}
    assert len(kept.versions("a/manifest.json")) == 2
    beneath = kept.aws.get_object(Bucket=BUCKET.name, Key="database/a/manifest.json", VersionId=first)
    assert beneath["Body"].read() == b"first"


def test_what_is_not_there_and_what_is_refused_are_told_apart(kept: Kept) -> None:
    with pytest.raises(JobError, match=r"database/a\.json in the bucket backups is not there"):
        kept.store.read("a.json")
    kept.aws.delete_bucket(Bucket=BUCKET.name)
    with pytest.raises(JobError, match="of the bucket backups was refused: NoSuchBucket"):
        kept.store.sizes()
