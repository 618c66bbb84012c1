"""What the README promises in commands."""

from __future__ import annotations

import re
from pathlib import Path

from tests.conftest import Open, Until
from tests.servers import HOST, Server
from tui.engine.address import Address
from tui.engine.commands import READS, WRITES
from tui.engine.expiring import Expiries
from tui.engine.streams import StreamList
from tui.engine.survey import Survey
from tui.engine.tail import Tail
from tui.engine.vitals import Pulse

README = (Path(__file__).parent.parent / "README.md").read_text()


async def test_the_printed_acl_rules_suffice_for_every_pane(server: Server, open_session: Open, until: Until) -> None:
    line = next(line for line in README.splitlines() if line.startswith("ACL SETUSER"))
    words = line.replace(">PASSWORD", ">secret").split()
    if server.ask(*words) != b"OK":
        assert server.generation == "system", "only servers before 7.2 may not know the last rule"
        assert server.ask(*words[:-1]) == b"OK"
    server.ask_all([("SELECT", 2), ("XADD", "s", "*", "a", "1"), ("SET", "k", "v", "EX", "100")])
    session = open_session(server, Address(HOST, server.port, db=2, username="watcher", password="secret"))
    survey, pulse, tail = session.of(Survey), session.of(Pulse), session.of(Tail)
    streams, expiries = session.of(StreamList), session.of(Expiries)
    tail.choose([b"s"])
    with survey.feed.hold(), streams.feed.hold(), tail.feed.hold(), expiries.feed.hold():
        await until(lambda: streams.feed.latest and streams.feed.latest.streams)
        await until(lambda: tail.feed.latest and tail.feed.latest.entries)
        await until(lambda: expiries.feed.latest and expiries.feed.latest.soonest)
    assert survey.feed.latest is not None
    assert survey.feed.latest.denied is None
    assert survey.feed.latest.failure is None
    assert pulse.feed.latest is not None
    assert pulse.feed.latest.failure is None
    assert server.ask("ACL", "LOG") == [], "nothing was refused"


def test_the_printed_acl_rules_are_the_commands_that_redtop_can_send() -> None:
    lines = [line for line in README.splitlines() if line.startswith(("ACL SETUSER", "+"))]
    rules = set(re.findall(r"\+([a-z|-]+)", "\n".join(lines)))
    assert rules - {"select"} == set(READS) | WRITES, "select is for databases other than 0"


def test_the_test_line_is_where_ci_looks_for_it() -> None:
    after = README.split("<!-- tests -->")[1]
    assert re.search(r"```\npython3 -m venv \.venv && .*pytest\n```", after)
