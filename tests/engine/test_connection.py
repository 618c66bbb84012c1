"""Getting in: once, quickly, by what was asked for, and without telling secrets."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
import time
import traceback
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from tests.proxy import Proxy, saying
from tests.servers import GENERATIONS, HOST, Server, free_port
from tui.engine import connection
from tui.engine.address import Address, Tls
from tui.engine.clock import SystemClock
from tui.engine.commands import exchange
from tui.engine.connection import connect, explain
from tui.engine.failure import Failure, Kind, Unavailable
from tui.engine.footprint import Footprint
from tui.engine.link import Link
from tui.engine.printable import is_safe
from tui.engine.reach.names import Found, addresses
from tui.settings import Settings

PASSWORD = "open sesame"

CANARIES = [
    "canary",
    "canary with spaces and ünïcode €",
    "canary\r\nFLUSHALL\r\n",
    "%s{0}%(x)s canary\\",
    "\"canary'`$(id)`",
    "\x1b]52;c;aGk=\x07canary\x00",
    "canary\udcff\udc80",
    "rediss://canary:pw@host:1/2?x#y",
    "CANARY",
    "c",
]


@asynccontextmanager
async def connected(address: Address) -> AsyncIterator[Link]:
    link = Link(SystemClock(), Footprint(), lambda failure: None)
    await connect(address, link)
    try:
        yield link
    finally:
        link.drop(Failure(Kind.LOST, "the test is over"))


async def refusal(address: Address) -> Failure:
    """Return why the connection cannot be made, or (where only the first question tells) used."""
    with pytest.raises(Unavailable) as caught:
        async with connected(address) as link:
            await link.ask(exchange([b"PING"]))
    assert is_safe(caught.value.failure.sentence)
    return caught.value.failure


def at(port: int, **rest: object) -> Address:
    return Address(HOST, port, **rest)  # type: ignore[arg-type]


@pytest.fixture
def locked(server: Server) -> Server:
    """Every generation, with a password and a user `ops` who has the same one."""
    server.ask("ACL", "SETUSER", "ops", "on", f">{PASSWORD}", "~*", "+@all", "-client")
    server.ask("ACL", "SETUSER", "spy", "on", "nopass", "~*", "+@all")
    server.ask("ACL", "SETUSER", "fixed", "on", f">{PASSWORD}", "~*", "+@all", "-select")
    server.ask("CONFIG", "SET", "requirepass", PASSWORD)
    return server


def as_spy(server: Server, *command: str) -> object:
    return server.ask_all([("AUTH", "spy", "x"), command])[1]


def failed_logins(server: Server) -> int:
    entries = as_spy(server, "ACL", "LOG")
    assert isinstance(entries, list)
    told = [dict(zip(entry[::2], entry[1::2], strict=True)) for entry in entries]
    return sum(int(entry[b"count"]) for entry in told if entry[b"reason"] == b"auth")


# --- logging in


@pytest.mark.parametrize("user", [None, "default", "ops"])
async def test_the_right_password_opens(locked: Server, user: str | None) -> None:
    async with connected(at(locked.port, username=user, password=PASSWORD)) as link:
        assert (await link.ask(exchange([b"PING"]))).replies == [b"PONG"]
    assert failed_logins(locked) == 0


@pytest.mark.parametrize("user", [None, "ops", "nobody"])
async def test_a_wrong_password_is_tried_exactly_once(locked: Server, user: str | None) -> None:
    failure = await refusal(at(locked.port, username=user, password="wrong"))
    assert failure.kind is Kind.AUTH
    assert (user or "default") in failure.sentence
    assert failed_logins(locked) == 1


@pytest.mark.parametrize("db", [0, 3])
async def test_without_the_password_it_says_how_to_give_one(locked: Server, db: int) -> None:
    address = at(locked.port, db=db)
    if db:
        failure = await refusal(address)
        assert failure.kind is Kind.AUTH
        assert "--askpass" in failure.sentence
    else:
        async with connected(address) as link:  # nothing had to be sent yet
            (reply,) = (await link.ask(exchange([b"INFO"]))).replies
            assert reply.code == "NOAUTH"


async def test_a_user_without_a_password_is_asked_for_one(locked: Server) -> None:
    failure = await refusal(at(locked.port, username="ops"))
    assert failure.kind is Kind.AUTH
    assert "--askpass" in failure.sentence


async def test_a_password_that_nobody_wants_is_named_as_the_trouble(server: Server) -> None:
    failure = await refusal(at(server.port, password="wrong"))
    assert failure.kind is Kind.AUTH
    assert "has no password" in failure.sentence


@pytest.mark.parametrize("password", [*CANARIES, "x" * 10_000])
async def test_any_password_can_open(valkey: Server, password: str) -> None:
    valkey.ask("CONFIG", "SET", "requirepass", password.encode("utf-8", "surrogateescape"))
    async with connected(at(valkey.port, password=password)) as link:
        assert (await link.ask(exchange([b"PING"]))).replies == [b"PONG"]


async def test_the_database_asked_for_is_the_one_that_is_read(server: Server) -> None:
    server.ask_all([("SELECT", 15), ("SET", "x", "y")])
    async with connected(at(server.port, db=15)) as link:
        assert (await link.ask(exchange([b"DBSIZE"]))).replies == [1]
    async with connected(at(server.port)) as link:
        assert (await link.ask(exchange([b"DBSIZE"]))).replies == [0]


@pytest.mark.parametrize("db", [16, 99_999, 10**30])
async def test_a_database_that_does_not_exist_is_named(server: Server, db: int) -> None:
    failure = await refusal(at(server.port, db=db))
    assert failure.kind is Kind.DATABASE
    assert str(db) in failure.sentence


async def test_a_user_who_may_not_select_is_told_which_rule_is_missing(locked: Server) -> None:
    failure = await refusal(at(locked.port, username="fixed", password=PASSWORD, db=1))
    assert failure.kind is Kind.DENIED
    assert "+select" in failure.sentence


async def test_the_connection_speaks_resp2_and_sends_nothing_but_what_was_asked(locked: Server) -> None:
    locked.ask_all([("AUTH", PASSWORD), ("XADD", "stream", "1-1", "f", "v"), ("CONFIG", "RESETSTAT")])
    async with connected(at(locked.port, username="ops", password=PASSWORD, db=0)) as link:
        (reply,) = (await link.ask(exchange([b"XINFO", b"STREAM", b"stream"]))).replies
    assert reply[:2] == [b"length", 1], "a flat list of names and values"
    info = as_spy(locked, "INFO", "commandstats")
    assert isinstance(info, bytes)
    sent = {line.split(b":")[0] for line in info.split(b"\r\n") if line.startswith(b"cmdstat_")}
    assert sent == {b"cmdstat_auth", b"cmdstat_xinfo|stream", b"cmdstat_config|resetstat"} or sent == {
        b"cmdstat_auth",
        b"cmdstat_xinfo",
        b"cmdstat_config",
    }, "no HELLO, no CLIENT SETINFO, no SELECT of the database one is in anyway"


async def test_a_unix_socket_works_as_well(tmp_path: Path) -> None:
    path = tmp_path / "redis.sock"
    with Server("valkey-9.1", "--unixsocket", str(path)) as server:
        server.ask("SET", "x", "y")
        server.ask("CONFIG", "SET", "requirepass", PASSWORD)
        async with connected(Address(socket_path=str(path), password=PASSWORD)) as link:
            told, size = (await link.ask(exchange([b"INFO", b"commandstats"], [b"DBSIZE"]))).replies
            assert size == 1
            assert b"cmdstat_auth:calls=1," in told, "logged in once"


# --- nobody there, or somebody else


async def test_nobody_listening_is_refused(tmp_path: Path) -> None:
    assert (await refusal(at(free_port()))).kind is Kind.REFUSED
    assert (await refusal(Address("localhost", free_port()))).kind is Kind.REFUSED
    assert (await refusal(Address(socket_path=str(tmp_path / "none.sock")))).kind is Kind.REFUSED
    (tmp_path / "old.sock").touch()
    assert (await refusal(Address(socket_path=str(tmp_path / "old.sock")))).kind is Kind.REFUSED


async def test_a_name_with_two_addresses_is_reached_at_the_one_that_listens(
    valkey: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def two(host: str, port: int) -> Sequence[Found]:
        return [found for host in ("127.0.0.2", HOST) for found in await addresses(host, port)]

    monkeypatch.setattr(connection, "addresses", two)
    async with connected(Address("two.example", valkey.port)) as link:
        assert (await link.ask(exchange([b"PING"]))).replies == [b"PONG"]
    assert (await refusal(Address("two.example", free_port()))).kind is Kind.REFUSED


@pytest.mark.parametrize(
    "host", ["no-such-host.invalid", "a..b", "x" * 64 + ".example", "nul\x00byte", "sp ace", "ü\udcff"]
)
async def test_an_unknown_host_is_named(host: str) -> None:
    failure = await refusal(Address(host))
    assert failure.kind is Kind.UNKNOWN_HOST


@pytest.mark.parametrize("number", [errno.ENETUNREACH, errno.EHOSTUNREACH])
def test_a_host_that_no_way_leads_to_is_no_lost_connection(number: int) -> None:
    failure = explain(OSError(number, "text that differs by system"), Address("far.example"))
    assert failure == Failure(Kind.TIMEOUT, "no way leads to far.example:6379 from here")


@pytest.fixture
def black_hole() -> Iterator[int]:
    """A port that lets connections in and never says a word."""
    with socket.socket() as silent:
        silent.bind((HOST, 0))
        silent.listen(16)
        yield silent.getsockname()[1]


@pytest.fixture
def full_backlog() -> Iterator[int]:
    """A port where not even the connection is confirmed any more."""
    with socket.socket() as silent:
        silent.bind((HOST, 0))
        silent.listen(0)
        fillers = [socket.socket() for _ in range(8)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(silent.getsockname())
        yield silent.getsockname()[1]
        for filler in fillers:
            filler.close()


@pytest.mark.parametrize(
    ("rest", "kind"),
    [({"password": "x"}, Kind.TIMEOUT), ({"db": 1}, Kind.TIMEOUT), ({"tls": Tls(insecure=True)}, Kind.TLS)],
    ids=["password", "database", "tls"],
)
async def test_a_black_hole_is_given_up_in_time(black_hole: int, rest: dict[str, object], kind: Kind) -> None:
    started = time.monotonic()
    failure = await refusal(at(black_hole, **rest))
    assert failure.kind is kind
    assert "not answer" in failure.sentence
    assert time.monotonic() - started < 2.5


async def test_a_connection_that_is_never_confirmed_is_given_up_in_time(full_backlog: int) -> None:
    started = time.monotonic()
    failure = await refusal(at(full_backlog, password="x"))
    assert failure.kind is Kind.TIMEOUT
    assert time.monotonic() - started < 2.5


async def test_a_cancelled_attempt_leaves_nothing_open(black_hole: int, valkey: Server) -> None:
    for address in (at(black_hole, password="x"), at(black_hole, tls=Tls(insecure=True)), at(valkey.port)):
        task = asyncio.ensure_future(refusal(address))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    # An unclosed transport would be a ResourceWarning, and warnings are errors in these tests.


async def test_a_server_that_hangs_up_during_the_login_is_lost() -> None:
    async with saying(closing=True) as port:
        assert (await refusal(at(port, password="x"))).kind is Kind.LOST


@pytest.mark.parametrize("said", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x00\x00\x00"])
async def test_a_password_is_not_accepted_by_what_is_no_redis(said: bytes) -> None:
    async with saying(to_anything=said) as port:
        assert (await refusal(at(port, password="x"))).kind is Kind.PROTOCOL
        assert (await refusal(at(port))).kind is Kind.PROTOCOL


async def test_a_full_server_is_named_while_logging_in() -> None:
    async with saying(to_anything=b"-ERR max number of clients reached\r\n") as port:
        assert (await refusal(at(port, password="x"))).kind is Kind.FULL
        assert (await refusal(at(port, db=1))).kind is Kind.FULL


# --- TLS


class Authority:
    """A certificate authority with its file, and servers' contexts that it vouches for."""

    def __init__(self, folder: Path) -> None:
        self.authority = trustme.CA()
        self.file = str(folder / "ca.pem")
        self.authority.cert_pem.write_to_path(self.file)
        self.names: list[str | None] = []
        """What clients asked for by SNI."""

    def context(self, *names: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert(*names).configure_cert(context)
        context.sni_callback = lambda _, name, __: self.names.append(name)
        return context


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def other_authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("other"))


