"""S3 by the shortest way, for what is asked of it hundreds of times in a run.

AWS's SDK takes 1.2 ms of a processor for a request, and each pair needs four; this takes 0.13
(docs/decisions/0053). It knows how to do what goes well, and that only. Of all else, be it a
refusal, a broken connection or a wrong checksum, it says None: then the caller asks once more
through the SDK, with its retries, its redirects and its words.
"""

from __future__ import annotations

import base64
import hashlib
import ssl
import time
import zlib
from collections import deque
from collections.abc import Callable, Mapping
from functools import cache
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote, unquote, urlencode, urlsplit
from xml.etree import ElementTree

from botocore.awsrequest import AWSPreparedRequest
from botocore.hooks import first_non_none_response
from botocore.httpsession import get_cert_path

from pixelgate.errors import NotFound, TooLarge
from pixelgate.ports import Listed
from pixelgate.storage.sigv4 import Signer

if TYPE_CHECKING:
    from botocore.credentials import Credentials
    from mypy_boto3_s3 import S3Client

# Less than the SDK waits, as it asks again: together they must not outlive a lease.
_SECONDS = 5.0
_IDLE = 4.0  # after which S3 may have closed a connection
_REST = 30.0  # where nobody could be reached, the SDK is left to it for so long
_CRC32, _SHA256 = "x-amz-checksum-crc32", "x-amz-checksum-sha256"
_DIGESTS: Mapping[str, Callable[[bytes], bytes]] = {
    _CRC32: lambda body: zlib.crc32(body).to_bytes(4),
    _SHA256: lambda body: hashlib.sha256(body).digest(),
}
_NAMES = "{http://s3.amazonaws.com/doc/2006-03-01/}"

Answer = tuple[int, Any, bytes | None]  # status, header fields, body
Page = tuple[list[Listed], str | None]  # and the token of the next one


