"""`redtop acl`: what is printed is enough for what it is for, and nothing in it can be left out."""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from tests.engine.expiry.retime.test_retime import SET, executed, planned, undone
from tests.engine.expiry.retime.test_retime import fill as fill_locks
from tests.engine.purge.conftest import THOROUGH
from tests.engine.streams.test_acts import entries_of
from tests.engine.streams.test_acts import fill as fill_stream
from tests.servers import HOST, Server
from tui.cli import main
from tui.engine.address import Address
from tui.engine.commands import Purpose, exchange, name_of
from tui.engine.deployment import Deployment
from tui.engine.onekey.edit import Rename, SetTtl, apply
from tui.engine.onekey.inspect import KeyFacts, look
from tui.engine.rules import Rules, Wanted, beginning, rules_for, server_of, touched_by
from tui.engine.session import Session
from tui.engine.streams.acts.base import Act
from tui.engine.streams.acts.entries import DeleteEntries
from tui.engine.streams.acts.pending import Acknowledge, Claim
from tui.engine.streams.acts.plan import plan_add, plan_delete_consumer, plan_delete_group, plan_set_id
from tui.engine.streams.acts.plan_trim import plan_trim
from tui.engine.streams.acts.run import carry_out, take_back
from tui.options import BAD_USAGE, COULD_NOT_LOOK, FINE, NOT_ALL
from tui.settings import schemas_of

KINDS = ("set", "zset", "hash", "list")

TOKENS = 'title = "logins"\n[families.token]\npattern = "tok:{user}:{id}"\npurpose = "a login"\n' + "".join(
    f'[families.by_{kind}]\npattern = "by:{kind}:{{user}}"\ntype = "{kind}"\npurpose = "index"\n'
    f'[indexes.{kind}]\nfamily = "by_{kind}"\nholds = "id"\nof = "token"\n'
    for kind in KINDS
)
TOKENS += f'[tokens.login]\npurpose = "a login"\nuser = "user"\ngrants = ["token"]\nindexes = {json.dumps(KINDS)}\n'


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Journals, audit log and settings of nobody; the pause between two looks has tests of its own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr("tui.engine.revoke.execute.PAUSE", 0.01)
    (tmp_path / "logins.toml").write_text(TOKENS)
    return tmp_path


def place(server: Server) -> list[str]:
    return ["-h", HOST, "-p", str(server.port), "--user", "redtop", "-a", "pw"]


def purge(server: Server, folder: Path) -> None:
    """Purge keys of several types with undo, take it back, and purge them for good."""
    server.ask_all([("SET", f"cache:{n}", "x", "EX", 9000 + n) for n in range(20)])
    server.ask_all([("HSET", f"cache:h{n}", "f", "v") for n in range(10)])
    assert main(["purge", "cache:", "--expect", "30", *place(server)]) == 0
    assert main(["undo", *place(server)]) == 0
    assert main(["purge", "cache:", "--expect", "30", "--no-undo", *place(server)]) == 0
    assert server.ask("DBSIZE") == 0


def revoke(server: Server, folder: Path) -> None:
    """Revoke the logins of one user, which indexes of every kind name."""
    server.ask_all([("SET", f"tok:{user}:{n}", "x", "EX", 999) for user in ("ann", "bob") for n in range(3)])
    for user in ("ann", "bob"):
        names = range(3)
        server.ask("SADD", f"by:set:{user}", *names)
        server.ask("RPUSH", f"by:list:{user}", *names)
        server.ask("ZADD", f"by:zset:{user}", *(word for n in names for word in (1, n)))
        server.ask("HSET", f"by:hash:{user}", *(word for n in names for word in (n, "x")))
    schema = str(folder / "logins.toml")
    given = ["--schema", schema, *place(server), "revoke", "--user", "ann"]
    assert main([*given, "--expect", "3"]) == 0
    assert server.ask("EXISTS", *(f"tok:ann:{n}" for n in range(3))) == 0
    assert server.ask("EXISTS", *(f"by:{kind}:ann" for kind in KINDS)) == 0


def edit(server: Server, folder: Path) -> None:
    """Change the TTL and the name of a key, and the TTLs of a family, and take those back."""
    server.ask_all([("SET", "one", "x"), ("SET", "two", "x")])
    fill_locks(server, 100)

    async def changes(deployment: Deployment) -> None:
        for change in (SetTtl(b"one", 90.0), SetTtl(b"one", None), Rename(b"two", b"three")):
            facts = await look(deployment, change.key)
            assert isinstance(facts, KeyFacts)
            assert await apply(deployment, change, facts) is None
        node = deployment.nodes[0]
        receipt = await executed(node, await planned(node, SET), SET, folder / "journals")
        await undone(node, receipt.journal)

    asyncio.run(connected(server, changes))


