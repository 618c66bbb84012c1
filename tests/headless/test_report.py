"""The report: the document keeps its promise on every server, counts exactly, and always ends in order."""

from __future__ import annotations

import asyncio
import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import Until
from tests.engine.test_survey import MIXED, fill
from tests.engine.test_vitals import Application
from tests.servers import GENERATIONS, HOST, Server, free_port
from tests.test_cli import CLEAN, ROOT
from tui import cli
from tui.engine.address import Address
from tui.engine.keyspace import Family, Keyspace
from tui.engine.printable import is_safe
from tui.engine.survey import Survey
from tui.headless.report_json import dumped
from tui.headless.report_look import Look, look
from tui.headless.report_text import drawn
from tui.settings import Settings, resolve

BIG = 150_000
"""Keys that the burst of a look does not finish."""


# --- the schema, by hand

MAYBE_INT, MAYBE_FLOAT, MAYBE_TEXT = (int, None), (float, None), (str, None)
CONSUMER = {"name": str, "pending": int, "idle_s": float, "inactive_s": MAYBE_FLOAT}
GROUP = {
    "name": str,
    "lag": MAYBE_INT,
    "pending": int,
    "consumers": int,
    "lost": int,
    "delivered_id": str,
    "entries_read": MAYBE_INT,
    "oldest_pending_id": MAYBE_TEXT,
    "oldest_pending_idle_s": MAYBE_FLOAT,
    "oldest_pending_deliveries": MAYBE_INT,
    "dead_consumers": MAYBE_INT,
    "consumer_details": ([CONSUMER], None),
}
STREAM_FIELDS = {
    "key": str,
    "length": MAYBE_INT,
    "bytes": MAYBE_INT,
    "added_per_s": MAYBE_FLOAT,
    "first_entry_s": MAYBE_FLOAT,
    "newest_entry_s": MAYBE_FLOAT,
    "lag": MAYBE_INT,
    "pending": MAYBE_INT,
    "missing_groups": ([str], None),
    "groups": ([GROUP], None),
}
FAMILY = {
    "pattern": str,
    "keys": int,
    "keys_error": MAYBE_INT,
    "bytes": MAYBE_INT,
    "bytes_error": MAYBE_INT,
    "bytes_at_least": bool,
    "types": {...: int},
    "no_ttl": int,
    "ttl": {"min_s": MAYBE_FLOAT, "median_s": MAYBE_FLOAT, "max_s": MAYBE_FLOAT},
}
SCHEMA: Any = {
    "schema_version": int,
    "server": {
        "host": str,
        "port": MAYBE_INT,
        "db": int,
        "product": MAYBE_TEXT,
        "version": MAYBE_TEXT,
        "role": MAYBE_TEXT,
        "run_id": MAYBE_TEXT,
        "uptime_s": MAYBE_INT,
    },
    "vitals": {
        "used_memory": MAYBE_INT,
        "used_memory_rss": MAYBE_INT,
        "maxmemory": MAYBE_INT,
        "fragmentation_ratio": MAYBE_FLOAT,
        "hit_rate": MAYBE_FLOAT,
        "ops_per_s": MAYBE_FLOAT,
        "clients": MAYBE_INT,
        "evicted_per_s": MAYBE_FLOAT,
        "expired_per_s": MAYBE_FLOAT,
        "keys": MAYBE_INT,
    },
    "keyspace": {
        "dbsize": int,
        "scanned": int,
        "complete": bool,
        "elapsed_s": float,
        "families": [FAMILY],
        "biggest": [{"key": str, "type": str, "bytes": int}],
    },
    "streams": [STREAM_FIELDS],
    "footprint": {"commands": int, "bytes_in": int, "bytes_out": int, "server_cpu_s": MAYBE_FLOAT},
    "notes": [str],
}


def check(value: Any, schema: Any, place: str = "$") -> None:
    """Compare a document with a schema: no field missing, none too many, each of its type, numbers not negative."""
    if isinstance(schema, tuple):
        if value is not None:
            check(value, schema[0], place)
    elif isinstance(schema, dict):
        assert isinstance(value, dict), place
        each = schema.get(...)
        assert each or list(value) == list(schema), f"{place}: {sorted(set(value) ^ set(schema))}"
        for name, inside in value.items():
            check(inside, each or schema[name], f"{place}.{name}")
    elif isinstance(schema, list):
        assert isinstance(value, list), place
        for number, inside in enumerate(value):
            check(inside, schema[0], f"{place}[{number}]")
    elif schema is float:
        assert type(value) in {int, float}, place
        assert value >= 0, place
    else:
        assert type(value) is schema, f"{place}: {value!r}"
        assert schema is not int or value >= 0, place