class DirectS3:
    """One bucket. It may be used by several threads."""

    def __init__(
        self,
        client: S3Client,
        bucket: str,
        credentials: Credentials,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Takes what the SDK has found out: where S3 is, and who asks."""
        self._clock = clock
        self._events: Any = client.meta.events
        self._region = client.meta.region_name
        self._credentials = credentials
        address = _address(client.meta.endpoint_url, bucket)
        self._scheme, self._host, self._path, *_ = urlsplit(address)
        self._connect: Callable[[], HTTPConnection] = (
            (lambda: HTTPSConnection(self._host, timeout=_SECONDS, context=_trusted()))
            if self._scheme == "https"
            else (lambda: HTTPConnection(self._host, timeout=_SECONDS))
        )
        self._free: deque[tuple[HTTPConnection, float]] = deque()
        self._rests_until = 0.0

    def close(self) -> None:
        """Ends the connections that are free."""
        while self._free:
            self._free.pop()[0].close()

    def get(self, key: str, limit: int | None = None) -> tuple[bytes, str] | None:
        """The object's bytes and its ETag.

        Raises:
            NotFound: there is no object.
            TooLarge: it has more bytes than the limit.
        """
        asked = {"x-amz-checksum-mode": "ENABLED"}
        answer = self._ask("GetObject", "GET", f"/{_quoted(key)}", "", asked, b"", limit)
        match answer:
            case HTTPStatus.OK, fields, body if "Content-Length" in fields:
                size = int(fields["Content-Length"])
                if limit is not None and size > limit:
                    raise TooLarge(f"{key} has {size:,} bytes; {limit:,} are allowed")
                if body is not None and len(body) == size and _is_whole(body, fields):
                    return body, fields["ETag"]
            case HTTPStatus.NOT_FOUND, _, bytes(body) if b"<Code>NoSuchKey</Code>" in body:
                raise NotFound(key)
        return None

    def put(self, key: str, body: bytes, content_type: str) -> bool:
        """Puts the object, if it answers True; S3 keeps the checksum for readers."""
        checksum = base64.b64encode(_DIGESTS[_CRC32](body)).decode()
        fields = {"content-type": content_type, _CRC32: checksum}
        answer = self._ask("PutObject", "PUT", f"/{_quoted(key)}", "", fields, body)
        return answer is not None and answer[0] == HTTPStatus.OK

    def page(self, prefix: str, token: str | None) -> Page | None:
        """A page of a listing, and the token of the next one if there is one."""
        asked = {"encoding-type": "url", "list-type": "2", "prefix": prefix}
        if token:
            asked["continuation-token"] = token
        query = urlencode(sorted(asked.items()), quote_via=quote, safe="-_.~")
        match self._ask("ListObjectsV2", "GET", "" if self._path else "/", query, {}, b""):
            case HTTPStatus.OK, _, bytes(body):
                return _listed(body)
        return None

    def _ask(
        self,
        operation: str,
        method: str,
        path: str,
        query: str,
        fields: dict[str, str],
        body: bytes,
        limit: int | None = None,
    ) -> Answer | None:
        """Status, header fields and body; None for the body of a success that exceeds a limit."""
        who: Any = self._credentials.get_frozen_credentials()
        signer = Signer(who.access_key, who.secret_key, who.token, self._region)
        fields["host"] = self._host
        signed = signer.sign(method, self._path + path, query, fields, body, time.time())
        target = f"{self._path}{path}?{query}" if query else self._path + path
        # Whoever watches the SDK's requests, or answers them in a test, is shown ours as well.
        url, any_fields = f"{self._scheme}://{self._host}{target}", cast(Any, signed)
        shown = AWSPreparedRequest(method, url, any_fields, body, stream_output=True)
        said = self._events.emit(f"before-send.s3.{operation}", request=shown)
        if (other := first_non_none_response(said)) is not None:
            return other.status_code, other.headers, other.content
        return self._send(method, target, signed, body, limit)

    def _send(
        self, method: str, target: str, fields: Mapping[str, str], body: bytes, limit: int | None
    ) -> Answer | None:
        connection = self._connected()
        if connection is None:
            return None
        try:
            connection.request(method, target, body or None, fields)
            answer = connection.getresponse()
            size = answer.length
            if answer.status == HTTPStatus.OK and limit is not None and (size or 0) > limit:
                connection.close()
                return answer.status, answer.headers, None
            read = answer.read()
        except (OSError, HTTPException):
            connection.close()
            return None
        self._free.append((connection, self._clock()))
        return answer.status, answer.headers, read

    def _connected(self) -> HTTPConnection | None:
        """A connection that is free, or a new one; None if S3 cannot be reached."""
        now = self._clock()
        while self._free:
            try:
                connection, used = self._free.pop()
            except IndexError:
                break  # another thread was quicker
            if now - used < _IDLE:
                return connection
            connection.close()
        if now < self._rests_until:
            return None
        connection = self._connect()
        try:
            connection.connect()
        except OSError:
            self._rests_until = now + _REST
            return None
        return connection


@cache
def _trusted() -> ssl.SSLContext:
    """The certificates that the SDK trusts; to read them takes 15 ms, so at the first request."""
    return ssl.create_default_context(cafile=get_cert_path(True))


def _address(endpoint: str, bucket: str) -> str:
    """Where the bucket is: AWS wants its name within the host's, where it can stand there."""
    scheme, _, host = endpoint.partition("://")
    if "." not in bucket and host.endswith((".amazonaws.com", ".amazonaws.com.cn")):
        return f"{scheme}://{bucket}.{host}"
    return f"{endpoint}/{bucket}"


def _quoted(key: str) -> str:
    return quote(key, safe="/-_.~")


def _is_whole(body: bytes, fields: Mapping[str, str]) -> bool:
    """Whether the checksums that S3 has of the object are those of the body."""
    return all(
        fields[name] == base64.b64encode(digest(body)).decode()
        for name, digest in _DIGESTS.items()
        # "-4" at the end: of four parts' checksums, which the SDK passes by as well.
        if name in fields and "-" not in fields[name]
    )


def _listed(body: bytes) -> Page | None:
    try:
        page = ElementTree.fromstring(body)  # noqa: S314 - S3's own, as the SDK parses it too
    except ElementTree.ParseError:
        return None
    found = [
        Listed(
            unquote(one.findtext(f"{_NAMES}Key", "")),
            int(one.findtext(f"{_NAMES}Size", "0")),
            one.findtext(f"{_NAMES}ETag", ""),
        )
        for one in page.iterfind(f"{_NAMES}Contents")
    ]
    return found, page.findtext(f"{_NAMES}NextContinuationToken")
