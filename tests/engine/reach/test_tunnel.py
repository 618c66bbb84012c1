"""The way through another host: really forwarded by a stand-in for `ssh`, gone in every way of leaving."""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from benchmarks.terminal import Terminal
from tests.conftest import Open, Until
from tests.gateway import Gateway, install_gateway
from tests.proxy import Proxy
from tests.servers import HOST, Server, free_port
from tui.engine.address import Address, Tls
from tui.engine.commands import exchange
from tui.engine.failure import Failure, Kind, Unavailable
from tui.engine.node import Phase
from tui.engine.printable import is_safe
from tui.engine.reach.tunnel import arguments, without_secrets
from tui.engine.session import Session
from tui.engine.writer import writer

PASSWORD = "s3cr3t-Wort"


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where sockets are made during this test; short, as a socket's path must be."""
    with tempfile.TemporaryDirectory(prefix="rt-") as name:
        monkeypatch.setenv("TMPDIR", name)
        monkeypatch.setattr(tempfile, "tempdir", name)
        yield Path(name)


@pytest.fixture
def gateway(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    """`ssh` on PATH; afterwards nothing of it may be left."""
    found = install_gateway(tmp_path / "bin", monkeypatch)
    yield found
    deadline = time.monotonic() + 10
    while found.running or any(folder.iterdir()):
        assert time.monotonic() < deadline, "something of ssh is left"
        time.sleep(0.01)


def through(server: Server, gateway: str = "me@bastion", **rest: object) -> Address:
    return Address(HOST, server.port, ssh=gateway, **rest)  # type: ignore[arg-type]


async def ping(session: Session) -> object:
    return (await session.deployment.nodes[0].ask(exchange([b"PING"]))).replies[0]


async def trouble(session: Session) -> Failure:
    """Return why the server cannot be asked."""
    with pytest.raises(Unavailable) as caught:
        await ping(session)
    assert is_safe(caught.value.failure.sentence)
    return caught.value.failure


async def test_all_connections_to_a_server_share_one_ssh(server: Server, gateway: Gateway, open_session: Open) -> None:
    server.ask("CONFIG", "SET", "requirepass", PASSWORD)
    session = open_session(server, through(server, password=PASSWORD))
    assert await ping(session) == b"PONG"
    async with writer(session.deployment.nodes[0]) as changes:
        assert await changes.ask([b"PING"]) == [b"PONG"]
    assert len(gateway.starts) == len(gateway.running) == 1


async def test_ssh_is_told_no_password_and_given_none(
    valkey: Server, gateway: Gateway, open_session: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("REDISCLI_AUTH", "REDIS_PASSWORD", "REDTOP_SENTINEL_PASSWORD", "MY_OWN_NAME"):
        monkeypatch.setenv(name, PASSWORD)
    monkeypatch.setenv("REDIS_URL", f"redis://:{PASSWORD}@h")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/agent")
    valkey.ask("CONFIG", "SET", "requirepass", PASSWORD)
    session = open_session(valkey, through(valkey, password=PASSWORD))
    assert await ping(session) == b"PONG"
    (start,) = gateway.starts
    assert PASSWORD not in str(start)
    environment = start["environment"]
    assert isinstance(environment, dict)
    assert environment["SSH_AUTH_SOCK"] == "/agent"


def test_what_ssh_is_told() -> None:
    words = arguments(Address("::1", 7000, password=PASSWORD), "me@bastion", Path("/tmp/x/to"))
    assert words[-4:] == ["-L", "/tmp/x/to:[::1]:7000", "--", "me@bastion"]
    assert "BatchMode=yes" in words
    assert "ExitOnForwardFailure=yes" in words
    assert "ControlPath=none" in words, "a shared connection would outlive redtop"
    assert arguments(Address(socket_path="/run/r:s"), "b", Path("/x"))[-3] == r"/x:/run/r\:s"


def test_an_empty_variable_is_no_password() -> None:
    assert without_secrets(Address(password=""), [("EMPTY", ""), ("HOME", "/x")]) == {"EMPTY": "", "HOME": "/x"}


async def test_nobody_else_can_open_the_socket(
    valkey: Server, folder: Path, gateway: Gateway, open_session: Open
) -> None:
    session = open_session(valkey, through(valkey))
    assert await ping(session) == b"PONG"
    (private,) = os.scandir(folder)
    assert private.stat().st_mode & 0o077 == 0


async def test_a_unix_socket_beyond_the_gateway(tmp_path: Path, gateway: Gateway, open_session: Open) -> None:
    path = str(tmp_path / "r:s.sock")
    with Server("redis-6.2", "--unixsocket", path) as server:
        session = open_session(server, Address(socket_path=path, ssh="bastion"))
        assert await ping(session) == b"PONG"


async def test_tls_through_ssh_still_verifies_the_name_of_the_server(
    valkey: Server, gateway: Gateway, open_session: Open, tmp_path: Path
) -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    tls = Tls(ca_file=str(tmp_path / "ca.pem"))
    async with Proxy(valkey.port, tls=context) as proxy:
        session = open_session(valkey, Address("localhost", proxy.port, tls=tls, ssh="bastion"))
        assert await ping(session) == b"PONG"
        other = open_session(valkey, Address(HOST, proxy.port, tls=tls, ssh="bastion"))
        assert (await trouble(other)).kind is Kind.TLS


# --- what can go wrong


async def test_a_gateway_that_refuses_is_asked_once_and_quoted(
    valkey: Server, gateway: Gateway, open_session: Open, until: Until
) -> None:
    session = open_session(valkey, through(valkey, "me@denied"))
    failure = await trouble(session)
    assert failure.kind is Kind.SSH
    assert "me@denied: Permission denied (publickey)" in failure.sentence
    await until(lambda: session.deployment.state.worst.phase is Phase.REFUSED)
    assert len(gateway.starts) == 1


async def test_what_ssh_says_last_is_the_reason(valkey: Server, gateway: Gateway, open_session: Open) -> None:
    failure = await trouble(open_session(valkey, through(valkey, "nowhere")))
    assert failure.kind is Kind.LOST
    assert "Could not resolve hostname nowhere" in failure.sentence


@pytest.mark.parametrize("password", [None, PASSWORD])
async def test_a_server_that_the_gateway_cannot_reach_is_named_so(
    valkey: Server, gateway: Gateway, open_session: Open, until: Until, password: str | None
) -> None:
    port = free_port()
    session = open_session(valkey, Address(HOST, port, ssh="bastion", password=password))

    def sentence() -> str:
        failure = session.deployment.state.worst.failure
        return failure.sentence if failure else ""

    await until(lambda: sentence() == f"bastion cannot reach {HOST}:{port}: Connection refused")


async def test_a_gateway_that_says_nothing_is_said_to_be_late(
    valkey: Server, gateway: Gateway, open_session: Open
) -> None:
    failure = await trouble(open_session(valkey, through(valkey, "silent")))
    assert failure == Failure(Kind.TIMEOUT, "ssh has not reached silent yet")


async def test_without_the_program_it_says_what_is_missing(
    valkey: Server, open_session: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    failure = await trouble(open_session(valkey, through(valkey)))
    assert failure.kind is Kind.SSH
    assert "`ssh`" in failure.sentence


async def test_an_ssh_that_dies_is_started_again(
    valkey: Server, gateway: Gateway, open_session: Open, until: Until
) -> None:
    session = open_session(valkey, through(valkey))
    assert await ping(session) == b"PONG"
    node = session.deployment.nodes[0]
    os.kill(gateway.pid, signal.SIGKILL)
    await until(lambda: node.state.phase is Phase.LOST)
    await until(lambda: node.state.phase is Phase.LIVE)
    assert await ping(session) == b"PONG"
    assert len(gateway.starts) == 2


async def test_a_gateway_that_hangs_up_at_once_is_not_asked_again_and_again(
    valkey: Server, gateway: Gateway, open_session: Open, until: Until
) -> None:
    session = open_session(valkey, through(valkey, "nowhere"))
    loop = asyncio.get_running_loop()
    await until(lambda: len(gateway.starts) == 1)
    began = loop.time()
    await until(lambda: len(gateway.starts) == 3)
    assert loop.time() - began > 3, "two seconds lie between two logins"
    assert session.deployment.state.worst.phase is Phase.CONNECTING


# --- it ends with redtop


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, None])
def test_however_redtop_ends_ssh_ends(valkey: Server, gateway: Gateway, number: signal.Signals | None) -> None:
    command = [sys.executable, "-m", "tui", "-h", HOST, "-p", str(valkey.port), "--ssh", "me@bastion"]
    with Terminal(command, 120, 40) as terminal:
        terminal.read_until("● live".encode(), 25)
        assert len(gateway.running) == 1
        if number is None:
            terminal.write(b"q")
        else:
            os.kill(terminal.process.pid, number)
        assert terminal.ended(20)


async def test_an_ssh_that_hangs_ends_as_well(valkey: Server, gateway: Gateway, open_session: Open) -> None:
    session = open_session(valkey, through(valkey))
    assert await ping(session) == b"PONG"
    os.kill(gateway.pid, signal.SIGSTOP)  # the fixtures end the session, and wait for the end of ssh


def test_a_report_through_ssh_leaves_nothing(valkey: Server, gateway: Gateway) -> None:
    command = [sys.executable, "-m", "tui", "report", "-h", HOST, "-p", str(valkey.port), "--ssh", "bastion"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(gateway.starts) == 1