def over_tls(port: int, host: str = "localhost", **tls: object) -> Address:
    return Address(host, port, tls=Tls(**tls))  # type: ignore[arg-type]


async def test_a_trusted_certificate_opens_and_all_goes_through_it(server: Server, authority: Authority) -> None:
    server.ask("SET", "x", "y" * 100_000)
    async with Proxy(server.port, tls=authority.context("localhost", HOST)) as proxy:
        for host in ("localhost", HOST):
            async with connected(over_tls(proxy.port, host, ca_file=authority.file)) as link:
                replies = (await link.ask(exchange([b"INFO"], [b"DBSIZE"]))).replies
                assert replies[1] == 1
    assert authority.names == ["localhost", None], "an address is no name to ask for"


async def test_an_unknown_authority_is_not_trusted(authority: Authority, other_authority: Authority) -> None:
    async with saying(to_anything=b"+PONG\r\n", tls=authority.context("localhost")) as port:
        for address in (over_tls(port), over_tls(port, ca_file=other_authority.file)):
            failure = await refusal(address)
            assert failure.kind is Kind.TLS
            assert "not trusted" in failure.sentence
            assert "--cacert" in failure.sentence


@pytest.mark.parametrize(("days", "hint"), [((-20, -1), "has expired"), ((2, 20), "not valid yet")])
async def test_a_certificate_out_of_its_time_is_not_trusted(
    authority: Authority, days: tuple[int, int], hint: str
) -> None:
    begin, end = (datetime.now(UTC) + timedelta(days=number) for number in days)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.authority.issue_cert("localhost", not_before=begin, not_after=end).configure_cert(context)
    async with saying(to_anything=b"+PONG\r\n", tls=context) as port:
        failure = await refusal(over_tls(port, ca_file=authority.file))
        assert failure.kind is Kind.TLS
        assert hint in failure.sentence


