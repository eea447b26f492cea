"""Calling addresses that others have named: against a server on this machine, which the guard is told about or not."""

import datetime as dt
import ipaddress
import re
import socket
import ssl
import threading
from contextlib import contextmanager

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from api.outward.fetching import Answer, FetchFailed, FetchFault, Guard, guarded_get, guarded_post
from api.setting_texts import SettingsError
from api.settings import Settings
from tests.receiver import PATIENCE, deaf_port

KEYS = "application/jwk-set+json"
OWN = Guard(hosts=frozenset({"127.0.0.1", "localhost", "keys.example"}), within_s=PATIENCE)


def asked(line):
    """The whole of one question, in however many packets it comes; nothing when the caller hangs up before."""
    read = bytearray()
    while b"\r\n\r\n" not in read:
        if not (more := line.recv(65536)):
            return b""
        read += more
    head = bytes(read).partition(b"\r\n\r\n")[0]
    length = re.search(rb"(?i)^content-length: (\d+)\r?$", head, re.MULTILINE)
    whole = len(head) + 4 + (int(length[1]) if length else 0)
    while len(read) < whole and (more := line.recv(65536)):
        read += more
    return bytes(read)


@contextmanager
def server(answer: bytes, *, tls=None, hold=False):
    """One connection, answered with these bytes whatever was asked; `heard` is what arrived."""
    heard, release = [], threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            try:
                sock, _ = listening.accept()
                with sock if tls is None else tls.wrap_socket(sock, server_side=True) as line:
                    heard.extend(filter(None, [asked(line)]))
                    line.sendall(answer)
                    if hold:
                        release.wait(PATIENCE)
            except OSError:
                pass  # the caller hung up, which some tests are about

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1], heard
        release.set()
        with socket.socket() as wake:  # where nobody called
            wake.connect_ex(listening.getsockname())
        thread.join(PATIENCE)
    assert not thread.is_alive()


def http(body=b"{}", status="200 OK", kind=KEYS, length=None, more=""):
    length = len(body) if length is None else length
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{more}\r\n".encode() + body
    )


def fault_of(url, guard=OWN, method=guarded_get):
    with pytest.raises(FetchFailed) as failed:
        method(url, KEYS, guard=guard)
    return failed.value.fault


def test_a_host_the_operator_named_on_this_machine_is_called_by_plain_http():
    with server(http(b'{"keys":[]}', kind=f"{KEYS}; charset=utf-8")) as (port, heard):
        answer = guarded_get(f"http://127.0.0.1:{port}/jwks?v=1", KEYS, guard=OWN)

    assert answer == Answer(status=200, content_type=KEYS, body=b'{"keys":[]}')
    assert heard[0].startswith(b"GET /jwks?v=1 HTTP/1.1\r\n")
    assert f"Host: 127.0.0.1:{port}\r\n".encode() in heard[0]


def test_a_body_is_sent_with_its_headers():
    with server(http(b"", status="202 Accepted")) as (port, heard):
        url = f"http://127.0.0.1:{port}/events"
        answer = guarded_post(url, b"eyJ", {"Content-Type": "application/secevent+jwt"}, guard=OWN)

    assert answer.status == 202
    assert heard[0].startswith(b"POST /events HTTP/1.1\r\n")
    assert b"Content-Type: application/secevent+jwt\r\n" in heard[0]
    assert heard[0].endswith(b"\r\n\r\neyJ")


def test_without_the_operators_word_this_machine_is_never_called():
    with server(http()) as (port, heard):
        assert fault_of(f"https://127.0.0.1:{port}/", Guard()) is FetchFault.FORBIDDEN_ADDRESS
        assert fault_of(f"https://localhost:{port}/", Guard()) is FetchFault.FORBIDDEN_ADDRESS
        assert fault_of(f"http://127.0.0.1:{port}/", Guard()) is FetchFault.BAD_URL

    assert heard == []


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "0"])
def test_this_machine_in_disguise_is_never_called(host):
    assert fault_of(f"https://{host}/", Guard()) in {FetchFault.FORBIDDEN_ADDRESS, FetchFault.UNREACHABLE}


def test_one_bad_address_among_good_ones_refuses_the_name():
    guard = Guard(resolve=lambda *_: ["93.184.216.34", "10.0.0.1"])

    assert fault_of("https://two-faced.example/", guard) is FetchFault.FORBIDDEN_ADDRESS


def test_a_name_is_resolved_once_and_the_connection_goes_where_the_look_went(certified):
    names = []

    def rebinding(host, port):
        names.append(host)
        return ["127.0.0.1"] if len(names) == 1 else ["10.0.0.1"]

    own = Guard(hosts=OWN.hosts, resolve=rebinding, trust=certified.trusting())
    with server(http(), tls=certified.serving()) as (port, heard):
        answer = guarded_get(f"https://keys.example:{port}/", KEYS, guard=own)

    assert answer.status == 200
    assert names == ["keys.example"]
    assert f"Host: keys.example:{port}\r\n".encode() in heard[0]


