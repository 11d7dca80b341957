"""Photos in a bucket: any store that speaks S3, asked by signed requests (AWS Signature Version 4)."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import io
import logging
import time
from bisect import bisect_right
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, BinaryIO

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from app.errors import SettingsFault
from app.media.breaker import AGAIN, Breaker, Limits, StoreHealth
from app.media.errors import StoreUnavailable
from app.media.s3_stream import ObjectStream
from app.media.store import NoSuchObject, Readable, Stored
from app.media.transport import limit_connections

log = logging.getLogger(__name__)

_CONNECT_S = 1
# An answer of 5xx or a connection that broke is tried once more, within the deadline of the operation.
_ATTEMPTS = 2
# A large object gets more time than a small one: this many bytes a second.
_LEAST_BYTES_A_SECOND = 2_000_000
_PART_BYTES = 32 * 1024 * 1024  # more than the largest photo
_BUFFER_BYTES = 1 << 18
_NOT_FOUND = frozenset({"404", "NoSuchKey", "NotFound"})
# A mark is obeyed for a minute; who set it deletes in the first 20 s of it, within 30 s in all, or not at all.
_MARK_OBEYED = dt.timedelta(seconds=60)
_MARK_USABLE_S = 20
_MARK_AWAITED_S = 10
_LOOK_AGAIN_S = 0.2
# Keys are ASCII: no key below a prefix comes after this one.
_LAST = "\x7f"


class S3Store:
    """A bucket. Nothing in it is public: what is shown passes through the service, which signs its links.

    S3 has no deletion on a condition of time, so that a deletion sets a mark beside the object, looks at the object,
    deletes it and takes the mark away; a put looks for the mark and the object after it has put. The store is
    consistent (what was written is read by all from then on), so one of the two sees the other: a put that comes
    before the look is spared, one that comes after it finds the mark, or the object gone, and puts again.
    """

    def __init__(
        self,
        *,
        endpoint: str,
        bucket: str,
        region: str,
        access_key: str,
        secret_key: str,
        limits: Limits,
        public_endpoint: str = "",
    ) -> None:
        """Look at the bucket. Raises SettingsFault where the store refuses it; one that is away may come back.

        ``public_endpoint`` is where clients reach the store, ``endpoint`` where it is left out.
        """
        self._bucket = bucket
        self._breaker = Breaker(limits)
        # Three boundaries of AWS that other stores do not have: checksums in trailers, names of hosts by bucket.
        common = Config(
            signature_version="s3v4",
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path"},
            connect_timeout=_CONNECT_S,
            read_timeout=limits.seconds,
            max_pool_connections=max(20, limits.calls),
        )
        session = boto3.session.Session(
            aws_access_key_id=access_key, aws_secret_access_key=secret_key, region_name=region
        )
        retried = common.merge(Config(retries={"mode": "standard", "total_max_attempts": _ATTEMPTS}))
        once = common.merge(Config(retries={"mode": "standard", "total_max_attempts": 1}))
        self._client = session.client("s3", endpoint_url=endpoint, config=retried)
        self._deleter = session.client("s3", endpoint_url=endpoint, config=once)
        limit_connections(self._client)
        limit_connections(self._deleter)
        # It asks for nothing: the host is part of what is signed, so that clients need the one that they see.
        self._signer = session.client("s3", endpoint_url=public_endpoint or endpoint, config=common)
        self._look_at_bucket()

    def _look_at_bucket(self) -> None:
        try:
            with self._breaker.operation():
                self._client.head_bucket(Bucket=self._bucket)
        except ClientError as error:
            if _status(error) < HTTPStatus.INTERNAL_SERVER_ERROR:
                said = f"S3_BUCKET: the store refuses {self._bucket!r} ({_status(error)})."
                raise SettingsFault(said) from error
            log.warning("store of photos does not answer at start", extra={"status": _status(error)})
        except (BotoCoreError, HTTPClientError) as error:
            log.warning("store of photos does not answer at start", extra={"fault": type(error).__name__})

    @property
    def health(self) -> StoreHealth:
        """Give whether the circuit to the store is closed in this process."""
        return self._breaker.health

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
        self._deleter.close()
        self._signer.close()

    def put(self, key: str, data: bytes) -> None:
        """Put the object, and again where a deletion of the same key may have taken it."""
        until = time.monotonic() + _MARK_AWAITED_S
        with self._breaker.operation(extra_s=len(data) / _LEAST_BYTES_A_SECOND):
            while True:
                self._send(_checked(key), data)
                if not self._marked(key) and self.exists(key):
                    return
                if time.monotonic() > until:
                    log.error("deletion of an object does not end")
                    raise StoreUnavailable(AGAIN)
                time.sleep(_LOOK_AGAIN_S)

    def _send(self, key: str, data: bytes) -> None:
        with self._answering():
            self._client.put_object(Bucket=self._bucket, Key=key, Body=data, ContentMD5=_sum_of(data))

    def put_from(self, key: str, stream: Readable, size: int) -> bool:
        """Read all and put it; what is larger than any photo is put in parts, and is there once all have come.

        No deletion waits for the latter: whoever puts something so large gives it a name that was never there.
        """
        if size > _PART_BYTES:
            return self._put_parts(_checked(key), stream, size)
        data = stream.read(size)
        if len(data) == size:
            self.put(key, data)
        return len(data) == size

    def _put_parts(self, key: str, stream: Readable, size: int) -> bool:
        where = {"Bucket": self._bucket, "Key": key}
        with self._breaker.operation(), self._answering():
            upload = where | {"UploadId": self._client.create_multipart_upload(**where)["UploadId"]}
        try:
            tags = list(self._send_parts(upload, stream, size))
            with self._breaker.operation(), self._answering():
                self._client.complete_multipart_upload(**upload, MultipartUpload={"Parts": tags})
        except BaseException as fault:
            with suppress(StoreUnavailable), self._breaker.operation(), self._answering():
                self._client.abort_multipart_upload(**upload)
            if isinstance(fault, EOFError):
                return False
            raise
        return True

    def _send_parts(self, upload: dict[str, str], stream: Readable, size: int) -> Iterator[dict[str, Any]]:
        for number, begin in enumerate(range(0, size, _PART_BYTES), start=1):
            wanted = min(_PART_BYTES, size - begin)
            data = stream.read(wanted)
            if len(data) != wanted:
                raise EOFError
            extra_s = wanted / _LEAST_BYTES_A_SECOND
            with self._breaker.operation(extra_s=extra_s), self._answering():
                sent = self._client.upload_part(**upload, PartNumber=number, Body=data, ContentMD5=_sum_of(data))
            yield {"PartNumber": number, "ETag": sent["ETag"]}

    def presign_put(self, key: str, *, media_type: str, size: int, seconds: int) -> str:
        """Sign the address, the media type and the length: the store refuses any other."""
        signed = {"Bucket": self._bucket, "Key": _checked(key), "ContentType": media_type, "ContentLength": size}
        address: str = self._signer.generate_presigned_url("put_object", Params=signed, ExpiresIn=seconds)
        return address

    def get(self, key: str) -> bytes:
        """Read the object."""
        with self._breaker.operation(), self._answering():
            body = self._client.get_object(Bucket=self._bucket, Key=_checked(key))["Body"]
            try:
                data: bytes = body.read()
            finally:
                body.close()
        return data

    def open(self, key: str) -> BinaryIO:
        """Read the object, all of it: a photo is small, and a stream that breaks later could not be told of."""
        return io.BytesIO(self.get(key))

    def open_large(self, key: str) -> BinaryIO:
        """Ask for what is read, from where it is read on."""
        size = self.size(key)
        if size is None:
            raise NoSuchObject(key)
        return io.BufferedReader(ObjectStream(self, key, size), _BUFFER_BYTES)

    def ask_from(self, key: str, begin: int) -> Any:
        """Ask for an object from a place on; give the body, of which ``read_on`` reads."""
        with self._breaker.operation(), self._answering():
            return self._client.get_object(Bucket=self._bucket, Key=_checked(key), Range=f"bytes={begin}-")["Body"]

    def read_on(self, body: Any, size: int) -> bytes:
        """Read the next bytes of a body: an operation of its own, as a client may read slowly between them."""
        with self._breaker.operation(), self._answering():
            data: bytes = body.read(size)
        return data

    def size(self, key: str) -> int | None:
        """Ask for the head of the object."""
        head = self._head(key)
        return None if head is None else int(head["ContentLength"])

    def exists(self, key: str) -> bool:
        """Ask for the head of the object."""
        return self._head(key) is not None

    def delete(self, key: str, *, unless_put_since: dt.datetime | None = None) -> bool:
        """Delete the object under a mark, which makes a put of the same key wait."""
        with self._breaker.operation():
            if self._head(key) is None:
                return False
            set_at = time.monotonic()
            self._send(_mark_of(key), b"")
            try:
                return self._delete_marked(key, unless_put_since, set_at)
            finally:
                with self._answering():
                    self._client.delete_object(Bucket=self._bucket, Key=_mark_of(key))

    def _delete_marked(self, key: str, unless_put_since: dt.datetime | None, set_at: float) -> bool:
        head = self._head(key)
        if head is None or (unless_put_since is not None and head["LastModified"] >= unless_put_since):
            return False
        if time.monotonic() - set_at > _MARK_USABLE_S:
            return False
        with self._answering():
            self._deleter.delete_object(Bucket=self._bucket, Key=key)
        return True

    def _marked(self, key: str) -> bool:
        """Say whether a deletion is at work, by the clock of the store; the mark of one that died counts no more."""
        head = self._head(_mark_of(key))
        if head is None:
            return False
        now = _date_of(head)
        return bool(now - head["LastModified"] < _MARK_OBEYED)

    def keys(self, prefix: str) -> Iterator[Stored]:
        """Walk over the objects, a thousand a request."""
        more: dict[str, str] = {}
        while True:
            with self._breaker.operation(), self._answering():
                page = self._client.list_objects_v2(Bucket=self._bucket, Prefix=f"{prefix}/", **more)
            yield from (Stored(found["Key"], found["LastModified"]) for found in page.get("Contents", ()))
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def sizes(self, keys: Collection[str]) -> dict[str, int]:
        """List from each wanted key on what follows it: a request tells of up to a thousand, or of one at least."""
        wanted = sorted(map(_checked, keys))
        found: dict[str, int] = {}
        at = 0
        while at < len(wanted):
            listed, last = self._list_from(wanted[at])
            upto = bisect_right(wanted, last, lo=at)
            found |= {key: listed[key] for key in wanted[at:upto] if key in listed}
            at = upto
        return found

    def _list_from(self, key: str) -> tuple[dict[str, int], str]:
        """Give sizes from a key on, below its prefix, and the last key that they tell of: that one at least."""
        prefix = key.partition("/")[0] + "/"
        # The listing begins behind a key: the one without its last letter stands before it, and hardly any between.
        with self._breaker.operation(), self._answering():
            page = self._client.list_objects_v2(Bucket=self._bucket, Prefix=prefix, StartAfter=key[:-1])
        listed = {one["Key"]: one["Size"] for one in page.get("Contents", ())}
        if min(listed, default=key) <= key[:-1]:
            # A store that does not know how to begin there tells of the first objects again and again.
            head = self._head(key)
            return {} if head is None else {key: head["ContentLength"]}, key
        if not page.get("IsTruncated"):
            return listed, prefix + _LAST
        return listed, max(key, *listed)

    def _head(self, key: str) -> dict[str, Any] | None:
        try:
            with self._breaker.operation(), self._answering():
                head: dict[str, Any] = self._client.head_object(Bucket=self._bucket, Key=_checked(key))
        except NoSuchObject:
            return None
        return head

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Turn what the client raises into what a store says, and count what answers and what does not."""
        try:
            yield
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code in _NOT_FOUND:
                self._breaker.succeeded()
                raise NoSuchObject(code) from error
            log.exception("store of photos refuses", extra={"code": code, "status": _status(error)})
            self._breaker.failed(f"{_status(error)} {code}")
            raise StoreUnavailable(AGAIN) from error
        except (BotoCoreError, HTTPClientError, OSError) as error:
            log.exception("store of photos does not answer", extra={"fault": type(error).__name__})
            self._breaker.failed(type(error).__name__)
            raise StoreUnavailable(AGAIN) from error
        self._breaker.succeeded()


def _sum_of(data: bytes) -> str:
    """Give what the store compares with what came: bytes that were damaged on the way are refused."""
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def _mark_of(key: str) -> str:
    return f"deletions/{key}"


def _checked(key: str) -> str:
    """Give the key. Keys are made by us of digests and sizes; one that a folder would not take is a fault."""
    if key.startswith("/") or ".." in key.split("/"):
        raise ValueError(f"{key!r} is no key")
    return key


def _date_of(head: dict[str, Any]) -> dt.datetime:
    """Give the moment of an answer, which every answer of HTTP has in its header."""
    return parsedate_to_datetime(head["ResponseMetadata"]["HTTPHeaders"]["date"])


def _status(error: ClientError) -> int:
    status: int = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
    return status
