"""The direct way to S3: a request as S3 wants it, and whatever goes wrong is left to the SDK."""

from __future__ import annotations

import base64
import datetime
import hashlib
import ssl
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSPreparedRequest, AWSRequest, AWSResponse
from botocore.config import Config
from botocore.credentials import Credentials
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from moto.core.botocore_stubber import MockRawResponse

from pixelgate.aws.meter import RequestMeter
from pixelgate.errors import NotFound, TooLarge
from pixelgate.ports import Listed
from pixelgate.storage.s3 import S3Objects
from pixelgate.storage.s3_direct import DirectS3

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEY, BODY = "images/shop/ä b+c%20.png", b"pixels" * 1_000
PATH = "/shots/images/shop/%C3%A4%20b%2Bc%2520.png"
CRC32 = base64.b64encode(zlib.crc32(BODY).to_bytes(4)).decode()
SHA256 = base64.b64encode(hashlib.sha256(BODY).digest()).decode()
GONE = b"<Error><Code>NoSuchKey</Code></Error>"
NO_BUCKET = b"<Error><Code>NoSuchBucket</Code></Error>"
WHO = Credentials("AKIDEXAMPLE", "secret", "token")


@dataclass(frozen=True)
class Said:
    """An answer; `promised` is what it says of its length."""

    status: int = 200
    body: bytes = BODY
    fields: dict[str, str] = field(default_factory=dict)
    promised: int | None = None


@dataclass
class Asked:
    method: str
    path: str
    fields: dict[str, str]
    body: bytes


class S3Server(ThreadingHTTPServer):
    """Gives its answers in turn, the last one for ever, and keeps what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = [Said()]
        self.asked: list[Asked] = []
        self.connections = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: S3Server

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append(
            Asked(self.command, self.path, {n.lower(): v for n, v in self.headers.items()}, body)
        )
        answers = self.server.answers
        said = answers.pop(0) if len(answers) > 1 else answers[0]
        self.send_response(said.status)
        length = len(said.body) if said.promised is None else said.promised
        for name, value in {"ETag": '"e"', "Content-Length": str(length), **said.fields}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(said.body)
        self.close_connection = said.promised is not None

    do_GET = do_PUT = _answer  # noqa: N815 - as the library calls them

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def server() -> Iterator[S3Server]:
    with S3Server() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def client(server: S3Server) -> S3Client:
    return client_of(server.url)


def client_of(url: str) -> S3Client:
    """The SDK's, which asks once."""
    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=WHO.access_key,
        aws_secret_access_key=WHO.secret_key,
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )


@pytest.fixture
def direct(client: S3Client) -> Iterator[DirectS3]:
    direct = DirectS3(client, "shots", WHO)
    yield direct
    direct.close()


@pytest.fixture
def objects(client: S3Client, direct: DirectS3) -> S3Objects:
    return S3Objects(client, "shots", direct)


def test_a_read_is_one_signed_request(server: S3Server, direct: DirectS3) -> None:
    assert direct.get(KEY) == (BODY, '"e"')
    [asked] = server.asked
    assert (asked.method, asked.path) == ("GET", PATH)
    assert asked.fields["x-amz-checksum-mode"] == "ENABLED"
    assert asked.fields["authorization"] == signed_by_the_sdk(asked, server)
    assert asked.fields["x-amz-security-token"] == "token"


def test_a_write_is_one_request_whose_body_is_signed(server: S3Server, direct: DirectS3) -> None:
    server.answers = [Said(body=b"")]
    assert direct.put(KEY, BODY, "image/png") is True
    [asked] = server.asked
    assert (asked.method, asked.path, asked.body) == ("PUT", PATH, BODY)
    assert asked.fields["content-type"] == "image/png"
    assert asked.fields["x-amz-checksum-crc32"] == CRC32
    assert asked.fields["x-amz-content-sha256"] == hashlib.sha256(BODY).hexdigest()
    assert asked.fields["authorization"] == signed_by_the_sdk(asked, server)


def signed_by_the_sdk(asked: Asked, server: S3Server) -> str:
    """What the SDK would sign what was received with."""

    class At(S3SigV4Auth):
        def _modify_request_before_signing(self, request: AWSRequest) -> None:
            request.context["timestamp"] = asked.fields["x-amz-date"]

    names = asked.fields["authorization"].partition("SignedHeaders=")[2].partition(",")[0]
    fields = {n: v for n, v in asked.fields.items() if n.lower() in names.split(";")}
    request = AWSRequest(asked.method, server.url + asked.path, fields, asked.body)
    At(WHO, "s3", "us-east-1").add_auth(request)
    return str(request.headers["Authorization"])


