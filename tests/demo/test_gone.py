"""Whatever happens to redtop: no process, no directory and no port of the demo survives it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tui.demo import HOST, Demo

Until = Callable[[Callable[[], Any]], None]
Alive = Callable[[int], bool]

OWNER = """
import json, sys
import psutil
from tui.demo import Demo
with Demo(keys=2000) as demo:
    demo.wait_filled(20)
    children = [child.pid for child in psutil.Process().children(recursive=True)]
    print(json.dumps([children, str(demo.server.directory), demo.port]), flush=True)
    ending = sys.stdin.readline().strip()
    if ending == "crash":
        raise RuntimeError("a crash of redtop")
"""


class Owner:
    """A process of its own that runs a demo, and what that demo consists of."""

    def __init__(self) -> None:
        root = Path(__file__).parents[2]
        self.process = subprocess.Popen(
            [sys.executable, "-c", OWNER],
            cwd=root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout
        self.pids, directory, self.port = json.loads(self.process.stdout.readline())
        self.directory = Path(directory)

    def say(self, word: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()


@pytest.fixture
def owner() -> Iterator[Owner]:
    running = Owner()
    yield running
    running.close()


def answers(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), 1).close()
    except OSError:
        return False
    return True


def test_a_demo_is_a_watchdog_a_server_and_a_workload(owner: Owner) -> None:
    assert len(owner.pids) == 3
    assert answers(owner.port)
    assert owner.directory.is_dir()


@pytest.mark.parametrize("ending", ["exit", "crash", signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_however_redtop_ends(
    owner: Owner, ending: str | signal.Signals, until: Until, alive: Alive
) -> None:
    if isinstance(ending, str):
        owner.say(ending)
    else:
        os.kill(owner.process.pid, ending)
    owner.process.wait(10)
    until(lambda: not any(alive(pid) for pid in owner.pids))
    until(lambda: not owner.directory.exists())
    assert not answers(owner.port)


def test_ctrl_c_in_the_terminal_reaches_only_redtop(owner: Owner) -> None:
    groups = {os.getpgid(pid) for pid in owner.pids}
    assert os.getpgid(owner.process.pid) not in groups


def test_a_stopped_server_goes_as_well(owner: Owner, until: Until, alive: Alive) -> None:
    server = next(pid for pid in owner.pids if "server" in psutil.Process(pid).name())
    os.kill(server, signal.SIGSTOP)
    owner.say("exit")
    until(lambda: not any(alive(pid) for pid in owner.pids))
    until(lambda: not owner.directory.exists())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signalled_watchdog_takes_everything_along(
    owner: Owner, number: signal.Signals, until: Until, alive: Alive
) -> None:
    watchdog = next(pid for pid in owner.pids if "sh" in psutil.Process(pid).name())
    os.kill(watchdog, number)
    until(lambda: not answers(owner.port))
    until(lambda: not owner.directory.exists())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_workload_ends_quietly_on_a_signal(number: signal.Signals, until: Until) -> None:
    with Demo(("faultmaven",), keys=1000) as demo:
        demo.wait_filled()
        assert demo.workload
        assert demo.workload.pid
        os.kill(demo.workload.pid, number)
        until(lambda: demo.workload and not demo.workload.is_running)
        assert demo.workload.returncode == 0