def fields(schema: Any) -> Iterator[str]:
    """Name every field of the schema."""
    if isinstance(schema, tuple | list):
        yield from fields(schema[0])
    elif isinstance(schema, dict):
        for name, inside in schema.items():
            if name is not ...:
                yield name
                yield from fields(inside)


def parsed(text: str) -> dict[str, Any]:
    """Read a document strictly, and check it."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    document: dict[str, Any] = json.loads(text, parse_constant=refuse)
    check(document, SCHEMA)
    return document


# --- running it


def report(
    server: Server | int, *args: str, env: Mapping[str, str] | None = None, code: int = 0
) -> subprocess.CompletedProcess[str]:
    port = server if isinstance(server, int) else server.port
    done = subprocess.run(
        [sys.executable, "-m", "tui", "report", "-h", HOST, "-p", str(port), *args],
        env=CLEAN | dict(env or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=40,
    )
    assert done.returncode == code, done.stderr
    assert code or done.stderr == ""
    return done


def refused(server: Server | int, *args: str, code: int = 3) -> str:
    done = report(server, *args, code=code)
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("redtop: ")
    return done.stderr


def by_pattern(document: Mapping[str, Any]) -> dict[str, Any]:
    return {family["pattern"]: family for family in document["keyspace"]["families"]}


@dataclass
class Reports:
    """What was reported of one server with known keys and a known application."""

    server: Server
    exact: dict[str, Any] = field(default_factory=dict)
    first: dict[str, Any] = field(default_factory=dict)
    printed: str = ""
    info: dict[str, str] = field(default_factory=dict)


STREAM = [
    *(("XADD", "events", f"{number}-1", "a", "b") for number in range(1, 11)),
    ("XGROUP", "CREATE", "events", "mail", "0"),
    ("XREADGROUP", "GROUP", "mail", "worker", "COUNT", "4", "STREAMS", "events", ">"),
    ("XACK", "events", "mail", "1-1"),
    ("XGROUP", "CREATE", "events", "b\xffd", "$"),
]


@pytest.fixture(scope="module", params=[name for name, program in GENERATIONS.items() if program is not None])
def reports(request: pytest.FixtureRequest) -> Iterator[Reports]:
    with Server(request.param) as server:
        server.ask_all([*MIXED, *STREAM, ("SET", "there", "x")])
        info = server.ask("INFO", "everything").decode()
        found = Reports(server, info=dict(line.split(":", 1) for line in info.splitlines() if ":" in line))
        with Application(server):
            found.exact = parsed(report(server, "--exact", "--json").stdout)
            found.first = parsed(report(server, "--json").stdout)
            found.printed = report(server).stdout
        yield found


@pytest.fixture(scope="module")
def small() -> Iterator[Server]:
    """Known keys, where the generation does not matter."""
    with Server() as server:
        server.ask_all([*MIXED, *STREAM])
        yield server


@pytest.fixture(scope="module")
def big() -> Iterator[Server]:
    """Many keys, and users who may not do everything."""
    with Server("valkey-9.1") as server:
        fill(server, BIG)
        for user, rule in (("counter", "-memory"), ("blind", "-scan"), ("numb", "-info"), ("half", "-xinfo")):
            server.ask("ACL", "SETUSER", user, "on", ">pw", "~*", "+@all", rule)
        yield server


# --- the numbers


def test_exact_counts_every_key_exactly(reports: Reports) -> None:
    keyspace, families = reports.exact["keyspace"], by_pattern(reports.exact)
    total = len(MIXED) + 2
    assert (keyspace["dbsize"], keyspace["scanned"], keyspace["complete"]) == (total, total, True)
    assert reports.exact["vitals"]["keys"] == total
    assert sum(family["keys"] for family in families.values()) == total
    assert families["user:{int}:profile"]["keys"] == families["user:{int}:profile"]["no_ttl"] == 700
    assert families["token:{int}"]["keys"] == 600
    assert families["token:{int}"]["no_ttl"] == 0
    assert families["token:{int}"]["ttl"]["max_s"] == pytest.approx(2_592_000, abs=60)
    assert families["tags:{int}"]["types"] == {"set": 80}
    assert families["log:{int}"]["types"] == {"stream": 50}
    assert {family["keys_error"] for family in families.values()} == {0}
    assert {family["bytes_error"] for family in families.values()} == {0}
    assert reports.exact["notes"] == []


def test_bytes_are_what_the_server_says(reports: Reports) -> None:
    keys = [f"user:{number}:profile" for number in range(700)]
    told = sum(reports.server.ask_all([("MEMORY", "USAGE", key) for key in keys]))
    assert by_pattern(reports.exact)["user:{int}:profile"]["bytes"] == told
    biggest = reports.exact["keyspace"]["biggest"]
    size = reports.server.ask("MEMORY", "USAGE", "big")
    assert biggest[0] == {"key": "big", "type": "string", "bytes": size}
    assert [big["bytes"] for big in biggest] == sorted((big["bytes"] for big in biggest), reverse=True)


def test_the_hit_rate_is_the_applications_over_the_whole_look(reports: Reports) -> None:
    for document in (reports.exact, reports.first):
        assert document["vitals"]["hit_rate"] == pytest.approx(0.5, abs=0.02)
        assert document["vitals"]["ops_per_s"] > 50
        assert document["vitals"]["clients"] == 1, "the application's, and not redtop's"


def test_the_vitals_are_the_servers(reports: Reports) -> None:
    vitals = reports.exact["vitals"]
    assert vitals["used_memory"] == pytest.approx(int(reports.info["used_memory"]), rel=0.5)
    assert vitals["fragmentation_ratio"] == pytest.approx(vitals["used_memory_rss"] / vitals["used_memory"], abs=1e-3)
    assert (vitals["maxmemory"], vitals["evicted_per_s"], vitals["expired_per_s"]) == (0, 0, 0)


def test_the_server_is_named(reports: Reports) -> None:
    server, info = reports.exact["server"], reports.info
    assert (server["host"], server["port"], server["db"], server["role"]) == (HOST, reports.server.port, 0, "primary")
    assert server["run_id"] == info["run_id"]
    assert server["version"] == info.get("valkey_version", info["redis_version"])
    assert server["product"] == ("Valkey" if "valkey_version" in info else "Redis")
    assert 0 <= server["uptime_s"] < 100


def test_streams_have_their_groups(reports: Reports) -> None:
    events = next(stream for stream in reports.exact["streams"] if stream["key"] == "events")
    lags = (None, 0) if reports.server.generation == "redis-6.2" else (6, 0)
    groups = {group["name"]: group for group in events["groups"]}
    assert events["length"] == 10
    mail, other = groups["mail"], groups["bÿd"]
    assert (mail["lag"], mail["pending"], mail["consumers"], mail["lost"]) == (lags[0], 3, 1, 0)
    assert (mail["delivered_id"], mail["oldest_pending_id"], mail["oldest_pending_deliveries"]) == ("4-1", "2-1", 1)
    assert mail["dead_consumers"] == 0
    assert [(one["name"], one["pending"]) for one in mail["consumer_details"]] == [("worker", 3)]
    assert (other["lag"], other["pending"], other["consumers"]) == (lags[1], 0, 0)
    assert (other["oldest_pending_id"], other["consumer_details"], other["dead_consumers"]) == (None, None, 0)
    assert (events["lag"], events["pending"]) == (max(lag or 0 for lag in lags), 3)
    assert events["bytes"] == reports.server.ask("MEMORY", "USAGE", "events")
    assert events["first_entry_s"] is None, "its ids are no times"
    assert len(reports.exact["streams"]) == 51
    assert {tuple(stream["missing_groups"]) for stream in reports.exact["streams"]} == {()}


def test_groups_that_a_schema_wants_and_nobody_made_are_named(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        'title = "mine"\n[families.events]\npattern = "events:{name}"\npurpose = "x"\ntype = "stream"\n'
        'groups = ["workers", "mail"]\n'
    )
    with Server() as server:
        server.ask_all([("XADD", "events:a", "*", "n", 1), ("XGROUP", "CREATE", "events:a", "mail", "$")])
        found = parsed(report(server, "--json", "--schema", str(file)).stdout)
    assert [stream["missing_groups"] for stream in found["streams"]] == [["workers"]]


def test_names_are_one_to_one_and_safe(reports: Reports) -> None:
    assert {"\\xff\\xfe\\x00:{int}", "\\xff", ""} <= set(by_pattern(reports.exact))
    assert all(is_safe(line) for line in reports.printed.splitlines())


def test_the_footprint_is_what_the_server_counted() -> None:
    with Server() as server:
        fill(server, 5_000)
        before = server.stats()
        footprint = parsed(report(server, "--exact", "--json").stdout)["footprint"]
        after = server.stats()
    grown = {name: after[name] - before[name] for name in before}
    # The server also counts the login, and the connection that asks here.
    assert footprint["commands"] == pytest.approx(grown["total_commands_processed"], abs=10)
    assert footprint["bytes_in"] == pytest.approx(grown["total_net_output_bytes"], rel=0.05)
    assert footprint["bytes_out"] == pytest.approx(grown["total_net_input_bytes"], rel=0.05)
    assert footprint["commands"] > 15_000


def test_the_servers_time_is_measured_on_every_server(reports: Reports) -> None:
    seconds = reports.exact["footprint"]["server_cpu_s"]
    assert 0 < seconds < 2


def test_nothing_read_is_no_hit_rate_and_no_keys_are_no_families() -> None:
    with Server() as server:
        document = parsed(report(server, "--json").stdout)
        server.ask_all([("SELECT", 4), ("SET", "a", "b")])
        printed = report(server).stdout
    assert document["vitals"]["hit_rate"] is None
    assert document["vitals"]["ops_per_s"] == pytest.approx(0, abs=1)
    keyspace = document["keyspace"]
    assert (keyspace["dbsize"], keyspace["complete"], keyspace["families"]) == (0, True, [])
    assert "db4 (1): choose one with -n" in printed


def test_an_estimate_says_how_far_it_may_be_off(big: Server) -> None:
    document = parsed(report(big, "--json", "--scan-share", "0.1").stdout)
    keyspace, family = document["keyspace"], by_pattern(document)["user:{int}"]
    assert not keyspace["complete"]
    assert 0 < keyspace["scanned"] < keyspace["dbsize"] == BIG
    assert 0 < family["keys_error"] < 0.1 * BIG
    assert 0 < family["bytes_error"] < family["bytes"]
    assert family["keys"] == pytest.approx(0.6 * BIG, abs=3 * family["keys_error"])
    assert sum(family["types"].values()) == family["keys"]


# --- how it looks


@pytest.mark.parametrize("which", ["small", "big"])
async def test_the_printed_report_fits_and_cuts_no_number(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    monkeypatch.setattr("tui.headless.report_look.LOOK", 0.4)
    server: Server = request.getfixturevalue(which)
    found = await look(looking(server, share="0.1"), exact=False, stop=asyncio.Event(), show=lambda keyspace: None)
    assert isinstance(found, Look)
    for width in (80, 120, 200):
        monkeypatch.setenv("COLUMNS", str(width))
        check_printed(drawn(found, io.StringIO()).splitlines(), width)


def check_printed(lines: list[str], width: int) -> None:
    assert max(map(len, lines)) <= width
    assert lines == [line.rstrip() for line in lines]
    text = "\n".join(lines)
    for section in ("memory", "hit rate", "Families", "Biggest keys", "Time to live"):
        assert re.search(rf"^ *{section}", text, re.MULTILINE), section
    rows = [line for line in lines if line.startswith(("user:{int}", "token:{int}", "session:{hex}"))]
    assert rows
    number = r"\d[\d.]*[kMG]?(?: ±\d[\d.]*[kM]?)?"
    size = r"\d[\d.]*[KM](?: ±\d[\d.]*[KMB])?"
    for row in rows:
        assert re.fullmatch(rf"\S+ +{number} +[\d.]+% +\S* *{size} +string +\d+%  +\S.*", row), row
        assert "…" not in row


def test_the_printed_report_shows_streams_with_their_groups(reports: Reports) -> None:
    rows = r"^events +10 +\S+ +bÿd +\S+ +0 +0\n +mail +\S+ +3 +1$"
    assert re.search(rows, reports.printed, re.MULTILINE)


def on_terminal(server: Server, *args: str, env: Mapping[str, str] | None = None) -> tuple[str, str]:
    """Run a report whose stderr, and without --json also stdout, is a terminal; return (stdout, the screen)."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "tui", "report", "-h", HOST, "-p", str(server.port), *args],
        env=CLEAN | {"COLUMNS": "80"} | dict(env or {}),
        stdin=slave,
        stdout=subprocess.PIPE if "--json" in args else slave,
        stderr=slave,
    )
    os.close(slave)
    screen = b""
    try:
        while chunk := os.read(master, 65536):
            screen += chunk
    except OSError:  # Linux says so when the other side is closed
        pass
    os.close(master)
    said = process.stdout.read().decode() if process.stdout else ""
    if process.stdout:
        process.stdout.close()
    assert process.wait(20) == 0
    return said, screen.decode()


