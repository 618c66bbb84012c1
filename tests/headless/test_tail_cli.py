"""`redtop tail`: every entry to a pipe, in order, until somebody ends it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import pytest

from tests.servers import HOST, Server
from tui.fields import SettingsError
from tui.headless.tail_cli import TailWish

CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("REDIS")} | {"PYTHONUTF8": "1"}


@contextmanager
def tailing(server: Server, *args: str) -> Iterator[subprocess.Popen[str]]:
    """A tail that runs; it is ended by ctrl-c unless it has ended by itself."""
    command = [sys.executable, "-m", "tui", "tail", "-h", HOST, "-p", str(server.port), *args]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=CLEAN)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def lines(process: subprocess.Popen[str], count: int) -> list[str]:
    """The next lines, without their ends."""
    assert process.stdout is not None
    out: IO[str] = process.stdout
    return [out.readline().rstrip("\n") for _ in range(count)]


def test_entries_from_a_place_and_those_that_come_are_printed_until_ctrl_c(server: Server) -> None:
    server.ask_all([("XADD", "log", f"{n}-1", "n", n) for n in range(1, 3001)])
    with tailing(server, "log", "--from", "2500") as process:
        assert lines(process, 501) == [f"{n}-1 n={n}" for n in range(2500, 3001)]
        server.ask("XADD", "log", "3001-1", b"\xff", "a b\nc")
        assert lines(process, 1) == [r"3001-1 \xff=a b\x0ac"]
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_json_lines_of_several_streams_are_merged_and_complete(valkey: Server) -> None:
    first = 1_700_000_000_000
    valkey.ask_all([("XADD", f"s:{n % 2}", f"{first + n}-0", "n", n, "n", "twice") for n in range(100)])
    with tailing(valkey, "s:0", "s:1", "--json", "--from", "0") as process:
        found = [json.loads(line) for line in lines(process, 100)]
    assert [int(one["fields"][0][1]) for one in found] == list(range(100))
    assert found[0] == {
        "stream": "s:0",
        "id": f"{first}-0",
        "time": "2023-11-14T22:13:20.000Z",
        "fields": [["n", "0"], ["n", "twice"]],
    }
    assert {one["stream"] for one in found} == {"s:0", "s:1"}


def test_streams_of_very_different_length_are_merged_by_time_all_the_same(server: Server) -> None:
    first = 1_700_000_000_000
    server.ask_all([("XADD", "long", f"{first + n}-0", "n", n) for n in range(5000)])
    server.ask_all([("XADD", "short", f"{first + 100 * n}-5", "n", n) for n in range(50)])
    server.ask_all([("XADD", "counted", f"{n + 1}-0", "n", n) for n in range(3000)])
    with tailing(server, "long", "short", "counted", "--json", "--from", "0") as process:
        found = [json.loads(line) for line in lines(process, 8050)]
    timed = [one["id"] for one in found if one["time"]]
    assert timed == sorted(timed)
    assert len({(one["stream"], one["id"]) for one in found}) == 8050


def test_a_group_begins_where_it_stands_and_is_given_nothing(valkey: Server) -> None:
    valkey.ask_all([("XADD", "log", f"{n}-1", "n", n) for n in range(1, 11)])
    valkey.ask_all([("XGROUP", "CREATE", "log", "g", "7-1")])
    before = valkey.ask("XINFO", "GROUPS", "log")
    with tailing(valkey, "log", "--group", "g") as process:
        assert lines(process, 3) == [f"{n}-1 n={n}" for n in (8, 9, 10)]
    assert valkey.ask("XINFO", "GROUPS", "log") == before


def test_what_is_there_already_is_left_out_and_a_missing_stream_is_waited_for(valkey: Server) -> None:
    valkey.ask("XADD", "log", "1-1", "n", "old")
    with tailing(valkey, "log", "later") as process:
        while "xread" not in valkey.ask("INFO", "commandstats").decode():
            pass
        valkey.ask_all([("XADD", "later", "5-1", "n", "new"), ("XADD", "log", "9-1", "n", "newer")])
        assert lines(process, 2) == ["5-1 later n=new", "9-1 log n=newer"]


def test_without_permission_for_xinfo_it_tails_all_the_same(server: Server) -> None:
    server.ask_all([("XADD", "log", "1-1", "n", "old"), ("XADD", "log", "2-1", "n", "gone"), ("XDEL", "log", "2-1")])
    server.ask("ACL", "SETUSER", "half", "on", ">pw", "~*", "+@all", "-xinfo")
    with tailing(server, "log", "--user", "half", "-a", "pw") as process:
        while "xread" not in server.ask("INFO", "commandstats").decode():
            pass
        server.ask("XADD", "log", "3-1", "n", "new")
        assert lines(process, 1) == ["3-1 n=new"]


def test_a_reader_that_goes_away_ends_it_quietly(valkey: Server) -> None:
    valkey.ask_all([("XADD", "log", "*", "n", n) for n in range(20_000)])
    with tailing(valkey, "log", "--from", "0") as process:
        lines(process, 1)
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.wait(10) == 141
        assert process.stderr.read() == ""


@pytest.mark.parametrize(
    ("args", "words", "code"),
    [
        (["log", "--from", "yesterday"], "--from: type an id", 2),
        (["log", "--from", "0", "--group", "g"], "leave one of them out", 2),
        ([], "STREAM", 2),
        (["log", "--group", "nobody"], "no such group", 3),
        (["text"], "no stream any more but a string", 3),
        (["log", "--user", "half", "-a", "pw", "--from", "0"], "+xread", 3),
        (["log", "-p", "1"], "nothing listens", 3),
    ],
)
def test_what_cannot_be_is_one_sentence(valkey: Server, args: list[str], words: str, code: int) -> None:
    valkey.ask_all([("XADD", "log", "*", "a", "b"), ("SET", "text", "x")])
    valkey.ask("ACL", "SETUSER", "half", "on", ">pw", "~*", "+@all", "-xread")
    with tailing(valkey, *args) as process:
        if args[-2:] == ["-p", "1"]:
            assert process.stderr is not None
            assert words in process.stderr.readline(), "it may come back, so the tail waits"
            return
        out, said = process.communicate(timeout=10)
    assert (process.returncode, out) == (code, "")
    assert words in said
    assert len(said.splitlines()) == 1


def test_names_may_be_written_as_they_are_shown() -> None:
    wish = TailWish.of([r"\xff", "a", "a"], r"g\x00", None, as_json=False, wall=0.0)
    assert (wish.streams, wish.group) == ((b"\xff", b"a"), b"g\x00")
    with pytest.raises(SettingsError, match="--from"):
        TailWish.of(["a"], None, "soon", as_json=False, wall=0.0)
