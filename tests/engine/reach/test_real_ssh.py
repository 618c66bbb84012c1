"""The system's own `ssh`, logging in to a real sshd on this machine. Skipped where no sshd is installed."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from benchmarks.terminal import Terminal
from tests.cluster import Cluster
from tests.conftest import Open, Until
from tests.engine.reach.test_tunnel import ping, trouble
from tests.servers import HOST, Server, free_port
from tui.engine.address import Address
from tui.engine.failure import Kind
from tui.engine.node import Phase

PROGRAM = shutil.which("sshd") or "/usr/sbin/sshd"

pytestmark = pytest.mark.skipif(
    not Path(PROGRAM).exists() or shutil.which("ssh") is None, reason="no sshd is installed here"
)

CLIENT = """
Host stranger
    HostKeyAlias stranger
Host denied
    IdentityFile {folder}/other
Host * !denied
    IdentityFile {folder}/client
Host *
    HostName {host}
    Port {port}
    User {user}
    HostKeyAlias bastion
    IdentitiesOnly yes
    UserKnownHostsFile {folder}/known
    StrictHostKeyChecking yes
"""
SERVER = """
ListenAddress {host}
Port {port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/client.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
"""


class Bastion:
    """An sshd that lets one key in, and an `ssh` on PATH that has it: the names of its hosts say what happens there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        about = {"folder": folder, "host": HOST, "port": self.port, "user": getpass.getuser()}
        for name in ("host", "client", "other"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
        kind, key, _ = (folder / "host.pub").read_text().split(" ", 2)
        (folder / "known").write_text(f"bastion {kind} {key}\n")
        (folder / "ssh_config").write_text(CLIENT.format(**about))
        (folder / "sshd_config").write_text(SERVER.format(**about))
        (folder / "bin").mkdir()
        # The real one, except that the person's own configuration is this one.
        (folder / "bin" / "ssh").write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {folder}/ssh_config "$@"\n')
        (folder / "bin" / "ssh").chmod(0o755)
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd insists on it when it is root's
        self.process = self._started()

    def _started(self) -> subprocess.Popen[bytes]:
        command = [PROGRAM, "-D", "-E", f"{self.folder}/sshd.log", "-f", f"{self.folder}/sshd_config"]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while True:
            with suppress(OSError), socket.create_connection((HOST, self.port), 1):
                return process
            assert time.monotonic() < deadline, (self.folder / "sshd.log").read_text()
            assert process.poll() is None, (self.folder / "sshd.log").read_text()
            time.sleep(0.02)

    def stop(self) -> None:
        """End it, with everybody who is logged in."""
        family = [*psutil.Process(self.process.pid).children(recursive=True), psutil.Process(self.process.pid)]
        for one in family:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        self.process.wait()

    def start(self) -> None:
        """Begin again."""
        self.process = self._started()

    @property
    def clients(self) -> list[psutil.Process]:
        """Every ssh that was started with this configuration."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied):
                words = process.cmdline()
                if f"{self.folder}/ssh_config" in words and words[0].endswith("ssh"):
                    found.append(process)
        return found


@pytest.fixture
def bastion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bastion]:
    """A host to log in to; afterwards no ssh and no socket may be left."""
    with tempfile.TemporaryDirectory(prefix="rt-") as sockets:  # a short name: the path of a socket may not be long
        folder = tmp_path / "bastion"
        folder.mkdir()
        running = Bastion(folder)
        monkeypatch.setenv("PATH", f"{folder}/bin:{os.environ['PATH']}")
        monkeypatch.setenv("TMPDIR", sockets)
        monkeypatch.setattr(tempfile, "tempdir", sockets)
        try:
            yield running
            deadline = time.monotonic() + 10
            while left := [*running.clients, *Path(sockets).iterdir()]:
                assert time.monotonic() < deadline, f"left: {left}"
                time.sleep(0.02)
        finally:
            running.stop()


async def test_a_server_and_a_socket_beyond_a_real_host(bastion: Bastion, tmp_path: Path, open_session: Open) -> None:
    path = str(tmp_path / "r:s.sock")
    with Server("valkey-9.1", "--unixsocket", path) as server:
        assert await ping(open_session(server, Address(HOST, server.port, ssh="bastion"))) == b"PONG"
        assert await ping(open_session(server, Address(socket_path=path, ssh="bastion"))) == b"PONG"
        assert len(bastion.clients) == 2


async def test_what_a_real_ssh_says_is_the_reason(valkey: Server, bastion: Bastion, open_session: Open) -> None:
    async def said(gateway: str, port: int = valkey.port) -> tuple[Kind, str]:
        failure = await trouble(open_session(valkey, Address(HOST, port, ssh=gateway)))
        return failure.kind, failure.sentence

    kind, sentence = await said("denied")
    assert (kind, "Permission denied (publickey)" in sentence) == (Kind.SSH, True), sentence
    kind, sentence = await said("stranger")
    assert (kind, "Host key verification failed" in sentence) == (Kind.SSH, True), sentence
    bastion.stop()
    kind, sentence = await said("bastion")
    assert (kind, "Connection refused" in sentence) == (Kind.LOST, True), sentence
    bastion.start()


async def test_a_server_that_a_real_host_cannot_reach_is_named_so(
    valkey: Server, bastion: Bastion, open_session: Open, until: Until
) -> None:
    port = free_port()
    session = open_session(valkey, Address(HOST, port, ssh="bastion"))

    def sentence() -> str:
        failure = session.deployment.state.worst.failure
        return failure.sentence if failure else ""

    await until(lambda: sentence() == f"bastion cannot reach {HOST}:{port}: Connection refused")


async def test_a_real_host_that_goes_away_and_comes_back(
    valkey: Server, bastion: Bastion, open_session: Open, until: Until
) -> None:
    session = open_session(valkey, Address(HOST, valkey.port, ssh="bastion"))
    assert await ping(session) == b"PONG"
    (node,) = session.deployment.nodes
    bastion.stop()
    await until(lambda: node.state.phase is Phase.LOST)
    bastion.start()
    await until(lambda: node.state.phase is Phase.LIVE)
    assert await ping(session) == b"PONG"


async def test_all_nodes_of_a_cluster_are_reached_through_a_real_host(
    cluster: Cluster, bastion: Bastion, open_session: Open, until: Until
) -> None:
    first = cluster.nodes[0]
    session = open_session(first, Address(HOST, first.port, ssh="bastion"))
    await until(lambda: len(session.deployment.nodes) == 3)
    await until(lambda: all(node.state.phase is Phase.LIVE for node in session.deployment.nodes))
    assert {node.address.ssh for node in session.deployment.nodes} == {"bastion"}
    assert len(bastion.clients) == 3


@pytest.mark.parametrize("number", [signal.SIGKILL, None])
def test_however_redtop_ends_a_real_ssh_ends(valkey: Server, bastion: Bastion, number: signal.Signals | None) -> None:
    command = [sys.executable, "-m", "tui", "-h", HOST, "-p", str(valkey.port), "--ssh", "bastion"]
    with Terminal(command, 120, 40) as terminal:
        terminal.read_until("● live".encode(), 25)
        assert len(bastion.clients) == 1
        if number is None:
            terminal.write(b"q")
        else:
            os.kill(terminal.process.pid, number)
        assert terminal.ended(20)