def test_colours_are_for_terminals_that_want_them(small: Server) -> None:
    colour = re.compile(r"\x1b\[[\d;]*3[1-7]m")
    assert "\x1b" not in report(small).stdout
    assert colour.search(on_terminal(small)[1])
    assert not colour.search(on_terminal(small, env={"NO_COLOR": "1"})[1])


def test_a_long_pass_shows_its_progress_on_a_terminal_and_leaves_nothing(big: Server) -> None:
    said, screen = on_terminal(big, "--exact", "--json", "--scan-share", "50")
    assert parsed(said)["keyspace"]["complete"]
    assert re.search(r"[\d.]+k of 150k keys", screen)
    assert screen.rstrip("\r\n").endswith("\x1b[2K"), "the last thing is to erase the line"


# --- missing permissions, bad input, servers that are not there


def test_without_memory_there_are_counts_and_a_note(big: Server) -> None:
    document = parsed(report(big, "--json", "--user", "counter", "-a", "pw").stdout)
    assert document["notes"] == ["no sizes: this user lacks +memory|usage (ACL)"]
    family = by_pattern(document)["user:{int}"]
    assert family["keys"] > 0
    assert (family["bytes"], family["bytes_error"], document["keyspace"]["biggest"]) == (None, None, [])
    assert "+memory|usage" in report(big, "--user", "counter", "-a", "pw").stdout


