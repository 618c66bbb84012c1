"""Revoking: exactly what was to fall, in the right order, and nothing of anybody else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Until
from tests.engine.revoke.conftest import Hasty, Live, executed, planned, revoked, roles_of
from tests.engine.revoke.layouts import (
    DAY,
    LAYOUTS,
    Arketic,
    Faultmaven,
    Fba,
    Layout,
    OauthProxy,
    fill,
    holdings,
    jwt,
    written,
)
from tests.servers import Server
from tui.engine.failure import Kind
from tui.engine.revoke.audit import hashed
from tui.engine.revoke.execute import PAUSE
from tui.engine.revoke.holdings import Holding
from tui.engine.revoke.wanted import Scope, Wanted

USER = Wanted(user=b"1")


@pytest.fixture(scope="module")
def shared() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture
def one(shared: Server) -> Server:
    """An empty database."""
    shared.ask("FLUSHALL")
    return shared


@pytest.fixture(params=LAYOUTS, ids=lambda layout: layout.schema)
def layout(request: pytest.FixtureRequest) -> Layout:
    found: Layout = request.param
    return found


async def test_all_of_a_user_goes_and_nothing_of_anybody_else(server: Server, live: Live, layout: Layout) -> None:
    fill(server, layout)
    before, usable = holdings(server), layout.usable(server, "1")
    node = await live(server)
    made = await planned(node, roles_of(layout), USER)
    grants = [holding for holding in made.keys if holding.role.grants]
    assert {holding.key for holding in grants} == usable
    assert len(usable) >= 5
    clock = Hasty()
    receipt = await executed(node, made, clock=clock)
    assert (receipt.counts.removed, receipt.verified, receipt.late.removed) == (receipt.planned, True, 0)
    assert (receipt.scans, clock.slept) == (2, [PAUSE])
    assert layout.usable(server, "1") == set()
    assert layout.listed(server, "1") == set()
    after = holdings(server)
    assert all(after[key] == before[key] for key in after)
    assert before.keys() - after.keys() == before.keys() & written(layout, "1", "1-0", "1-1", "1-2", "1-3", "1-9")


async def test_user_1_never_touches_user_10(server: Server, live: Live, layout: Layout) -> None:
    fill(server, layout)
    others = {user: layout.usable(server, user) for user in ("10", "100", "11", "01", "2")}
    listed = {user: layout.listed(server, user) for user in others}
    await revoked(await live(server), roles_of(layout), USER)
    assert {user: layout.usable(server, user) for user in others} == others
    assert {user: layout.listed(server, user) for user in others} == listed
    assert all(others.values())


def test_the_order_is_what_mints_then_what_grants_then_the_rest(layout: Layout) -> None:
    for rule in roles_of(layout).rules:
        names = [family.name for family in rule.order]
        refreshing = [name for name in names if "refresh" in name]
        assert names[: len(refreshing)] == refreshing
        assert len(rule.order) == len(set(rule.order))


async def test_keys_fall_in_order(one: Server, live: Live) -> None:
    fill(one, Fba())
    made = await planned(await live(one), roles_of(Fba()), USER)
    kinds = list(dict.fromkeys(holding.role.family.name for holding in made.keys))
    assert kinds == ["refresh_token", "token", "token_extra_info", "user"]


async def test_a_server_runs_it_in_one_transaction(one: Server, live: Live, layout: Layout) -> None:
    fill(one, layout)
    node = await live(one)
    made = await planned(node, roles_of(layout), USER)
    one.ask("CONFIG", "RESETSTAT")
    await executed(node, made)
    calls = one.ask("INFO", "commandstats").decode()
    assert "cmdstat_exec:calls=2" in calls  # the first one is empty: it tells whether this user may
    assert "cmdstat_del:" not in calls
    assert "cmdstat_keys:" not in calls


# --- one login, one token, a family


async def test_a_session_falls_with_its_refresh_token_and_the_others_stay(
    one: Server, live: Live, layout: Layout
) -> None:
    fill(one, layout)
    before = layout.usable(one, "1")
    node, roles = await live(one), roles_of(layout)
    keys = tuple(roles.candidates(layout.raw("1", "1-0").encode()))
    made = await planned(node, roles, Wanted(keys=keys, whole=True))
    assert made.scope is Scope.SESSION
    receipt = await executed(node, made)
    assert receipt.verified
    gone = before - layout.usable(one, "1")
    minting = layout.refresh_key("1", "1-0")
    assert minting is not None
    assert minting.encode() in gone
    assert len(gone) == (1 if isinstance(layout, Faultmaven) else 2)
    assert len(made.falling.staying) == len(before) - len(gone)
    assert len(layout.listed(one, "1")) >= 4 - isinstance(layout, Fba)


async def test_a_token_alone_says_that_its_refresh_token_stays(one: Server, live: Live) -> None:
    fill(one, OauthProxy())
    node, roles = await live(one), roles_of(OauthProxy())
    made = await planned(node, roles, Wanted(keys=(b"oauth:token:jti-1-0",)))
    assert [holding.key for holding in made.keys] == [b"oauth:token:jti-1-0"]
    assert [holding.key for holding in made.minting] == [OauthProxy().refresh_key("1", "1-0").encode()]
    receipt = await executed(node, made)
    assert (receipt.counts.removed, receipt.counts.entries, receipt.verified) == (1, 1, True)
    assert b"jti-1-0" not in OauthProxy().listed(one, "1")
    assert one.ask("EXISTS", OauthProxy().refresh_key("1", "1-0")) == 1


async def test_what_only_goes_along_names_its_login(one: Server, live: Live) -> None:
    fill(one, Fba())
    made = await planned(await live(one), roles_of(Fba()), Wanted(keys=(b"fba:token_extra_info:1:1-0",)))
    assert {holding.key for holding in made.keys} == {
        b"fba:token:1:1-0",
        b"fba:refresh_token:1:1-0",
        b"fba:token_extra_info:1:1-0",
    }


async def test_a_users_cache_stays_as_long_as_another_login_does(one: Server, live: Live) -> None:
    one.ask_all(Fba().login("7", "a") + Fba().login("7", "b"))
    node, roles = await live(one), roles_of(Fba())
    await revoked(node, roles, Wanted(keys=(b"fba:token:7:a",), whole=True))
    assert set(one.ask("KEYS", "*")) >= {b"fba:user:7", b"fba:token:7:b", b"fba:refresh_token:7:b"}
    await revoked(node, roles, Wanted(keys=(b"fba:token:7:b",), whole=True))
    assert one.ask("KEYS", "*") == []


async def test_a_family_falls_for_everybody(one: Server, live: Live) -> None:
    fill(one, Fba())
    node, roles = await live(one), roles_of(Fba())
    family = roles.schemas[0].family("refresh_token")
    made = await planned(node, roles, Wanted(family=family))
    count = len(one.ask("KEYS", "fba:refresh_token:*"))
    assert (made.scope, len(made.keys)) == (Scope.FAMILY, count)
    receipt = await executed(node, made)
    assert receipt.verified
    assert one.ask("KEYS", "fba:refresh_token:*") == []
    assert len(one.ask("KEYS", "fba:token:*")) == count
    await revoked(node, roles, Wanted(family=roles.schemas[0].family("token"), whole=True))
    assert [key for key in one.ask("KEYS", "fba:*") if not key.startswith(b"fba:token_online")] == []


# --- finding


@pytest.mark.parametrize("number", range(4))
async def test_a_pasted_token_is_found(one: Server, live: Live, layout: Layout, number: int) -> None:
    fill(one, layout)
    roles = roles_of(layout)
    keys = roles.candidates(layout.raw("10", f"10-{number}").encode())
    made = await planned(await live(one), roles, Wanted(keys=tuple(keys), whole=True))
    assert made.user == b"10"
    assert any(holding.role.grants for holding in made.keys)


async def test_a_pasted_refresh_token_is_found_as_it_is_and_by_its_hash(one: Server, live: Live) -> None:
    for layout, raw in ((OauthProxy(), None), (Arketic(), "raw refresh 1/1-0")):
        fill(one, layout)
        key = layout.refresh_key("1", "1-0")
        assert key is not None
        token = raw or key.removeprefix("oauth:refresh:")
        keys = tuple(roles_of(layout).candidates(token.encode()))
        made = await planned(await live(one), roles_of(layout), Wanted(keys=keys))
        assert [holding.key for holding in made.keys] == [key.encode()]


async def test_a_token_in_plain_text_is_found_as_it_is(one: Server, live: Live) -> None:
    one.ask("SET", "auth:token:fm_plain_text", "user_1", "EX", 100)
    roles = roles_of(Faultmaven())
    keys = tuple(roles.candidates(b"fm_plain_text"))
    receipt = await revoked(await live(one), roles, Wanted(keys=keys))
    assert (receipt.counts.removed, one.ask("DBSIZE")) == (1, 0)


async def test_nothing_is_found_where_nothing_is(one: Server, live: Live, layout: Layout) -> None:
    fill(one, layout)
    node, roles = await live(one), roles_of(layout)
    assert (await planned(node, roles, Wanted(user=b"nobody"))).keys == ()
    keys = tuple(roles.candidates(b"no token at all"))
    assert (await planned(node, roles, Wanted(keys=keys))).keys == ()


async def test_a_long_value_is_read_whole_before_it_says_whose_it_is(one: Server, live: Live) -> None:
    talk = [{"user_id": "1", "text": "x" * 1000}] * 30
    one.ask("SET", "session:abc", json.dumps({"log": talk, "user_id": "10"}), "EX", 100)
    one.ask("SET", "session:def", json.dumps({"log": talk, "user_id": "1"}), "EX", 100)
    node, roles = await live(one), roles_of("arketic")
    made = await planned(node, roles, USER)
    assert [holding.key for holding in made.keys] == [b"session:def"]
    assert made.unread == 0


async def test_a_token_that_says_nowhere_whose_it_is_is_told_by_the_index_or_counted(one: Server, live: Live) -> None:
    one.ask_all([("SET", "oauth:token:j1", "garbage"), ("SET", "oauth:token:j2", "garbage")])
    one.ask("SADD", "oauth:user_tokens:1", "j1")
    made = await planned(await live(one), roles_of("oauth-proxy"), USER)
    assert [holding.key for holding in made.keys] == [b"oauth:token:j1"]
    assert made.unowned == 1


async def test_the_only_thing_left_of_a_login_is_still_found_by_its_index(one: Server, live: Live) -> None:
    one.ask_all([("SET", "session:refresh:" + "a" * 64, "9f3c"), ("SADD", "session:user:1", "9f3c")])
    receipt = await revoked(await live(one), roles_of("arketic"), USER)
    assert (receipt.counts.removed, receipt.counts.entries, one.ask("DBSIZE")) == (1, 1, 0)


async def test_a_session_of_faultmaven_falls_with_the_key_that_finds_it(one: Server, live: Live) -> None:
    for user, session, client in (("1", "sess_a", "c1"), ("10", "sess_b", "c1"), ("1", "sess_c", "c2")):
        one.ask("SET", f"session:{session}", json.dumps({"user_id": user, "client_id": client}), "EX", 100)
        one.ask("SET", f"client_session:{user}:{client}", session, "EX", 100)
    receipt = await revoked(await live(one), roles_of("faultmaven"), USER)
    assert (receipt.counts.removed, receipt.counts.entries) == (2, 2)
    assert sorted(one.ask("KEYS", "*")) == [b"client_session:10:c1", b"session:sess_b"]


@pytest.mark.parametrize("make", ["SADD", "RPUSH", "HSET", "ZADD"])
async def test_an_index_may_be_of_any_type(one: Server, live: Live, make: str) -> None:
    one.ask_all([command for command in Faultmaven().login("1", "1-0") if command[0] not in ("SADD", "RPUSH")])
    members = {"HSET": ("tok-1-0", "x", "tok-other", "x"), "ZADD": (1, "tok-1-0", 2, "tok-other")}
    one.ask(make, "auth:user_tokens:1", *members.get(make, ("tok-1-0", "tok-other")))
    keys = tuple(roles_of("faultmaven").candidates(Faultmaven().raw("1", "1-0").encode()))
    receipt = await revoked(await live(one), roles_of("faultmaven"), Wanted(keys=keys, whole=True))
    assert (receipt.counts.removed, receipt.counts.entries, receipt.verified) == (2, 1, True)
    assert one.ask("KEYS", "*") == [b"auth:user_tokens:1"]
    assert (await revoked(await live(one), roles_of("faultmaven"), USER)).verified


# --- what changes meanwhile


async def test_what_belongs_to_somebody_else_by_now_stays(one: Server, live: Live) -> None:
    fill(one, Arketic())
    node, roles = await live(one), roles_of(Arketic())
    made = await planned(node, roles, USER)
    keys = [holding.key for holding in made.keys if holding.role.family.name == "session"]
    one.ask("SET", keys[0], json.dumps({"user_id": "2"}), "EX", 100)
    one.ask("DEL", keys[1])
    receipt = await executed(node, made)
    assert (receipt.counts.changed, receipt.counts.gone) == (1, 1)
    assert receipt.verified
    assert one.ask("EXISTS", keys[0]) == 1
    assert Arketic().usable(one, "1") == set()


async def test_a_login_that_came_after_the_plan_goes_as_well(one: Server, live: Live, layout: Layout) -> None:
    fill(one, layout)
    node = await live(one)
    made = await planned(node, roles_of(layout), USER)
    one.ask_all(layout.login("1", "1-late"))
    receipt = await executed(node, made)
    assert receipt.verified
    assert receipt.late.removed >= 1
    assert layout.usable(one, "1") == set()
    assert layout.listed(one, "1") == set()


async def test_who_logs_in_again_and_again_is_not_called_revoked(one: Server, live: Live) -> None:
    fill(one, Fba())
    node = await live(one)
    made = await planned(node, roles_of(Fba()), USER)

    class Stubborn(Hasty):
        async def sleep(self, seconds: float) -> None:
            await super().sleep(seconds)
            one.ask_all(Fba().login("1", f"again-{len(self.slept)}"))

    receipt = await executed(node, made, clock=Stubborn())
    assert not receipt.verified
    assert receipt.failure is None
    assert receipt.scans == 10


async def test_a_session_that_never_stands_still_goes_all_the_same(one: Server, live: Live) -> None:
    """Each WATCH would be in vain: somebody writes to the session between any two of our questions."""
    fill(one, Arketic())
    node = await live(one)
    made = await planned(node, roles_of(Arketic()), USER)
    hot = next(holding.key for holding in made.keys if holding.role.family.name == "session")
    with pytest.MonkeyPatch.context() as patch:
        from tui.engine.revoke.removing import Remover

        look = Remover._look_at_entries

        async def meanwhile(self: Remover, *arguments: object) -> None:
            await look(self, *arguments)  # type: ignore[arg-type]
            one.ask("EXPIRE", hot, 3600)

        patch.setattr(Remover, "_look_at_entries", meanwhile)
        receipt = await executed(node, made)
    assert receipt.verified
    assert Arketic().usable(one, "1") == set()


async def test_a_restarted_server_is_refused(valkey: Server, live: Live, until: Until) -> None:
    fill(valkey, Fba())
    node = await live(valkey)
    made = await planned(node, roles_of(Fba()), USER)
    identity = node.identity
    valkey.kill()
    valkey.start()
    await until(lambda: node.identity is not identity)
    fill(valkey, Fba())
    receipt = await executed(node, made)
    assert receipt.failure is not None
    assert receipt.failure.kind is Kind.CHANGED
    assert (receipt.counts.removed, receipt.counts.skipped) == (0, len(made.keys))


# --- permissions


async def test_without_permission_nothing_happens_and_the_rule_is_named(one: Server, live: Live) -> None:
    fill(one, OauthProxy())
    node = await live(one)
    made = await planned(node, roles_of(OauthProxy()), USER)
    one.ask("ACL", "SETUSER", "default", "-unlink")
    try:
        receipt = await executed(node, made)
    finally:
        one.ask("ACL", "SETUSER", "default", "+@all")
    assert receipt.failure is not None
    assert "+unlink" in receipt.failure.sentence
    assert (receipt.counts.removed, receipt.verified) == (0, False)
    assert len(OauthProxy().listed(one, "1")) == 5


async def test_a_key_that_may_not_be_read_is_never_called_revoked(one: Server, live: Live) -> None:
    fill(one, OauthProxy())
    one.ask("ACL", "SETUSER", "default", "resetkeys", "~oauth:token:*", "~oauth:user_tokens:*")
    try:
        node = await live(one)
        made = await planned(node, roles_of(OauthProxy()), USER)
        receipt = await executed(node, made)
    finally:
        one.ask("ACL", "SETUSER", "default", "~*")
    assert made.unread > 0
    assert (receipt.counts.removed, receipt.verified, receipt.failure) == (receipt.planned, False, None)


async def test_a_key_that_may_not_be_removed_stays_in_its_index(one: Server, live: Live) -> None:
    fill(one, OauthProxy())
    if isinstance(one.ask("ACL", "SETUSER", "default", "resetkeys", "%R~*", "%RW~oauth:[ru]*"), Exception):
        pytest.skip("this server does not tell reading from writing")
    try:
        node = await live(one)
        receipt = await revoked(node, roles_of(OauthProxy()), USER)
    finally:
        one.ask("ACL", "SETUSER", "default", "~*")
    assert receipt.counts.failed == 5
    assert receipt.counts.removed == 5
    assert not receipt.verified
    assert len(OauthProxy().listed(one, "1")) == 4  # the one that stood for nothing is gone
    assert receipt.reasons[0][0] == "no permission for this key"


# --- tokens that need no server


async def test_access_lives_on_where_tokens_are_stateless(one: Server, live: Live) -> None:
    fill(one, OauthProxy())
    one.ask("SET", "oauth:token:long", json.dumps({"jti": "long", "username": "1", "exp": 3_000_000_000}), "EX", DAY)
    receipt = await revoked(await live(one), roles_of(OauthProxy()), USER)
    assert receipt.plan.stateless
    assert receipt.access_lives_until == 3_000_000_000
    one.ask("FLUSHALL")
    fill(one, Fba())
    receipt = await revoked(await live(one), roles_of(Fba()), USER)
    assert (receipt.plan.stateless, receipt.access_lives_until) == (False, None)


# --- many


async def test_very_many_go_in_chunks(one: Server, live: Live) -> None:
    commands = [command for number in range(300) for command in Fba().login("1", f"n{number}")]
    one.ask_all(commands + Fba().login("10", "ten"))
    node = await live(one)
    receipt = await revoked(node, roles_of(Fba()), USER, chunk=100)
    assert (receipt.counts.removed, receipt.counts.entries, receipt.verified) == (901, 300, True)
    assert max(one.ask("KEYS", "*")) == b"fba:user:10"
    assert one.ask("SMEMBERS", "fba:token_online") == [b"ten"]


# --- what is written down


async def test_the_audit_log_tells_who_and_how_many_and_no_secret(one: Server, live: Live, tmp_path: Path) -> None:
    fill(one, OauthProxy())
    log = tmp_path / "state" / "audit.log"
    receipt = await revoked(await live(one), roles_of(OauthProxy()), USER, audit=log)
    first, second = (json.loads(line) for line in log.read_text().splitlines())
    assert (first["event"], second["event"]) == ("revocation began", "revocation ended")
    assert first["user"] == second["user"] == "1"
    assert first["id"] == second["id"] == receipt.plan.id
    assert (second["removed"], second["verified"]) == (receipt.planned, True)
    key = OauthProxy().refresh_key("1", "1-0").encode()
    assert hashed(key) in first["key_hashes"]
    assert "secret-" not in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600


async def test_where_nothing_can_be_written_down_nothing_is_removed(one: Server, live: Live, tmp_path: Path) -> None:
    fill(one, OauthProxy())
    before = holdings(one)
    (tmp_path / "state").write_text("a file where a folder should be")
    receipt = await revoked(await live(one), roles_of(OauthProxy()), USER, audit=tmp_path / "state" / "audit.log")
    assert receipt.failure is not None
    assert "audit log" in receipt.failure.sentence
    assert holdings(one) == before


def test_no_repr_tells_a_key(tmp_path: Path) -> None:
    roles = roles_of("oauth-proxy")
    role = roles.of[roles.schemas[0].family("refresh_token")][0]
    holding = Holding(b"oauth:refresh:canary-key", role, b"ann", b"canary-session", None)
    wanted = Wanted(keys=(b"oauth:refresh:canary-key",))
    assert "canary" not in repr(holding) + repr(wanted)
    assert "canary" not in holding.shown


def test_a_jwt_as_these_tests_make_it_has_three_parts() -> None:
    assert jwt(sub="1").count(".") == 2
