"""The outlook beside a living survey, on real servers."""

from __future__ import annotations

import pytest

from tests.conftest import Open, Until
from tests.servers import Server
from tui.engine.expiry.filling import State
from tui.engine.expiry.outlook import Outlook, Outlooks
from tui.engine.session import Session
from tui.engine.survey import Survey


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pass follows upon pass, and look upon look."""
    monkeypatch.setattr("tui.engine.survey.PASS_LEAST", 0.05)
    monkeypatch.setattr("tui.engine.survey.PASS_MOST", 0.05)
    monkeypatch.setattr("tui.engine.expiry.outlook.AGAIN", 0.0)


def outlook(session: Session) -> Outlook:
    latest = session.of(Outlooks).feed.latest
    assert latest is not None
    return latest


def cliffs(session: Session) -> list[tuple[str, int, float]]:
    latest = session.of(Outlooks).feed.latest
    return [(one.family.pattern, round(one.keys), one.keys_error) for one in (latest.cliffs if latest else ())]


async def test_a_stampede_on_its_way_is_called_out(server: Server, open_session: Open, until: Until) -> None:
    server.ask_all([("SET", f"cache:page:{n}", "x", "EX", 3000) for n in range(300)])
    server.ask_all([("SET", f"session:{n:08x}a", "x", "EX", 60 + 11 * n) for n in range(300)])
    server.ask_all([("SET", f"lock:{n}", "x", "PX", 20_000 + 130 * n) for n in range(300)])
    session = open_session(server)
    with session.of(Outlooks).feed.hold():
        await until(lambda: cliffs(session) == [("cache:page:{int}", 300, 0.0)])
        (found,) = outlook(session).cliffs
        assert found.cliff.at - outlook(session).wall == pytest.approx(3000, abs=20)
        server.ask_all([("EXPIRE", f"cache:page:{n}", 60 + 13 * n) for n in range(300)])
        await until(lambda: cliffs(session) == [])


async def test_a_cliff_that_is_over_is_none(valkey: Server, open_session: Open, until: Until) -> None:
    valkey.ask_all([("SET", f"cache:page:{n}", "x", "PX", 2500) for n in range(50)])
    session = open_session(valkey)
    with session.of(Outlooks).feed.hold():
        await until(lambda: cliffs(session) == [("cache:page:{int}", 50, 0.0)])
        await until(lambda: cliffs(session) == [])


async def test_of_a_part_of_the_keyspace_cliffs_come_with_their_error(
    valkey: Server, open_session: Open, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.engine.survey.BURST", 0.05)
    monkeypatch.setattr("tui.engine.survey.AT_ONCE", 0)
    valkey.ask_all([("SET", f"cache:page:{n}", "x", "EX", 3000) for n in range(15_000)])
    valkey.ask_all([("SET", f"user:{n}", "x") for n in range(15_000)])
    session = open_session(valkey, scan_share=0.05)
    with session.of(Outlooks).feed.hold():
        await until(lambda: cliffs(session))
        latest = outlook(session)
    assert not latest.keyspace.complete
    (found,) = latest.cliffs
    assert found.keys_error > 0
    assert abs(found.keys - 15_000) <= 2 * found.keys_error


async def test_the_choice_of_a_family_or_of_all(valkey: Server, open_session: Open, until: Until) -> None:
    valkey.ask_all([("SET", f"soon:{n}", "x", "EX", 50) for n in range(30)])
    valkey.ask_all([("SET", f"stay:{n}", "x") for n in range(20)])
    session = open_session(valkey)
    with session.of(Outlooks).feed.hold():
        await until(lambda: session.of(Outlooks).feed.latest and outlook(session).keyspace.complete)
    latest = outlook(session)
    assert latest.lifetimes((":", "soon", "{int}")).whole.keys == 30
    assert latest.lifetimes(None).whole.keys == 50
    assert latest.lifetimes((":", "gone")).whole.keys == 50
    family = latest.family((":", "stay", "{int}"))
    assert family is not None
    assert family.lifetimes.never.keys == 20


async def test_memory_that_fills_is_foretold(open_session: Open, until: Until, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.engine.expiry.filling.LEAST_SPAN", 0.6)
    with Server("valkey-9.1", "--maxmemory", "200mb") as server:
        session = open_session(server)
        with session.of(Outlooks).feed.hold():
            await until(lambda: session.of(Outlooks).feed.latest)
            assert outlook(session).filling.state is State.COLLECTING
            for number in range(40):
                server.ask("SET", f"big:{number}", "x" * 500_000)
                wall = outlook(session).wall
                await until(lambda before=wall: outlook(session).wall > before)  # type: ignore[misc]
            filling = outlook(session).filling
    assert filling.state is State.FILLING
    assert filling.limit == 200 << 20
    assert filling.full_in is not None
    assert 1 < filling.full_in < 60
    assert filling.earliest is not None
    assert filling.earliest <= filling.full_in


async def test_nobody_keeps_keys_while_nobody_watches(valkey: Server, open_session: Open, until: Until) -> None:
    valkey.ask_all([("SET", f"k:{n}", "x", "EX", 3000) for n in range(500)])
    session = open_session(valkey)
    outlooks = session.of(Outlooks)
    with session.of(Survey).feed.hold():
        latest = session.of(Survey).feed
        await until(lambda: latest.latest and latest.latest.complete)
        assert outlooks._sample.keys == 0
        assert outlooks._last is None