def streams(server: Server, folder: Path) -> None:
    """Act on a stream in every way, and take back what can be."""
    fill_stream(server)

    async def changes(deployment: Deployment) -> None:
        async def done(act: object, *, back: bool = True) -> None:
            assert isinstance(act, Act), act
            receipt = await carry_out(deployment, act)
            assert receipt.failure is None
            assert all(one.failure is None for one in (await take_back(deployment, act) if back else ()))

        wall = deployment.clock.wall()
        await done(Acknowledge(b"log", b"g", await entries_of(deployment, b"ann"), wall))
        await done(Claim(b"log", b"g", b"bob", await entries_of(deployment, b"ann"), wall))
        await done(await plan_set_id(deployment, b"log", b"g", None))
        await done(await plan_delete_consumer(deployment, b"log", b"g", b"ann"))
        await done(await plan_delete_group(deployment, b"log", b"g"))
        await done(await plan_add(deployment, b"log", [(b"a", b"1")]), back=False)
        await done(DeleteEntries(b"log", (b"1-1",)), back=False)
        await done(await plan_trim(deployment, b"log", keep=10), back=False)

    asyncio.run(connected(server, changes))


async def connected(server: Server, work: Callable[[Deployment], Awaitable[None]]) -> None:
    """Work as the printed user."""
    session = Session(Address(HOST, server.port, username="redtop", password="pw"))
    running = asyncio.create_task(session.run())
    try:
        await session.deployment.nodes[0].ask(exchange([b"PING"]))
        await work(session.deployment)
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


DRIVES: dict[Purpose, Callable[[Server, Path], None]] = {
    Purpose.PURGE: purge,
    Purpose.REVOKE: revoke,
    Purpose.EDIT: edit,
    Purpose.STREAMS: streams,
}


def make(server: Server, rules: Rules, without: str | None = None) -> None:
    """Make the printed user, or one that lacks a rule."""
    words = [word for word in rules.words if word != (without or "").encode()]
    assert server.ask(*(b">pw" if word == b">PASSWORD" else word for word in words)) == b"OK"


def rules_of(server: Server, *purposes: Purpose, changes: Sequence[bytes] = ()) -> Rules:
    return rules_for(Wanted(frozenset(purposes), server=server_of(str(server.product)), changes=changes))


def beside_watching(server: Server, purpose: Purpose) -> set[str]:
    """Rules that this purpose adds."""
    return set(rules_of(server, purpose).commands) - set(rules_of(server).commands)


def used(server: Server) -> set[str]:
    """Rules that connections of redtop have made use of; EXEC, which the test never says, is in no slow log."""
    sent = (words for *_, words, _, name in server.ask("SLOWLOG", "GET", -1) if name.startswith(b"redtop"))
    stats = server.ask("INFO", "commandstats")
    return {f"+{name_of(words)}" for words in sent} | ({"+exec"} if b"cmdstat_exec:" in stats else set())


def start_noting(server: Server) -> None:
    server.ask_all([("CONFIG", "SET", "slowlog-max-len", 10**5), ("CONFIG", "SET", "slowlog-log-slower-than", 0)])
    server.ask_all([("CONFIG", "RESETSTAT"), ("SLOWLOG", "RESET"), ("ACL", "LOG", "RESET")])


@pytest.mark.parametrize("purpose", DRIVES)
def test_the_printed_user_is_refused_nothing_and_uses_every_rule_beside_those_for_watching(
    server: Server, purpose: Purpose, tmp_path: Path
) -> None:
    make(server, rules_of(server, purpose))
    start_noting(server)
    DRIVES[purpose](server, tmp_path)
    assert server.ask("ACL", "LOG") == []
    assert beside_watching(server, purpose) - used(server) == set()


@pytest.mark.parametrize("purpose", DRIVES)
def test_without_one_of_these_rules_just_that_is_refused(valkey: Server, purpose: Purpose, tmp_path: Path) -> None:
    """What watching needs is left out rule by rule in tests/test_rights.py."""
    dropped = sorted(beside_watching(valkey, purpose))
    for rule in dropped if THOROUGH else dropped[:2]:
        valkey.ask("FLUSHALL")
        make(valkey, rules_of(valkey, purpose), without=rule)
        start_noting(valkey)
        with suppress(AssertionError):
            DRIVES[purpose](valkey, tmp_path)
        refused = {dict(zip(entry[::2], entry[1::2], strict=True))[b"object"] for entry in valkey.ask("ACL", "LOG")}
        assert refused == {rule.removeprefix("+").encode()}


