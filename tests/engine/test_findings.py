"""Findings beside a living survey: everything that is planted, nothing else, and no question that nobody needs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random

import pytest

from tests.conftest import Open, Until
from tests.drifting import BUILT_IN, kinds
from tests.engine.schema.test_drift import PLANTED, filled
from tests.servers import HOST, Server
from tui.demo import SYSTEMS
from tui.engine.address import Address
from tui.engine.findings import Findings, Known
from tui.engine.session import Session
from tui.engine.survey import Survey


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an application does between two looks takes no time in these tests, and pass follows upon pass."""
    monkeypatch.setattr("tui.engine.schema.closer.SECOND_LOOK", 0.01)
    monkeypatch.setattr("tui.engine.survey.PASS_LEAST", 0.05)
    monkeypatch.setattr("tui.engine.survey.PASS_MOST", 0.05)


def known(session: Session) -> Known:
    latest = session.of(Findings).feed.latest
    assert latest is not None
    return latest


async def looked(session: Session, until: Until) -> Known:
    """Watch until everything has been looked at."""
    feed = session.of(Findings).feed
    with feed.hold():
        await until(lambda: feed.latest and feed.latest.findings is not None and feed.latest.complete)
    return known(session)


class Seen:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.ended: list[int] = []
        self.passes: list[list[bytes]] = [[]]

    @property
    def keys(self) -> list[bytes]:
        return self.passes[-1]

    async def begin(self) -> None:
        self.passes.append([])

    def take(self, keys: Sequence[bytes], types: Sequence[bytes], ttls_ms: Sequence[int], sizes: Sequence[int]) -> None:
        assert len(keys) == len(types) == len(ttls_ms) == len(sizes)
        self.passes[-1].extend(keys)

    def end(self, keys: int) -> None:
        self.ended.append(keys)


# --- the hook


async def test_an_observer_is_shown_every_key_of_every_pass(server: Server, open_session: Open, until: Until) -> None:
    server.ask_all([("SET", f"k:{number}", 1) for number in range(3000)])
    session, seen = open_session(server), Seen()
    session.of(Survey).observe(seen)
    with session.of(Survey).feed.hold():
        await until(lambda: seen.ended)
        await until(lambda: len(seen.ended) > 1)
    for keys, count in zip(seen.passes[1:], seen.ended, strict=False):
        assert count == len(keys) == 3000
        assert set(keys) == {b"k:%d" % number for number in range(3000)}


async def test_an_observer_that_comes_late_sees_the_rest_and_then_whole_passes(
    valkey: Server, open_session: Open, until: Until
) -> None:
    valkey.ask_all([("SET", f"k:{number}", 1) for number in range(20_000)])
    session, early, late = open_session(valkey, scan_share=0.5), Seen(), Seen()
    survey = session.of(Survey)
    survey.observe(early)
    with survey.feed.hold():
        await until(lambda: early.keys)
        survey.observe(late)
        await until(lambda: len(late.ended) > 1)
    assert 0 < len(late.passes[0]) < late.ended[0] == 20_000
    assert len(late.passes[1]) == late.ended[1]


# --- findings


@pytest.mark.parametrize("name", SYSTEMS)
async def test_what_is_planted_is_found_and_nothing_else(
    valkey: Server, open_session: Open, until: Until, name: str
) -> None:
    filled(valkey, [name], drift=True, keys=0)
    found = await looked(open_session(valkey, schemas=(BUILT_IN[name],)), until)
    assert kinds(found.findings or ()) == PLANTED[name]
    assert found.departing == {one.family for one in found.findings or () if one.family is not None}
    assert not found.notes
    assert not found.suggestions


async def test_nothing_is_found_in_a_clean_keyspace(valkey: Server, open_session: Open, until: Until) -> None:
    filled(valkey, SYSTEMS, drift=False, keys=5000)
    found = await looked(open_session(valkey, schemas=tuple(BUILT_IN.values())), until)
    assert found.findings == ()
    assert found.failure is None