async def test_a_certificate_for_another_name_is_not_trusted(authority: Authority) -> None:
    async with saying(to_anything=b"+PONG\r\n", tls=authority.context("other.example")) as port:
        failure = await refusal(over_tls(port, ca_file=authority.file))
        assert failure.kind is Kind.TLS
        assert "another name" in failure.sentence
        assert "--sni" in failure.sentence
        failure = await refusal(over_tls(port, ca_file=authority.file, server_name="third.example"))
        assert failure.kind is Kind.TLS
    assert authority.names == ["localhost", "third.example"]


async def test_the_name_given_by_sni_is_asked_for_and_checked(authority: Authority) -> None:
    async with (
        saying(to_anything=b"+PONG\r\n", tls=authority.context("other.example")) as port,
        connected(over_tls(port, ca_file=authority.file, server_name="other.example")) as link,
    ):
        assert (await link.ask(exchange([b"PING"]))).replies == [b"PONG"]
    assert authority.names == ["other.example"]


@pytest.mark.parametrize("name", [None, "any.example"])
async def test_insecure_takes_any_certificate_and_still_asks_for_the_name(
    authority: Authority, name: str | None
) -> None:
    async with (
        saying(to_anything=b"+PONG\r\n", tls=authority.context("other.example")) as port,
        connected(over_tls(port, insecure=True, server_name=name)) as link,
    ):
        assert (await link.ask(exchange([b"PING"]))).replies == [b"PONG"]
    assert authority.names == [name or "localhost"]