def test_without_info_there_are_keys_and_a_note(big: Server) -> None:
    document = parsed(report(big, "--json", "--user", "numb", "-a", "pw").stdout)
    assert document["server"]["version"] is None
    assert set(document["vitals"].values()) == {None}
    assert document["footprint"]["server_cpu_s"] is None
    assert document["keyspace"]["scanned"] > 0
    assert any("+info" in note for note in document["notes"])


def test_without_xinfo_streams_are_listed_and_a_note_says_why() -> None:
    with Server() as server:
        server.ask_all([*STREAM, ("ACL", "SETUSER", "half", "on", ">pw", "~*", "+@all", "-xinfo")])
        document = parsed(report(server, "--json", "--user", "half", "-a", "pw").stdout)
        printed = report(server, "--user", "half", "-a", "pw").stdout
    (stream,) = document["streams"]
    assert stream["key"] == "events"
    assert {value for name, value in stream.items() if name != "key"} == {None}
    assert any("+xinfo|stream" in note for note in document["notes"])
    assert re.search(r"^events +– +– +not permitted", printed, re.MULTILINE)


@pytest.mark.parametrize("exact", [(), ("--exact",)])
def test_without_scan_there_is_a_sentence(big: Server, exact: tuple[str, ...]) -> None:
    assert "+scan" in refused(big, "--user", "blind", "-a", "pw", *exact)