def test_plain_http_is_for_this_machine_only_even_for_a_host_the_operator_named():
    guard = Guard(hosts=frozenset({"keys.example"}), resolve=lambda *_: ["10.0.0.1"])

    assert fault_of("http://keys.example/", guard) is FetchFault.FORBIDDEN_ADDRESS


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://a.example/",
        "file:///etc/passwd",
        "//a.example/",
        "https:///keys",
        "https://",
        "https://user@a.example/",
        "https://user:pass@a.example/",
        "https://a.example:0/",
        "https://a.example:99999/",
        "https://a.example:x/",
        "https://a.example/#part",
        "https://a.example/ x",
        "https://a.example/\r\nX: y",
        "https://a\\@b.example/",
        "https://%31%32%37.0.0.1/",
        "https://[::1/",
        "https://exämple.com/",
        "HTTPS://a.example/" + "a" * 3000,
        "http://a.example/",
    ],
)
def test_what_is_no_plain_https_address_is_not_even_resolved(url):
    guard = Guard(resolve=lambda *_: pytest.fail("resolved"))

    assert fault_of(url, guard) is FetchFault.BAD_URL


def test_a_redirect_is_an_answer_and_is_not_followed():
    with server(http(b"", status="302 Found", more="Location: http://169.254.169.254/\r\n")) as (port, _):
        assert guarded_get(f"http://127.0.0.1:{port}/", KEYS, guard=OWN).status == 302


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (http(b"x" * 65537), FetchFault.TOO_LARGE),
        (http(b"", length=10**12), FetchFault.TOO_LARGE),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 70000, FetchFault.TOO_LARGE),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n11170\r\n" + b"x" * 70000,
            FetchFault.TOO_LARGE,
        ),
        (http(b'{"keys"', length=20), FetchFault.BROKEN),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n14\r\nxx", FetchFault.BROKEN),
        (b"SSH-2.0-OpenSSH\r\n", FetchFault.BROKEN),
        (b"", FetchFault.BROKEN),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n", FetchFault.BROKEN),
    ],
)
def test_an_answer_that_is_too_large_or_broken_is_none(answer, fault):
    with server(answer) as (port, _):
        assert fault_of(f"http://127.0.0.1:{port}/") is fault


def test_an_answer_of_exactly_the_limit_is_taken():
    with server(http(b"x" * 65536)) as (port, _):
        assert len(guarded_get(f"http://127.0.0.1:{port}/", KEYS, guard=OWN).body) == 65536


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\nContent-Le", http(b"{", length=2)])
def test_whoever_never_finishes_answering_is_left_after_the_time(begun):
    hasty = Guard(hosts=OWN.hosts, within_s=0.2)
    with server(begun, hold=True) as (port, _):
        assert fault_of(f"http://127.0.0.1:{port}/", hasty) is FetchFault.TIMEOUT


def test_nobody_there_is_unreachable():
    with deaf_port() as port:
        assert fault_of(f"http://127.0.0.1:{port}/") is FetchFault.UNREACHABLE
    assert fault_of("https://nowhere.invalid/", Guard(resolve=lambda *_: [])) is FetchFault.UNREACHABLE


def test_a_certificate_of_nobody_we_trust_or_for_another_name_is_refused(certified):
    url = "https://{}:{}/"
    with server(http(), tls=certified.serving()) as (port, heard):
        assert fault_of(url.format("127.0.0.1", port)) is FetchFault.UNREACHABLE
        assert heard == []
    with server(http(), tls=certified.serving()) as (port, heard):
        own = Guard(hosts=OWN.hosts, trust=certified.trusting())
        assert fault_of(url.format("localhost", port), own) is FetchFault.UNREACHABLE
        assert heard == []


def test_no_proxy_of_the_environment_is_asked(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1/")
    with server(http()) as (port, _):
        assert guarded_get(f"http://127.0.0.1:{port}/", KEYS, guard=OWN).status == 200


def test_the_operators_exceptions_are_none_until_they_are_set(tmp_path):
    home = {"PERUSAL_HOME": str(tmp_path)}

    assert Settings.from_mapping(home).guard.hosts == frozenset()
    named = Settings.from_mapping(home | {"PERUSAL_INTERNAL_HOSTS": "keys.intranet,127.0.0.1"})
    assert named.guard.hosts == {"keys.intranet", "127.0.0.1"}
    for wrong in ("*", "a,", "https://a", "A b"):
        with pytest.raises(SettingsError):
            Settings.from_mapping(home | {"PERUSAL_INTERNAL_HOSTS": wrong})


class Certified:
    """A self-signed certificate for `keys.example` and 127.0.0.1, to serve with and to trust."""

    def __init__(self, folder):
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "perusal test")])
        names = [x509.DNSName("keys.example"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        today = dt.datetime.now(dt.UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(today - dt.timedelta(days=1))
            .not_valid_after(today + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(key, hashes.SHA256())
        )
        self.file = folder / "both.pem"
        plain = serialization.NoEncryption()
        self.file.write_bytes(
            made.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        )

    def serving(self):
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(self.file)
        return tls

    def trusting(self):
        return ssl.create_default_context(cafile=self.file)


@pytest.fixture(scope="module")
def certified(tmp_path_factory):
    return Certified(tmp_path_factory.mktemp("tls"))