def test_a_prefix_is_where_changes_may_be_made_and_nowhere_else(valkey: Server, tmp_path: Path) -> None:
    make(valkey, rules_of(valkey, Purpose.PURGE, changes=[beginning(b"cache:")]))
    start_noting(valkey)
    purge(valkey, tmp_path)
    assert valkey.ask("ACL", "LOG") == []
    valkey.ask("SET", "other:1", "x")
    assert main(["purge", "other:", "--expect", "1", *place(valkey)]) == NOT_ALL
    assert valkey.ask("EXISTS", "other:1") == 1
    (entry,) = valkey.ask("ACL", "LOG")
    assert entry[entry.index(b"object") + 1] == b"other:1"


def test_a_schema_says_which_keys_revoking_changes(valkey: Server, state: Path) -> None:
    make(valkey, rules_of(valkey, Purpose.REVOKE, changes=touched_by(schemas_of([str(state / "logins.toml")]))))
    start_noting(valkey)
    revoke(valkey, state)
    assert valkey.ask("ACL", "LOG") == []


def test_in_another_database_selecting_it_takes_a_rule(valkey: Server, capsys: pytest.CaptureFixture[str]) -> None:
    valkey.ask_all([("SELECT", 3), ("SET", "key", "x")])
    for db, code in ((0, COULD_NOT_LOOK), (3, FINE)):
        make(valkey, rules_for(Wanted(frozenset(), db=db)))
        assert main(["report", *place(valkey), "-n", "3"]) == code
    assert "+select" in capsys.readouterr().err
    assert valkey.ask("ACL", "LOG")[0][7] == b"select"


# -- the command ----------------------------------------------------------------------------------------------------


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("ACL SETUSER")]


def test_without_a_kind_there_is_a_line_for_each_and_a_sentence_what_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["acl"]) == 0
    out = capsys.readouterr().out
    assert len(lines(out)) == len(Purpose)
    out = " ".join(out.replace("#", "").split())
    assert all(f"{purpose} (" in out for purpose in Purpose)
    assert "--for redis-6.2" in out


def test_several_kinds_make_one_user(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["acl", "purge", "revoke", "--user", "ann"]) == 0
    (line,) = lines(capsys.readouterr().out)
    assert line.startswith("ACL SETUSER ann reset on >PASSWORD ~* &* ")
    assert {"+restore", "+srem", "+type"} <= set(line.split())


def test_what_is_printed_for_a_server_can_be_pasted_there(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["acl", "--for", str(server.product), "-n", "2"]) == 0
    pasted = [line for line in lines(capsys.readouterr().out) if "sentinel" not in line]
    assert server.ask_all([tuple(shlex.split(line)) for line in pasted]) == [b"OK"] * (len(Purpose) - 1)


def test_the_document_has_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["acl", "purge", "--prefix", "a b", "--prefix", "c[", "--for", "valkey-8.1", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    (user,) = document["users"]
    assert document["document_version"] == 1
    assert user["purposes"] == ["purge", "watch"]
    assert user["server"] == {"product": "Valkey", "version": "8.1"}
    assert user["keys"] == ["%R~*", "~a?b*", '"~c\\\\[*"']
    assert user["line"].split()[:4] == ["ACL", "SETUSER", "redtop", "reset"]
    assert "+hpttl" not in user["commands"]
    assert set(user["commands"]) <= set(user["line"].split())


@pytest.mark.parametrize(
    ("args", "part"),
    [
        (["watch", "--prefix", "a"], "watching looks at every key"),
        (["--prefix", "a"], "say what for"),
        (["purge", "--schema", "oauth-proxy"], "--schema says which keys revoking changes"),
        (["purge", "--prefix", "a", "--for", "redis-6.2"], "cannot tell reading a key from changing it"),
        (["watch", "--for", "memcached"], "such as redis-6.2"),
        (["watch", "--user", "a b"], "no blanks"),
        (["watch", "-n", "x"], "a database is a number"),
        (["sentinel", "watch"], "a server of its own"),
        (["nonsense"], "is not one of"),
        (["revoke", "--schema", "nowhere"], "nowhere"),
    ],
)
def test_what_cannot_be_is_one_sentence(args: list[str], part: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["acl", *args]) == BAD_USAGE
    said = capsys.readouterr()
    assert said.out == ""
    assert part in said.err
    assert said.err.count("\n") == 1
