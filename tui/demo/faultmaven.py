"""faultmaven: conversation sessions, accounts, hashed API tokens and report indexes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from tui.demo.system import System, put
from tui.demo.wire import Command
from tui.demo.world import Pool, World

HALF_HOUR, DAY, CLOSED = 1800, 86_400, 90 * 86_400
REPORT_TYPES = ("INCIDENT_REPORT", "RCA_REPORT", "RUNBOOK")
SESSIONS = 420
"""Kept alive at once; the document expects 100 to 1000 of 5 to 10 KB."""

OPEN_CASES, CLOSED_CASES = 60, 150
"""The oldest open case is closed, the oldest closed one removed, when there are more: a demo may run for days."""

TOKENS = 90
"""Tokens in use at once; the document expects 10 to 100."""

CI_LOGINS = 250
"""Tokens that a build server has asked for, one for each run, and never given back."""


class Faultmaven(System):
    """See SYSTEMS.md, part 2."""

    name = "faultmaven"
    share = 0.12

    def __init__(self, world: World) -> None:
        """Choose the users."""
        super().__init__(world)
        self.users = [f"user_{world.hex(8)}" for _ in range(48)]
        self.sessions: Pool[tuple[str, str, str]] = Pool(SESSIONS)
        self.tokens: Pool[tuple[str, str, str]] = Pool(TOKENS)
        self.open_cases: deque[list[str]] = deque()
        self.closed_cases: deque[list[str]] = deque()
        self.deck = ((self._session, 2), (self._report, 1), (self._login, 2), (self._report, 1))

    @property
    def weight(self) -> float:
        """Its part of the rest of the prefill: none without drift, for the document expects no more keys."""
        return self.share if self.drift else 0.0

    def essentials(self) -> Iterator[Command]:
        """Yield every family once or more."""
        for user in self.users:
            yield from self._account(user)
        for _ in range(90):
            yield from self._session()
        for _ in range(40):
            yield from self._login()
        for _ in range(35):
            yield from self._case(closed=self.world.chance(0.3))
        if self.drift:
            yield from self._drift()

    def act(self, dt: float) -> Iterator[Command]:
        """Talk: look sessions up, extend and rewrite them; validate tokens; file a report now and then."""
        world = self.world
        for _ in self.busy(16, dt):
            session = self.sessions.pick(world)
            yield ("GET", f"session:{session[0]}")
            yield from self._renew(session, rewrite=world.chance(0.2))
        for _ in self.busy(25, dt, 0.3):
            yield self.checked(f"auth:token:{self.tokens.pick(world)[0]}", f"auth:token:{world.sha256()}")
        for _ in self.busy(3, dt, 0.6):
            _, token, _ = self.tokens.pick(world)
            if self.holds("token", token):
                yield ("HSET", f"auth:token_meta:{token}", "last_used", world.iso())
                yield ("EXPIRE", f"auth:token_meta:{token}", DAY)
        for _ in self.busy(0.5, dt):
            yield from self._session()
        if len(self.sessions) > 200 and world.chance(0.35 * dt):
            yield from self._end_session(*self.sessions.take(world))
        if world.every("login", 4):
            yield from self._login()
        if len(self.tokens) > 60 and world.every("logout", 5):
            yield from self._logout(*self.tokens.take(world))
        if world.every("case", 12):
            yield from self._case(closed=world.chance(0.4))

    # -- accounts and tokens ----------------------------------------

    def _account(self, user: str) -> Iterator[Command]:
        world = self.world
        email = world.email()
        name = email.split("@")[0]
        yield (
            "HSET",
            f"auth:user:{user}",
            *(
                "user_id",
                user,
                "username",
                name,
                "email",
                email,
                "display_name",
                name.replace(".", " ").title(),
            ),
            *("hashed_password", f"$2b$12${world.secret(53)}", "created_at", world.iso(40 * DAY)),
            *("last_login", world.iso(3000), "roles", '["user"]'),
        )
        yield put(f"auth:username:{name}", user)
        yield put(f"auth:email:{email}", user)
        yield ("RPUSH", "auth:user_list", user)

    def _login(self, user: str = "", *, indexed: bool = True) -> Iterator[Command]:
        world = self.world
        user, digest, token = user or world.pick(self.users), world.sha256(), f"tok_{world.hex(12)}"
        left = world.ttl(DAY)
        keys = (f"auth:token:{digest}", f"auth:token_meta:{token}")
        self.lease(("token", token), left, ("DEL", *keys), ("LREM", f"auth:user_tokens:{user}", 1, token))
        yield put(f"auth:token:{digest}", user, left)
        meta = ("token_id", token, "user_id", user, "token_hash", digest, "is_revoked", "false")
        times = ("created_at", world.iso(DAY - left), "last_used", world.iso(60), "expires_at", world.iso(-left))
        yield ("HSET", f"auth:token_meta:{token}", *meta, *times, "usage_count", world.bits(8))
        yield ("EXPIRE", f"auth:token_meta:{token}", left)
        if indexed:
            yield ("LPUSH", f"auth:user_tokens:{user}", token)
            yield ("LTRIM", f"auth:user_tokens:{user}", 0, 19)
            yield ("EXPIRE", f"auth:user_tokens:{user}", DAY)
        oldest = self.tokens.add((digest, token, user))
        if oldest and not self.drift:
            yield from self._logout(*oldest)

    def _logout(self, digest: str, token: str, user: str) -> Iterator[Command]:
        yield ("DEL", f"auth:token:{digest}", f"auth:token_meta:{token}")
        yield ("LREM", f"auth:user_tokens:{user}", 1, token)

    # -- sessions ----------------------------------------

    def _session(self) -> Iterator[Command]:
        world = self.world
        if world.now == world.start and len(self.sessions) == SESSIONS:
            # The prefill of a large demo: more sessions than the document expects would be bigger, not truer.
            yield from self._report()
            yield from self._report()
            return
        session = (f"sess_{world.hex(12)}", world.pick(self.users), f"browser_{world.hex(6)}")
        left = world.ttl(HALF_HOUR)
        oldest = self.sessions.add(session)
        if oldest:
            yield from self._end_session(*oldest)
        yield put(f"session:{session[0]}", self._conversation(session), left)
        yield put(f"client_session:{session[1]}:{session[2]}", session[0], left)

    def _conversation(self, session: tuple[str, str, str]) -> str:
        world = self.world
        ids = f'"session_id":"{session[0]}","user_id":"{session[1]}","client_id":"{session[2]}"'
        turns = ",".join(
            f'{{"role":"{("user", "assistant")[turn % 2]}","content":"{world.prose(350 + world.bits(10))}"}}'
            for turn in range(6 + world.bits(2))
        )
        times = f'"created_at":"{world.iso(1200)}","last_activity":"{world.iso()}"'
        rest = f'"messages":[{turns}],"context":{{"phase":"triage"}}'
        return f'{{{ids},"case_id":"case_{world.hex(8)}",{times},{rest}}}'

    def _renew(self, session: tuple[str, str, str], *, rewrite: bool) -> Iterator[Command]:
        key = f"session:{session[0]}"
        if rewrite:
            # Only what is still there: a session that somebody has revoked must not come back.
            yield (*put(key, self._conversation(session), HALF_HOUR), "XX")
            yield (*put(f"client_session:{session[1]}:{session[2]}", session[0], HALF_HOUR), "XX")
        else:
            yield ("EXPIRE", key, HALF_HOUR)
            yield ("EXPIRE", f"client_session:{session[1]}:{session[2]}", HALF_HOUR)

    def _end_session(self, session: str, user: str, client: str) -> Iterator[Command]:
        yield ("DEL", f"session:{session}", f"client_session:{user}:{client}")

    # -- reports ----------------------------------------

    def _report(self) -> Iterator[Command]:
        report = f"rep_{self.world.hex(10)}"
        yield self._metadata(report, f"case_{self.world.hex(8)}", self.world.pick(REPORT_TYPES), 1)
        if self.world.chance(0.5):
            yield ("EXPIRE", f"report:{report}:metadata", self.world.ttl(CLOSED))

    def _metadata(self, report: str, case: str, kind: str, version: int) -> Command:
        world = self.world
        return (
            "HSET",
            f"report:{report}:metadata",
            *("report_id", report, "case_id", case, "type", kind, "version", version, "status", "final"),
            *("created_at", world.iso(5000), "created_by", world.pick(self.users), "is_current", "true"),
            *(
                "content_location",
                f"chromadb://faultmaven_case_reports/{report}",
                "summary",
                world.prose(400),
            ),
        )

    def _case(self, *, closed: bool) -> Iterator[Command]:
        world = self.world
        case, keys = f"case_{world.hex(8)}", list[str]()
        for number, kind in enumerate(REPORT_TYPES):
            report = f"rep_{world.hex(10)}"
            yield self._metadata(report, case, kind, number + 1)
            yield ("ZADD", f"case:{case}:reports", int(world.now) - 100 * number, report)
            yield ("ZADD", f"case:{case}:reports:{kind}", -(number + 1), report)
            yield ("HSET", f"case:{case}:reports:current", kind, report)
            keys += [f"report:{report}:metadata", f"case:{case}:reports:{kind}"]
        keys += [f"case:{case}:reports", f"case:{case}:reports:current"]
        if not closed:
            self.open_cases.append(keys)
            keys = self.open_cases.popleft() if len(self.open_cases) > OPEN_CASES else []
        if not keys:
            return
        left = world.ttl(CLOSED)
        for key in keys:
            yield ("EXPIRE", key, left)
        self.closed_cases.append(keys)
        if len(self.closed_cases) > CLOSED_CASES:
            yield ("DEL", *self.closed_cases.popleft())

    # -- mistakes ----------------------------------------

    def _drift(self) -> Iterator[Command]:
        # Planted: case storage that was moved to PostgreSQL in January 2025; any such key is drift.
        yield from self._old_cases()
        world = self.world
        # Sessions of a crashed worker that never expire, and of "remember me" that live for a day; two that grew;
        for number in range(7):
            session = (f"sess_{world.hex(12)}", world.pick(self.users), f"browser_{world.hex(6)}")
            text = self._conversation(session)
            if number > 4:
                text = text.replace('"context":{', f'"log":"{world.prose(28_000)}","context":{{', 1)
            yield put(f"session:{session[0]}", text, (0, 0, 0, DAY, DAY, HALF_HOUR, HALF_HOUR)[number])
        # tokens stored as they are instead of their hash; the current reports of two cases as a document;
        for user in self.users[:3]:
            yield put(f"auth:token:fm_{world.secret(32)}", user, DAY)
        for _ in range(2):
            yield put(f"case:case_{world.hex(8)}:reports:current", f'{{"RUNBOOK":"rep_{world.hex(10)}"}}')
        # a build server that piles up tokens, more than its index keeps; revocations that forget the index.
        for _ in range(CI_LOGINS):
            yield from self._login(self.users[0])
        yield from self._login(indexed=False)
        for user in self.users[3:8]:
            yield ("RPUSH", f"auth:user_tokens:{user}", f"tok_{world.hex(12)}")
            yield ("EXPIRE", f"auth:user_tokens:{user}", DAY)

    def _old_cases(self) -> Iterator[Command]:
        world = self.world
        for user in self.users[:3]:
            case = f"case_{world.hex(8)}"
            yield put(f"case:{case}", f'{{"case_id":"{case}","title":"{world.prose(60)}","log":"{world.prose(5000)}"}}')
            yield ("RPUSH", f"user:{user}:cases", case)
            yield ("SADD", "case_index", case)