def test_a_listing_is_one_signed_request_a_page(server: S3Server, objects: S3Objects) -> None:
    token = "1/+= ä"
    server.answers = [Said(body=page("a", "b%20%2B%C3%BC", token=token)), Said(body=page("c"))]
    assert list(objects.list("ä b/")) == [Listed(k, 3, '"e"') for k in ("a", "b +ü", "c")]
    first, second = server.asked
    query = "encoding-type=url&list-type=2&prefix=%C3%A4%20b%2F"
    assert first.path == f"/shots?{query}"
    assert second.path == f"/shots?continuation-token=1%2F%2B%3D%20%C3%A4&{query}"
    for asked in server.asked:
        assert asked.fields["authorization"] == signed_by_the_sdk(asked, server)


def test_a_listing_that_fails_goes_on_by_the_sdk(server: S3Server, objects: S3Objects) -> None:
    server.answers = [
        Said(body=page("a", token="next")),
        Said(503, b"<Error><Code>SlowDown</Code></Error>"),
        Said(body=page("b", token="last")),
        Said(body=b"<ListBucketResult"),
        Said(body=page("c")),
    ]
    assert [o.key for o in objects.list("")] == ["a", "b", "c"]
    tokens = [asked.path.partition("continuation-token=")[2][:4] for asked in server.asked]
    assert tokens == ["", "next", "next", "last", "last"]


def page(*keys: str, token: str = "") -> bytes:
    more = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    found = "".join(
        f"<Contents><Key>{k}</Key><ETag>&quot;e&quot;</ETag><Size>3</Size></Contents>" for k in keys
    )
    space = "http://s3.amazonaws.com/doc/2006-03-01/"
    return f'<ListBucketResult xmlns="{space}">{more}{found}</ListBucketResult>'.encode()


def test_connections_are_used_again(server: S3Server, direct: DirectS3) -> None:
    server.answers = [Said(), Said(404, GONE), Said(body=b""), Said(503, b"slow down"), Said()]
    assert direct.get(KEY)
    with pytest.raises(NotFound):
        direct.get(KEY)
    assert direct.put(KEY, b"", "text/plain")
    assert direct.put(KEY, b"", "text/plain") is False
    assert direct.get(KEY)
    assert server.connections == 1


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(Said(500, b""), id="internal error"),
        pytest.param(Said(503, b"<Error><Code>SlowDown</Code></Error>"), id="slow down"),
        pytest.param(Said(403, b"<Error><Code>ExpiredToken</Code></Error>"), id="expired"),
        pytest.param(Said(301, b""), id="another region"),
        pytest.param(Said(404, NO_BUCKET), id="no bucket"),
        pytest.param(Said(body=BODY[:-1], promised=len(BODY)), id="truncated"),
        pytest.param(Said(fields={"x-amz-checksum-crc32": "AAAAAA=="}), id="wrong CRC-32"),
        pytest.param(Said(fields={"x-amz-checksum-sha256": CRC32}), id="wrong SHA-256"),
        pytest.param(Said(body=b"P" + BODY[1:], fields={"x-amz-checksum-crc32": CRC32}), id="bit"),
    ],
)
def test_what_goes_wrong_is_asked_again_by_the_sdk(
    server: S3Server, direct: DirectS3, objects: S3Objects, said: Said
) -> None:
    server.answers = [said, said, Said()]
    assert direct.get(KEY) is None
    assert objects.read_tagged(KEY) == (BODY, '"e"')
    assert len(server.asked) == 3
    assert "user-agent" in server.asked[2].fields
    assert server.asked[2].fields["user-agent"].startswith("Boto3/")


def test_checksums_of_the_right_bytes_pass(server: S3Server, direct: DirectS3) -> None:
    server.answers = [
        Said(fields={"x-amz-checksum-crc32": CRC32, "x-amz-checksum-sha256": SHA256}),
        Said(fields={"x-amz-checksum-crc32": "AAAAAA==-2"}),  # of two parts
    ]
    assert direct.get(KEY) == (BODY, '"e"')
    assert direct.get(KEY) == (BODY, '"e"')


def test_a_write_that_fails_is_done_by_the_sdk(server: S3Server, objects: S3Objects) -> None:
    server.answers = [Said(503, b"<Error><Code>SlowDown</Code></Error>"), Said(body=b"")]
    objects.write(KEY, BODY, "image/png")
    assert [asked.method for asked in server.asked] == ["PUT", "PUT"]
    assert server.asked[1].fields["user-agent"].startswith("Boto3/")