async def test_a_ca_file_replaces_the_authorities_of_the_system(
    authority: Authority, other_authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", authority.file)
    async with saying(to_anything=b"+PONG\r\n", tls=authority.context("localhost")) as port:
        async with connected(over_tls(port)) as link:
            assert (await link.ask(exchange([b"PING"]))).replies == [b"PONG"]
        assert (await refusal(over_tls(port, ca_file=other_authority.file))).kind is Kind.TLS


async def test_tls_to_a_plain_port_is_named(server: Server) -> None:
    failure = await refusal(over_tls(server.port, insecure=True))
    assert failure.kind is Kind.TLS
    assert "--tls" in failure.sentence


@pytest.mark.parametrize("password", [None, "x"])
async def test_a_plain_connection_to_a_tls_port_fails_in_time(authority: Authority, password: str | None) -> None:
    async with saying(to_anything=b"+PONG\r\n", tls=authority.context("localhost")) as port:
        started = time.monotonic()
        failure = await refusal(at(port, password=password))
        assert failure.kind in {Kind.TLS, Kind.LOST, Kind.PROTOCOL}
        assert time.monotonic() - started < 2.5


async def test_the_alert_of_a_tls_port_is_understood() -> None:
    async with saying(to_anything=b"\x15\x03\x01\x00\x02\x02\x46") as port:
        failure = await refusal(at(port))
        assert failure.kind is Kind.TLS
        assert "--tls" in failure.sentence


@pytest.fixture
def own_certificate(authority: Authority, tmp_path: Path) -> tuple[str, str, str]:
    """Files of a client: certificate, its key, and the same key encrypted."""
    issued = authority.authority.issue_cert("client")
    cert, key, locked = (str(tmp_path / name) for name in ("cert.pem", "key.pem", "locked.pem"))
    issued.cert_chain_pems[0].write_to_path(cert)
    issued.private_key_pem.write_to_path(key)
    private = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
    encryption = serialization.BestAvailableEncryption(b"secret")
    form = serialization.PrivateFormat.TraditionalOpenSSL
    Path(locked).write_bytes(private.private_bytes(serialization.Encoding.PEM, form, encryption))
    return cert, key, locked


@pytest.fixture
def tls_port(authority: Authority, own_certificate: tuple[str, str, str]) -> Iterator[int]:
    """The TLS port of a real server that wants a client certificate, as Redis does by default."""
    cert, key, _ = own_certificate
    files = ("--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", authority.file)
    port = free_port()
    for generation in [name for name, program in GENERATIONS.items() if program]:
        try:
            with Server(generation, "--tls-port", str(port), *files):
                yield port
                return
        except AssertionError:
            continue  # built without TLS
    pytest.skip("no server of this machine was built with TLS")


@pytest.mark.parametrize("password", [None, "x"])
async def test_a_client_certificate_is_shown_to_who_wants_one(
    authority: Authority, own_certificate: tuple[str, str, str], tls_port: int, password: str | None
) -> None:
    cert, key, _ = own_certificate
    tls = Tls(ca_file=authority.file, cert_file=cert, key_file=key, server_name="client")
    async with connected(Address("localhost", tls_port, tls=tls)) as link:
        assert (await link.ask(exchange([b"PING"]))).replies == [b"PONG"]
    without = Tls(ca_file=authority.file, server_name="client")
    failure = await refusal(Address("localhost", tls_port, password=password, tls=without))
    assert failure.kind in {Kind.TLS, Kind.LOST}, "the alert is lost when the server's reset overtakes it"
    assert "--cert" in failure.sentence
    failure = await refusal(at(tls_port, password=password))
    assert failure.kind is Kind.LOST
    assert "--tls" in failure.sentence, "a plain connection is closed without a word"


async def test_tls_files_that_are_of_no_use_are_named_and_nothing_is_asked_on_the_terminal(
    valkey: Server, authority: Authority, own_certificate: tuple[str, str, str], tmp_path: Path
) -> None:
    cert, key, locked = own_certificate
    (tmp_path / "junk.pem").write_text("junk")
    (tmp_path / "cut.pem").write_text("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")
    authority.authority.issue_cert("client").private_key_pem.write_to_path(str(tmp_path / "foreign.pem"))
    junk, cut, foreign, missing = (str(tmp_path / f"{name}.pem") for name in ("junk", "cut", "foreign", "missing"))
    folder = str(tmp_path)
    for tls, option, hint in (
        (Tls(ca_file=missing), "--cacert", "No such file"),
        (Tls(ca_file=folder), "--cacert", "directory"),
        (Tls(ca_file=junk), "--cacert", "no certificate"),
        (Tls(ca_file=cut), "--cacert", ""),
        (Tls(cert_file=missing, key_file=key), "--cert", "No such file"),
        (Tls(cert_file=junk, key_file=key), "--cert", "no certificate"),
        (Tls(cert_file=cut, key_file=key), "--cert", ""),
        (Tls(cert_file=cert), "--cert", "--key"),
        (Tls(cert_file=cert, key_file=missing), "--key", "No such file"),
        (Tls(cert_file=cert, key_file=junk), "--key", "no private key"),
        (Tls(cert_file=cert, key_file=locked), "--key", "encrypted"),
        (Tls(cert_file=cert, key_file=foreign), "--key", "another certificate"),
    ):
        failure = await refusal(Address("localhost", valkey.port, tls=tls))
        assert failure.kind is Kind.TLS
        assert failure.sentence.startswith(f"{option} "), tls
        assert hint in failure.sentence, tls


# --- secrets and hostile text

Trouble = Callable[[int], Address]


@pytest.mark.parametrize("password", CANARIES[:-1])
async def test_the_password_is_in_no_sentence_no_repr_and_no_log(
    locked: Server, password: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told: list[str] = []
    raw = password.encode("utf-8", "surrogateescape")
    echo = raw.replace(b"\r\n", b" ")
    said = [b"-" + echo, b"-ERR unknown command `AUTH`, with args beginning with: `" + echo + b"`", b"+" + echo]

    async def collect(address: Address) -> None:
        settings = Settings(address=address)
        told.extend([repr(address), str(address), address.label, repr(settings), str(settings)])
        with pytest.raises(Unavailable) as caught:
            async with connected(address) as link:
                await link.ask(exchange([b"PING"]))
        assert is_safe(caught.value.failure.sentence)
        told.extend([repr(caught.value.failure), *traceback.format_exception(caught.value)])

    for user in (None, "ops"):
        for db in (0, 1, 99_999):
            await collect(at(locked.port, username=user, password=password, db=db))
        await collect(at(free_port(), username=user, password=password))
        await collect(Address("no-such-host.invalid", username=user, password=password))
        for words in said:
            async with saying(to_anything=words + b"\r\n") as port:
                await collect(at(port, username=user, password=password))
        async with saying(closing=True) as port:
            await collect(at(port, username=user, password=password))
            await collect(at(port, username=user, password=password, tls=Tls(insecure=True)))
    told.append(caplog.text)
    everything = "\n".join(told)
    for form in {password, password.strip(), repr(password)[1:-1], "canary", "CANARY"}:
        assert form not in everything


@pytest.mark.parametrize(
    "evil", ["\x1b]52;c;aGk=\x07", "a\u202eb", "[@click=app.quit]x[/]\n", "\udcff\ud800", "\x9b2J"]
)
async def test_odd_bytes_in_user_host_and_path_come_out_as_safe_text(locked: Server, evil: str) -> None:
    failures = [
        await refusal(at(locked.port, username=evil.replace("\ud800", ""), password="wrong")),
        await refusal(at(locked.port, username=evil.replace("\ud800", ""))),
        await refusal(Address(evil, locked.port)),
        await refusal(Address("localhost", free_port(), tls=Tls(server_name=evil))),
        await refusal(Address(socket_path=f"/tmp/{evil}")),
    ]
    assert failures[0].kind is failures[1].kind is Kind.AUTH
    assert failures[2].kind is Kind.UNKNOWN_HOST
    assert failures[4].kind in {Kind.REFUSED, Kind.UNKNOWN_HOST}
    for address in (Address(evil), Address(socket_path=evil), Address(f"{evil}:{evil}")):
        assert is_safe(address.label)


def test_two_places_never_look_the_same() -> None:
    hosts = ["a\x1b", "a\\x1b", "a\u202e", "a\\u202e", "a"]
    assert len({Address(host).label for host in hosts}) == len(hosts)
    assert len({Address(socket_path=host).label for host in hosts}) == len(hosts)