def test_an_unknown_database_is_a_sentence(server: Server) -> None:
    assert "no database 99" in refused(server, "-n", "99", code=2)


@pytest.mark.parametrize("delimiter", ["", "{", "::}"])
def test_a_wrong_delimiter_is_a_sentence(delimiter: str) -> None:
    assert "--delimiter must not" in refused(free_port(), "--delimiter", delimiter, code=2)


def test_nobody_there_is_a_sentence() -> None:
    assert "nothing listens" in refused(free_port(), "--exact", "--json")


def test_json_is_json_where_the_output_is_not_utf_8(small: Server) -> None:
    small.ask("SET", "café ▲", "x")
    done = report(small, "--json", env={"PYTHONIOENCODING": "latin-1"})
    assert done.stdout.isascii()
    assert "café ▲" in by_pattern(parsed(done.stdout))


# --- ends


async def started(server: Server, *args: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tui", "report", "-h", HOST, "-p", str(server.port), *args),
        env=CLEAN,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@pytest.mark.parametrize("as_json", [True, False])
async def test_ctrl_c_prints_what_is_known(big: Server, until: Until, as_json: bool) -> None:
    big.ask("CONFIG", "RESETSTAT")
    process = await started(big, "--exact", "--scan-share", "1", *(["--json"] if as_json else []))
    await until(lambda: b"cmdstat_scan:calls=" in big.ask("INFO", "commandstats"))
    process.send_signal(signal.SIGINT)
    said, complained = await process.communicate()
    assert (process.returncode, complained) == (130, b"")
    if as_json:
        document = parsed(said.decode())
        assert not document["keyspace"]["complete"]
        assert 0 < document["keyspace"]["scanned"] < BIG
        assert any("stopped" in note for note in document["notes"])
    else:
        assert b"user:{int}" in said
        assert b"stopped" in said


def test_a_reader_who_goes_away_is_no_fault(small: Server) -> None:
    command = [sys.executable, "-m", "tui", "report", "-h", HOST, "-p", str(small.port)]
    with subprocess.Popen(command, env=CLEAN, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(20) == 141


def looking(server: Server, *, share: str | None = None) -> Settings:
    return resolve({"host": HOST, "port": server.port} | ({"scan_share": share} if share else {}), {}, Path())


async def test_a_server_that_dies_meanwhile_leaves_what_was_known(
    valkey: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.headless.report_look.PATIENCE", 0.3)
    fill(valkey, 20_000)
    monkeypatch.setattr("tui.engine.survey.BURST", 0.02)

    def show(keyspace: Keyspace) -> None:
        if keyspace.scanned:
            valkey.kill()

    found = await look(looking(valkey, share="1"), exact=True, stop=asyncio.Event(), show=show)
    assert isinstance(found, Look)
    assert found.failure is not None
    assert not found.keyspace.complete
    assert found.keyspace.families
    assert found.vitals.now.used, "the last vitals there were"


async def test_counters_that_were_reset_meanwhile_leave_gaps_and_no_nonsense(
    valkey: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.headless.report_look.LOOK", 0.8)
    fill(valkey, 20_000)
    valkey.ask_all([("GET", "not there")] * 50_000)
    reset: list[object] = []

    def show(keyspace: Keyspace) -> None:
        if not reset:
            reset.append(valkey.ask("CONFIG", "RESETSTAT"))

    found = await look(looking(valkey, share="5"), exact=False, stop=asyncio.Event(), show=show)
    assert isinstance(found, Look)
    document = parsed(dumped(found, ascii_only=True))
    assert document["footprint"]["server_cpu_s"] is None
    assert document["vitals"]["hit_rate"] is None, "the reads were before"


@given(shares=st.lists(st.integers(1, 1000), min_size=1, max_size=6), keys=st.integers(1, 10**9))
def test_the_types_of_a_family_add_up(shares: list[int], keys: int) -> None:
    counts = sorted(shares, reverse=True)
    types = tuple((f"type{number}", count / sum(counts)) for number, count in enumerate(counts))
    family = Family((":", "a", "{int}"), keys, 0.0, 0, 0.0, types, 0.0, None, None)
    assert sum(family.type_keys.values()) == keys
    assert all(count >= 0 for count in family.type_keys.values())


async def test_exact_goes_at_full_speed_unless_a_share_is_given(
    valkey: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares: list[float] = []
    monkeypatch.setattr("tui.headless.report_look.LOOK", 0.0)
    original = Survey.run

    async def run(self: Survey) -> None:
        shares.append(self.share)
        await original(self)

    monkeypatch.setattr(Survey, "run", run)
    for share in (None, "5", "7"):
        for exact in (True, False):
            await look(looking(valkey, share=share), exact=exact, stop=asyncio.Event(), show=lambda keyspace: None)
    assert shares == [1.0, 0.05, 0.05, 0.05, 0.07, 0.07]


async def test_more_streams_than_one_turn_asks_about_are_all_there(
    valkey: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.headless.report_look.LOOK", 0.0)
    valkey.ask_all([("XADD", f"stream:{number}", "*", "a", "b") for number in range(730)])
    settings = Settings(Address(HOST, valkey.port))
    found = await look(settings, exact=True, stop=asyncio.Event(), show=lambda keyspace: None)
    assert isinstance(found, Look)
    assert len(found.streams.streams) == 730


def test_a_fault_ends_it_loudly(
    valkey: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(self: Survey, *, complete: bool) -> Keyspace:
        raise RuntimeError("nobody should see this")

    monkeypatch.setattr(Survey, "_picture", broken)
    assert cli.main(["report", "-h", HOST, "-p", str(valkey.port)]) == 1
    said = capsys.readouterr().err
    assert "RuntimeError at test_report.py" in said
    assert "nobody should see this" not in said


def test_every_field_is_documented() -> None:
    text = (ROOT / "docs" / "report.md").read_text()
    rows = {match[1] for match in re.finditer(r"^\| `[^`]*?(\w+)(?:\[\])?` \|", text, re.MULTILINE)}
    named = set(fields(SCHEMA)) - {"server", "vitals", "keyspace", "footprint", "ttl"}
    assert named <= rows, named - rows
    assert rows <= named, rows - named