def test_nobody_there_is_no_error_of_ours(server: S3Server, direct: DirectS3) -> None:
    server.shutdown()
    server.server_close()
    assert direct.get(KEY) is None
    assert direct.put(KEY, BODY, "image/png") is False


def test_a_place_that_cannot_be_reached_is_left_to_the_sdk_for_a_while(
    client: S3Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def connect(self: HTTPConnection) -> None:
        tried.append(now[0])
        raise ConnectionRefusedError

    now = [100.0]
    monkeypatch.setattr(HTTPConnection, "connect", connect)
    direct = DirectS3(client, "shots", WHO, lambda: now[0])
    for now[0] in (100.0, 101.0, 129.0, 131.0):
        assert direct.get(KEY) is None
    assert tried == [100.0, 131.0]


def test_a_connection_that_was_idle_is_not_trusted(server: S3Server, client: S3Client) -> None:
    """S3 may have closed it: Lambda freezes between two invocations."""
    now = [100.0]
    direct = DirectS3(client, "shots", WHO, lambda: now[0])
    for now[0], connections in ((100.0, 1), (103.0, 1), (107.5, 2)):
        assert direct.get(KEY)
        assert server.connections == connections
    direct.close()


def test_over_tls_only_to_whom_the_sdk_trusts(
    server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(own)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    client = client_of(server.url.replace("http:", "https:").replace("127.0.0.1", "localhost"))
    stranger = DirectS3(client, "shots", WHO)
    assert stranger.get(KEY) is None
    assert server.asked == []
    trusted = ssl.create_default_context(cafile=str(own))
    monkeypatch.setattr("pixelgate.storage.s3_direct._trusted", lambda: trusted)
    friend = DirectS3(client, "shots", WHO)
    assert friend.get(KEY) == (BODY, '"e"')
    friend.close()


def certificate(folder: Path) -> Path:
    """A key, and its certificate for localhost that nobody else has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    pem = serialization.Encoding.PEM
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    file.write_bytes(key.private_bytes(pem, *plain) + made.public_bytes(pem))
    return file


def test_missing_and_too_large_need_no_second_request(server: S3Server, objects: S3Objects) -> None:
    server.answers = [Said(404, GONE), Said()]
    with pytest.raises(NotFound, match="images/shop"):
        objects.read(KEY)
    with pytest.raises(TooLarge, match="has 6,000 bytes; 5,999 are allowed"):
        objects.read(KEY, len(BODY) - 1)
    assert objects.read(KEY, len(BODY)) == BODY
    assert len(server.asked) == 3


def test_conditional_writes_are_the_sdk_s(server: S3Server, objects: S3Objects) -> None:
    server.answers = [Said(body=b"")]
    objects.replace(KEY, BODY, "image/png", None)
    [asked] = server.asked
    assert asked.fields["if-none-match"] == "*"
    assert asked.fields["user-agent"].startswith("Boto3/")


def test_every_request_is_counted(server: S3Server, client: S3Client, objects: S3Objects) -> None:
    meter = RequestMeter(128)
    meter.watch(client)
    server.answers = [Said(), Said(503, b""), Said(body=b"")]
    objects.read(KEY)
    objects.write(KEY, BODY, "image/png")
    assert meter.read().requests == {"s3.GetObject": 1, "s3.PutObject": 2}


@pytest.mark.parametrize("bucket", ["shots", "my.shots"])
@pytest.mark.parametrize(
    "region", ["us-east-1", "eu-west-1", "ap-east-1", "cn-north-1", "us-gov-west-1"]
)
def test_a_bucket_is_where_the_sdk_looks_for_it(region: str, bucket: str) -> None:
    asked: list[str] = []

    def answer(request: AWSPreparedRequest, **_: object) -> Any:
        asked.append(request.url)
        fields: Any = {"Content-Length": "0", "ETag": "e"}
        return AWSResponse(request.url, 200, fields, MockRawResponse(b""))

    client = boto3.client(
        "s3", region_name=region, aws_access_key_id="x", aws_secret_access_key="x"
    )
    events: Any = client.meta.events  # whose types know no handler that answers
    events.register("before-send.s3", answer)
    S3Objects(client, bucket).read(KEY)
    S3Objects(client, bucket, DirectS3(client, bucket, WHO)).read(KEY)
    assert asked[0] == asked[1]
    assert len(asked) == 2