async def test_of_a_pass_under_way_the_part_that_was_seen_is_judged(
    valkey: Server, open_session: Open, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.engine.findings.FIRST", 0.1)
    monkeypatch.setattr("tui.engine.survey.BURST", 0.02)
    monkeypatch.setattr("tui.engine.survey.AT_ONCE", 0)
    filled(valkey, ["oauth-proxy"], drift=True, keys=12_000)
    session = open_session(valkey, scan_share=0.1, schemas=(BUILT_IN["oauth-proxy"],))
    feed = session.of(Findings).feed
    with feed.hold():
        await until(lambda: feed.latest and feed.latest.findings and not feed.latest.looking)
    found = known(session)
    assert not found.complete
    assert all(one.error > 0 for one in found.findings or ())
    assert ("missing-in-index", "access_token") in kinds(found.findings or ())


async def test_what_the_keys_alone_tell_is_shown_while_values_are_read(
    valkey: Server, open_session: Open, until: Until
) -> None:
    filled(valkey, ["faultmaven"], drift=True, keys=0)
    feed = open_session(valkey, scan_share=0.02, schemas=(BUILT_IN["faultmaven"],)).of(Findings).feed
    with feed.hold():
        await until(lambda: feed.latest and feed.latest.findings is not None)
        assert feed.latest is not None
        first = kinds(feed.latest.findings or ())
        assert feed.latest.looking
        assert ("deprecated", "case") in first
        assert ("no-ttl", "session") not in first, "few keys without a TTL may be about to get theirs"
        assert first < PLANTED["faultmaven"]


async def test_what_has_been_mended_is_no_finding_at_the_next_look(
    valkey: Server, open_session: Open, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.engine.findings.AGAIN", 0.0)
    valkey.ask_all([("SET", f"lock:flow:{number}", 1) for number in range(7)])
    session = open_session(valkey, schemas=(BUILT_IN["migration-platform"],))
    feed = session.of(Findings).feed
    with feed.hold():
        await until(lambda: feed.latest and feed.latest.complete)
        assert [(one.kind, one.count, one.error) for one in known(session).findings or ()] == [("no-ttl", 7, 0.0)]
        valkey.ask_all([("EXPIRE", f"lock:flow:{number}", 30) for number in range(7)])
        await until(lambda: known(session).findings == ())


async def test_nobody_asks_for_values_while_nobody_watches(valkey: Server, open_session: Open, until: Until) -> None:
    filled(valkey, ["oauth-proxy"], drift=True, keys=0)
    session = open_session(valkey, schemas=(BUILT_IN["oauth-proxy"],))
    session.of(Findings)

    def values() -> int:
        calls = session.deployment.footprint.calls
        return calls["getrange"] + calls["hmget"] + calls["sscan"]

    with session.of(Survey).feed.hold():
        passes = Seen()
        session.of(Survey).observe(passes)
        await until(lambda: len(passes.ended) > 1)
        assert not values()
        await looked(session, until)
        assert values()


async def test_reading_values_rests(valkey: Server, open_session: Open, until: Until) -> None:
    filled(valkey, ["oauth-proxy"], drift=True, keys=3000)
    session = open_session(valkey, scan_share=None, schemas=(BUILT_IN["oauth-proxy"],))
    rests: list[float] = []
    real = session.clock.sleep

    async def sleep(seconds: float) -> None:
        rests.append(seconds)
        await real(0 if seconds < 2 else seconds)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session.clock, "sleep", sleep)
        collector = session.of(Findings)
        with collector.feed.hold():
            await until(lambda: collector._look is not None and collector._look.busy)
            rests.clear()
            await until(lambda: collector.feed.latest and collector.feed.latest.complete)
    assert sum(rests) > 0.2, "so the server was asked for a twentieth of the time at most"


async def test_a_server_that_goes_away_is_looked_at_again(valkey: Server, open_session: Open, until: Until) -> None:
    filled(valkey, ["faultmaven"], drift=True, keys=0)
    session = open_session(valkey, schemas=(BUILT_IN["faultmaven"],))
    feed = session.of(Findings).feed
    with feed.hold():
        for _ in range(5):
            valkey.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            await asyncio.sleep(Random(1).random() / 50)
        await until(lambda: feed.latest and feed.latest.complete)
    assert kinds(known(session).findings or ()) == PLANTED["faultmaven"]
    assert known(session).failure is None


async def test_missing_permissions_are_notes(valkey: Server, open_session: Open, until: Until) -> None:
    filled(valkey, ["oauth-proxy"], drift=True, keys=0)
    rules = ("on", ">pw", "~*", "-@all", "+info", "+dbsize", "+scan", "+type", "+pttl", "+memory|usage", "+ping")
    valkey.ask("ACL", "SETUSER", "watcher", *rules)
    address = Address(HOST, valkey.port, username="watcher", password="pw")
    found = await looked(open_session(valkey, address, schemas=(BUILT_IN["oauth-proxy"],)), until)
    assert any("+getrange" in note for note in found.notes)
    assert ("no-ttl", "oauth_state") in kinds(found.findings or ())


async def test_families_of_the_survey_are_named_by_the_schema(valkey: Server, open_session: Open, until: Until) -> None:
    valkey.ask_all([("SET", f"lock:flow:{number}", 1, "EX", 30) for number in range(5)] + [("SET", "who:knows", 1)])
    session = open_session(valkey, schemas=(BUILT_IN["migration-platform"],))
    found = await looked(session, until)
    keyspace = session.of(Survey).feed.latest
    assert keyspace is not None
    named = {family.pattern: found.family_of(family.shape) for family in keyspace.families}
    lock = named["lock:flow:{int}"]
    assert lock is not None
    assert (lock.name, lock.ttl.said) == ("flow_lock", "30s")
    assert named["who:knows"] is None


# --- suggestions


async def test_a_schema_that_clearly_fits_is_suggested_once(valkey: Server, open_session: Open, until: Until) -> None:
    filled(valkey, ["oauth-proxy"], drift=False, keys=0)
    session = open_session(valkey)
    feed = session.of(Findings).feed
    with feed.hold():
        await until(lambda: feed.latest and feed.latest.suggestions)
    said = session.of(Findings).tell()
    assert said is not None
    assert said.startswith("looks like oauth-proxy: ")
    assert said.endswith(": --schema oauth-proxy")
    assert session.of(Findings).tell() is None
    assert not session.deployment.footprint.calls["getrange"], "shapes are enough"


async def test_nothing_is_suggested_for_keys_that_fit_nothing(valkey: Server, open_session: Open, until: Until) -> None:
    valkey.ask_all([("SET", f"thing:{number}", 1) for number in range(100)])
    session = open_session(valkey)
    feed = session.of(Findings).feed
    with feed.hold():
        await until(lambda: feed.latest)
    assert known(session).suggestions == ()
    assert session.of(Findings).tell() is None
