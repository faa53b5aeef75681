"""What is ours in the store's server (toolchain/s3s-fs/): S3's meaning of folders and of deleting."""

from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from .conftest import Stack
from .test_stack import bucket_client

KEYS = ["listed/a/1", "listed/a/b/2", "listed/ab", "listed/c/3"]


def test_folders_are_told_apart_from_objects_and_end_with_their_last_object(stack: Stack, tmp_path: Path) -> None:
    s3, bucket = bucket_client(stack, tmp_path), str(stack.outputs()["backup_bucket"])

    def listed(prefix: str, delimiter: str = "/") -> tuple[list[str], list[str]]:
        answer = s3.list_objects_v2(Bucket=bucket, Prefix=prefix, Delimiter=delimiter)
        objects = [entry.get("Key", "") for entry in answer.get("Contents", [])]
        return objects, [entry.get("Prefix", "") for entry in answer.get("CommonPrefixes", [])]

    for key in KEYS:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    assert listed("listed/") == (["listed/ab"], ["listed/a/", "listed/c/"])
    assert listed("listed/a") == (["listed/ab"], ["listed/a/"])
    assert listed("listed/a/") == (["listed/a/1"], ["listed/a/b/"])
    assert listed("listed/", "") == (KEYS, [])
    assert listed("../") == ([], [])
    after = s3.list_objects_v2(Bucket=bucket, Prefix="listed/", StartAfter=KEYS[1])
    assert [entry.get("Key") for entry in after.get("Contents", [])] == KEYS[2:]
    with pytest.raises(ClientError, match="404"):
        s3.head_object(Bucket=bucket, Key="listed/a")

    s3.delete_object(Bucket=bucket, Key="listed/c/3")
    assert listed("listed/") == (["listed/ab"], ["listed/a/"])
    s3.delete_object(Bucket=bucket, Key="listed/c/3")  # once more is no error
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in KEYS]})
    assert [entry.get("Key") for entry in answer.get("Deleted", [])] == KEYS
    assert listed("listed/") == ([], [])
    _, left = stack.containers("object-store-files")[0].exec_run(["ls", "-A", "/var/lib/object-store"])
    assert isinstance(left, bytes)
    assert b"bGlzdGVkL" not in left, "what the server keeps beside an object, under the key in base64, goes with it"
