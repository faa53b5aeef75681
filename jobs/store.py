"""The bucket, at AWS or in a store that speaks S3."""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from jobs.errors import JobError
from jobs.settings import Bucket

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

SUPERSEDED: Final = ("superseded", "true")
"""The tag of what the bucket's lifecycle may expire (infra/backups/aws.py)."""

CHUNK: Final = 2**20
ABSENT: Final = frozenset({"NoSuchKey", "404"})


class Store:
    """One bucket's objects under the prefix. Every method raises JobError when the bucket does not do as asked."""

    def __init__(self, client: S3Client, bucket: Bucket) -> None:
        self._client = client
        self._bucket = bucket

    @classmethod
    def connect(cls, bucket: Bucket) -> Store:
        """The credentials are where boto3 looks for them. Nothing is asked of the bucket yet."""
        client = boto3.client(
            "s3",
            region_name=bucket.region,
            endpoint_url=bucket.endpoint,
            verify=_authority(bucket.authority) if bucket.authority else None,
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path" if bucket.endpoint else "auto"},
                # Not every store knows checksums that trail, and a bucket with Object Lock refuses them. What is read
                # is compared with the manifest.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                retries={"mode": "standard", "total_max_attempts": 4},
                connect_timeout=5,
                read_timeout=60,
            ),
        )
        return cls(client, bucket)

    def sizes(self, under: str = "") -> dict[str, int]:
        """The objects whose keys begin so, without the prefix, and their bytes."""
        found: dict[str, int] = {}
        with self._asking():
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket.name, Prefix=self._bucket.prefix + under
            )
            for page in pages:
                for each in page.get("Contents", ()):
                    found[each.get("Key", "").removeprefix(self._bucket.prefix)] = each.get("Size", 0)
        return found

    def read(self, key: str) -> bytes:
        """A small object as a whole."""
        with self._asking(key):
            return self._client.get_object(**self._named(key))["Body"].read()

    def stream(self, key: str) -> Iterator[bytes]:
        """An object of any size, piece by piece."""
        with self._asking(key):
            yield from self._client.get_object(**self._named(key))["Body"].iter_chunks(CHUNK)

    def put(self, key: str, body: bytes) -> None:
        """A small object."""
        with self._asking(key):
            self._client.put_object(**self._named(key), Body=body, **self._checksum(body))

    def delete(self, key: str) -> None:
        with self._asking(key):
            self._client.delete_object(**self._named(key))

    def tag(self, key: str) -> None:
        """Leaves an object to the bucket's lifecycle."""
        name, value = SUPERSEDED
        with self._asking(key):
            self._client.put_object_tagging(**self._named(key), Tagging={"TagSet": [{"Key": name, "Value": value}]})

    def is_tagged(self, key: str) -> bool:
        with self._asking(key):
            tags = self._client.get_object_tagging(**self._named(key))["TagSet"]
        return SUPERSEDED in {(each["Key"], each["Value"]) for each in tags}

    def begin(self, key: str) -> str:
        """Begins an upload in parts, and returns its id."""
        with self._asking(key):
            return self._client.create_multipart_upload(**self._named(key))["UploadId"]

    def put_part(self, key: str, upload: str, number: int, body: bytes) -> CompletedPartTypeDef:
        """Uploads a part (numbers begin with 1); by any thread."""
        with self._asking(key):
            answer = self._client.upload_part(
                **self._named(key), UploadId=upload, PartNumber=number, Body=body, **self._checksum(body)
            )
        return {"PartNumber": number, "ETag": answer["ETag"]}

    def complete(self, key: str, upload: str, parts: list[CompletedPartTypeDef]) -> None:
        """Makes the parts an object. Until then there is none."""
        with self._asking(key):
            self._client.complete_multipart_upload(
                **self._named(key), UploadId=upload, MultipartUpload={"Parts": parts}
            )

    def abort(self, key: str, upload: str) -> None:
        """Deletes the parts."""
        with self._asking(key):
            self._client.abort_multipart_upload(**self._named(key), UploadId=upload)

    def _checksum(self, body: bytes) -> _Checksum:
        """What a bucket with Object Lock asks for with all that is written."""
        if self._bucket.endpoint:
            return {}
        return {"ContentMD5": base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()}

    def _named(self, key: str) -> _Named:
        return {"Bucket": self._bucket.name, "Key": self._bucket.prefix + key}

    @contextmanager
    def _asking(self, key: str | None = None) -> Generator[None]:
        what = f"{self._bucket.prefix}{key} in {self._bucket}" if key else str(self._bucket)
        try:
            yield
        except ClientError as error:
            answer = error.response.get("Error", {})
            code = answer.get("Code", "unknown")
            if code in ABSENT:
                raise JobError(f"{what} is not there") from error
            raise JobError(
                f"{error.operation_name} of {what} was refused: {code} {answer.get('Message', '')}".rstrip()
                + ". See that the bucket is there and that the credentials may do this"
            ) from error
        except BotoCoreError as error:
            raise JobError(f"{what} could not be reached: {error}. Bring the store back, and run again") from error


if TYPE_CHECKING:
    from typing import TypedDict

    class _Named(TypedDict):
        Bucket: str
        Key: str

    class _Checksum(TypedDict, total=False):
        ContentMD5: str


def _authority(pem: str) -> str:
    """A file with the certificate, since nothing else is taken. It is public."""
    path = Path(tempfile.gettempdir()) / f"s3-authority-{hashlib.sha256(pem.encode()).hexdigest()[:16]}.pem"
    if not path.is_file():
        beside = path.with_suffix(f".{os.getpid()}")
        beside.write_text(pem)
        beside.replace(path)
    return str(path)
