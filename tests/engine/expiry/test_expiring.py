"""Keys that expire next, by what the server says now and not by what the survey once saw."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.conftest import Open, Until
from tests.servers import Server
from tui.engine.expiry.expiring import ASKED, Expiries, Expiring
from tui.engine.session import Session
from tui.engine.survey import Survey


def shown(session: Session) -> Expiring:
    latest = session.of(Expiries).feed.latest
    assert latest is not None
    return latest


def keys(session: Session) -> list[bytes]:
    return [soon.key for soon in shown(session).soonest]


def shows(session: Session, expected: list[bytes]) -> Callable[[], bool]:
    return lambda: session.of(Expiries).feed.latest is not None and keys(session) == expected


@pytest.fixture
def one_survey(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the first pass the survey rests for longer than a test takes: what changes then, only Expiries can know."""
    monkeypatch.setattr("tui.engine.survey.PASS_LEAST", 60.0)
    monkeypatch.setattr("tui.engine.survey.PASS_MOST", 60.0)


def fill(server: Server, count: int) -> list[bytes]:
    """Keys that expire a minute apart, and some that never do."""
    server.ask_all([("SET", f"soon:{number}", "x", "EX", 60 * (number + 1)) for number in range(count)])
    server.ask_all([("SET", f"never:{number}", "x") for number in range(50)])
    return [b"soon:%d" % number for number in range(count)]


async def test_what_expires_soonest_comes_first(server: Server, open_session: Open, until: Until) -> None:
    expected = fill(server, 300)
    session = open_session(server)
    with session.of(Expiries).feed.hold():
        await until(shows(session, expected[:ASKED]))
    expiring = shown(session)
    left = [soon.at - expiring.wall for soon in expiring.soonest]
    assert left == pytest.approx([60 * (number + 1) for number in range(ASKED)], abs=15)
    assert expiring.keyspace.no_ttl == 50


@pytest.mark.usefixtures("one_survey")
async def test_the_countdown_follows_the_server(server: Server, open_session: Open, until: Until) -> None:
    expected = fill(server, 3)
    session = open_session(server, scan_share=0.5)
    with session.of(Expiries).feed.hold():
        await until(shows(session, expected))
        server.ask("PEXPIRE", "soon:0", 40_000)
        await until(lambda: shown(session).soonest[0].at - shown(session).wall < 41)
        wall = shown(session).wall
        await until(lambda: shown(session).wall > wall + 0.3)
    assert shown(session).soonest[0].at - shown(session).wall < 39.9


@pytest.mark.usefixtures("one_survey")
async def test_a_key_that_was_renewed_goes_back_in_line(server: Server, open_session: Open, until: Until) -> None:
    expected = fill(server, 20)
    session = open_session(server, scan_share=0.5)
    with session.of(Expiries).feed.hold():
        await until(shows(session, expected[:ASKED]))
        server.ask("EXPIRE", "soon:0", 270)
        await until(shows(session, [*expected[1:4], expected[0], *expected[4:ASKED]]))
        server.ask("EXPIRE", "soon:0", 100_000)
        await until(shows(session, expected[1 : ASKED + 1]))


@pytest.mark.usefixtures("one_survey")
@pytest.mark.parametrize(
    "change",
    [("DEL", "soon:0"), ("PEXPIRE", "soon:0", 100), ("PERSIST", "soon:0")],
    ids=["deleted", "expired", "made to stay"],
)
async def test_a_key_that_expires_no_more_disappears(
    valkey: Server, open_session: Open, until: Until, change: tuple[str | int, ...]
) -> None:
    expected = fill(valkey, 20)
    session = open_session(valkey, scan_share=0.5)
    with session.of(Expiries).feed.hold():
        await until(shows(session, expected[:ASKED]))
        valkey.ask(*change)
        await until(shows(session, expected[1 : ASKED + 1]))


@pytest.mark.usefixtures("one_survey")
async def test_an_outage_of_the_connection_forgets_no_key(valkey: Server, open_session: Open, until: Until) -> None:
    expected = fill(valkey, 100)
    session = open_session(valkey, scan_share=0.5)
    with session.of(Expiries).feed.hold():
        await until(shows(session, expected[:ASKED]))
        for _ in range(5):
            losses = session.deployment.nodes[0].connections
            valkey.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            await until(lambda before=losses: session.deployment.nodes[0].connections > before)  # type: ignore[misc]
        asked = session.deployment.footprint.calls["pttl"]
        await until(lambda: session.deployment.footprint.calls["pttl"] > asked + 2 * ASKED)
    assert keys(session) == expected[:ASKED]


async def test_watching_what_expires_keeps_the_survey_going(valkey: Server, open_session: Open, until: Until) -> None:
    fill(valkey, 5)
    session = open_session(valkey)
    with session.of(Expiries).feed.hold():
        await until(lambda: session.of(Survey).feed.latest)
        valkey.ask("SET", "soonest", "x", "EX", 30)
        await until(lambda: session.of(Expiries).feed.latest and keys(session)[:1] == [b"soonest"])
    await until(lambda: not session.of(Survey).feed.watched)
