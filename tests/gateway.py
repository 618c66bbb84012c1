"""A stand-in for `ssh` and the host it logs in to: a small program that really forwards connections.

It is written as `ssh` into a folder for PATH, takes the arguments that redtop gives to the real one, and behaves as the
name of the gateway says. What it was told and given stands in `started.jsonl` in the same folder.
"""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path

import pytest

PROGRAM = r"""#!PYTHON -S
import json, os, pathlib, re, signal, socket, sys, threading, time
sys.stderr.reconfigure(line_buffering=True)
folder = pathlib.Path(__file__).parent
words = sys.argv[1:]
gateway = words[-1].rpartition("@")[2]
with open(folder / "started.jsonl", "a") as file:
    file.write(json.dumps({"pid": os.getpid(), "arguments": words, "environment": dict(os.environ)}) + "\n")

def fail(sentence):
    print(sentence, file=sys.stderr)
    sys.exit(255)

if gateway == "denied":
    print("Welcome to \x1b[2Jdenied. Authorised use only.", file=sys.stderr)
    fail(words[-1] + ": Permission denied (publickey).")
if gateway == "nowhere":
    fail("ssh: Could not resolve hostname nowhere: Name or service not known")
if gateway == "silent":
    time.sleep(60)
path, target = re.fullmatch(r"(/[^:]+):(.+)", words[words.index("-L") + 1]).groups()

def reach():
    if target.startswith("/"):
        far = socket.socket(socket.AF_UNIX)
        far.connect(target.replace("\\:", ":"))
        return far
    host, port = target.rsplit(":", 1)
    return socket.create_connection((host.strip("[]"), int(port)), 5)

def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    for end in (source, sink):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

def serve(near):
    try:
        far = reach()
    except OSError as error:
        print("channel 2: open failed: connect failed:", error.strerror, file=sys.stderr)
        near.close()
        return
    threading.Thread(target=pump, args=(near, far), daemon=True).start()
    pump(far, near)

listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen(16)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""


class Gateway:
    """What the program was told, start by start."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def starts(self) -> list[dict[str, object]]:
        """Of each start: `pid`, `arguments`, `environment`."""
        log = self.folder / "started.jsonl"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    @property
    def pid(self) -> int:
        """The process that was started last."""
        pid = self.starts[-1]["pid"]
        assert isinstance(pid, int)
        return pid

    @property
    def running(self) -> list[int]:
        """The processes that are there now."""
        pids = [start["pid"] for start in self.starts]
        return [pid for pid in pids if isinstance(pid, int) and _runs(pid)]


def install_gateway(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    """Put the program in front of PATH."""
    folder.mkdir()
    program = folder / "ssh"
    program.write_text(PROGRAM.replace("PYTHON", sys.executable))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return Gateway(folder)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
