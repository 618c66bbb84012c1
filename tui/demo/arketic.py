"""arketic: profile, chat, AI and knowledge caches, sliding-window limits and sessions."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from tui.demo.system import System, put
from tui.demo.wire import Command
from tui.demo.world import Pool, World

HOUR = 3600
MODELS = ("small-1", "medium-2", "large-2", "embed-3")
ENDPOINTS = ("chat", "search", "upload", "profile", "billing")
LIMITS = (
    "rate:api:{user}:{endpoint}",
    "rate:ai:{user}:requests",
    "rate:api:{user}:{endpoint}",
    "rate:ai:{user}:tokens",
    "rate:api:global:{endpoint}",
    "rate:api:ip:{ip}",
    "rate:upload:{user}",
    "rate:download:{user}",
)
HISTORY = 20_000
"""Messages of the one chat that was never trimmed: a list of about 4 MB."""

FORGOTTEN_LOGINS = 0.02
"""Share of logins that are not in the list of their user."""

FORGOTTEN = 600
"""Cache entries without a TTL that may pile up until somebody removes the oldest: demos may run for days."""


class Arketic(System):
    """See SYSTEMS.md, part 5."""

    name = "arketic"
    share = 0.2

    def __init__(self, world: World) -> None:
        """Choose users, chats and knowledge bases."""
        super().__init__(world)
        self.users = [world.uuid() for _ in range(80)]
        self.chats = [world.uuid() for _ in range(40)]
        self.bases = [world.uuid() for _ in range(10)]
        self.organisations = [world.uuid() for _ in range(5)]
        self.responses: Pool[str] = Pool(500)
        self.searches: Pool[str] = Pool(250)
        self.embeddings: Pool[str] = Pool(500)
        self.sessions: Pool[tuple[str, str, str]] = Pool(400)
        self.forgotten: deque[str] = deque()
        self.vectors = [self._vector() for _ in range(16)]
        self.channels = tuple(f"chat:{chat}" for chat in self.chats[:8])
        self.deck = (
            (self._embedding, 1),
            (self._login, 2),
            (self._prompt, 1),
            (self._search, 1),
            (self._embedding, 1),
        )

    def essentials(self) -> Iterator[Command]:
        """Yield every family once or more."""
        for user in self.users[:40]:
            yield from self._user(user)
        for chat in self.chats:
            yield from self._chat(chat)
        for model in MODELS:
            yield put(f"ai:model:{model}:config", '{"temperature":0.2,"max_tokens":2048}', HOUR)
        for base in self.bases:
            yield from self._documents(base)
        for _ in range(50):
            yield from self._write_response(f"ai:response:{self.world.sha256()}")
            yield from self._search()
            yield from self._embedding()
            yield from self._login()
        for kind in LIMITS * 8:
            yield from self._limit(kind)
        for organisation in self.organisations:
            yield from self._monthly(organisation)
        for _ in range(8):
            yield from self._prompt()
        if self.drift:
            yield from self._drift()
        yield from self._long_chat()

    def act(self, dt: float) -> Iterator[Command]:
        """Chat and search: mostly through caches; limit everybody; renew sessions."""
        world = self.world
        for _ in self.busy(60, dt, 0.15):
            yield from self.cached(self.responses, f"ai:response:{world.sha256()}", self._write_response)
        for _ in self.busy(30, dt, 0.45):
            key = f"kb:{world.pick(self.bases)}:search:{world.hex(32)}"
            yield from self.cached(self.searches, key, self._write_search)
        for _ in self.busy(30, dt, 0.65):
            key = f"kb:embedding:{world.hex(12)}:{world.bits(5)}"
            yield from self.cached(self.embeddings, key, self._write_embedding)
        for _ in self.busy(12, dt):
            yield from self._limit(world.pick(LIMITS))
            if world.chance(0.05):
                yield from self._monthly(world.pick(self.organisations))
        for _ in self.busy(6, dt, 0.9):
            yield from self._message(world.pick(self.chats))
        for _ in self.busy(8, dt):
            yield from self._renew()
        if world.chance(0.9 * dt):
            yield from self._login()
        if len(self.sessions) > 200 and world.chance(0.7 * dt):
            yield from self._logout()
        yield from self._housekeeping()

    # -- users and sessions ----------------------------------------

    def _user(self, user: str) -> Iterator[Command]:
        world = self.world
        who = f'"id":"{user}","name":"{world.username()}","email":"{world.email()}"'
        profile = f'{{{who},"bio":"{world.prose(200)}"}}'
        yield put(f"user:{user}:profile", profile, world.ttl(HOUR))
        yield put(f"user:{user}:preferences", '{"theme":"dark","language":"en"}', world.ttl(HOUR))
        yield put(f"user:{user}:permissions", '["chat:read","chat:write","kb:read"]', world.ttl(HOUR))

    def _login(self, *, indexed: bool = True) -> Iterator[Command]:
        world = self.world
        session, user, refresh = world.hex(32), world.pick(self.users), world.sha256()
        left = world.ttl(HOUR)
        yield put(f"session:{session}", self._session_value(session, user), left)
        yield put(f"session:refresh:{refresh}", f'{{"user_id":"{user}","session_id":"{session}"}}', left)
        if indexed and not self.slips(FORGOTTEN_LOGINS):
            yield from self._enter(session, user, left)
        self.sessions.add((session, user, refresh))

    def _enter(self, session: str, user: str, left: int) -> Iterator[Command]:
        yield self.index(f"session:user:{user}", session, left, f"session:{session}")
        yield ("EXPIRE", f"session:user:{user}", HOUR)

    def _session_value(self, session: str, user: str) -> str:
        world = self.world
        who = f'"session_id":"{session}","user_id":"{user}","email":"{world.email()}","role":"user"'
        where = f'"login_time":"{world.iso(600)}","ip_address":"{world.ip()}","last_activity":"{world.iso()}"'
        return f'{{{who},{where},"metadata":{{"device_type":"desktop","browser":"firefox","os":"linux"}}}}'

    def _renew(self) -> Iterator[Command]:
        session, user, _ = self.sessions.pick(self.world)
        yield ("GET", f"session:{session}")
        if self.holds(f"session:user:{user}", session):
            yield ("SET", f"session:{session}", self._session_value(session, user), "XX", "EX", HOUR)
            yield from self._enter(session, user, HOUR)

    def _logout(self) -> Iterator[Command]:
        session, user, refresh = self.sessions.take(self.world)
        yield ("DEL", f"session:{session}", f"session:refresh:{refresh}")
        yield ("SREM", f"session:user:{user}", session)

    def _drift(self) -> Iterator[Command]:
        # Planted: what schemas find. Answers cached for good; searches cached for a day;
        world = self.world
        for _ in range(9):
            yield from self._forget(f"ai:response:{world.sha256()}")
        for _ in range(4):
            yield put(f"kb:{world.pick(self.bases)}:search:{world.hex(32)}", '{"results":[]}', 86_400)
        # profiles as hashes; refresh tokens stored as they are instead of their hash;
        for _ in range(2):
            key = f"user:{world.uuid()}:profile"
            yield ("HSET", key, "name", world.username(), "bio", world.prose(60))
            yield ("EXPIRE", key, HOUR)
        for user in self.users[:3]:
            yield put(f"session:refresh:rt_{world.secret(24)}", f'{{"user_id":"{user}"}}', HOUR)
        # a log-out that forgets the user's list, and log-ins that do.
        for user in self.users[3:8]:
            yield ("SADD", f"session:user:{user}", world.hex(32), world.hex(32))
            yield ("EXPIRE", f"session:user:{user}", HOUR)
            yield from self._login(indexed=False)

    # -- chats ----------------------------------------

    def _chat(self, chat: str) -> Iterator[Command]:
        world = self.world
        people = f'["{world.pick(self.users)}","{world.pick(self.users)}"]'
        yield put(f"chat:{chat}:participants", people, world.ttl(HOUR))
        yield put(f"chat:{chat}:metadata", f'{{"title":"{world.prose(30)}","model":"medium-2"}}', world.ttl(HOUR))
        for _ in range(3):
            yield from self._message(chat, quiet=True)

    def _message(self, chat: str, *, quiet: bool = False) -> Iterator[Command]:
        key, text = f"chat:{chat}:messages", self._text()
        yield ("RPUSH", key, text)
        yield ("EXPIRE", key, HOUR)
        if not quiet:
            yield ("LTRIM", key, -(HISTORY if chat == self.chats[0] else 100), -1)
            yield ("PUBLISH", f"chat:{chat}", text)

    def _text(self) -> str:
        world = self.world
        return f'{{"role":"user","at":"{world.iso()}","content":"{world.prose(60 + world.bits(7))}"}}'

    def _long_chat(self) -> Iterator[Command]:
        key = f"chat:{self.chats[0]}:messages"
        for _ in range(0, HISTORY, 300):
            yield ("RPUSH", key, *(self._text() for _ in range(300)))
        yield ("EXPIRE", key, HOUR)

    # -- AI and knowledge caches ----------------------------------------

    def _write_response(self, key: str) -> Iterator[Command]:
        world = self.world
        if self.slips(0.02):
            yield from self._forget(key)
        else:
            yield put(key, self._answer(), world.ttl(HOUR))
        self.responses.add(key)

    def _forget(self, key: str) -> Iterator[Command]:
        # The code path that stores an answer and forgets its TTL.
        yield put(key, self._answer())
        self.forgotten.append(key)
        if len(self.forgotten) > FORGOTTEN:
            yield ("DEL", self.forgotten.popleft())

    def _answer(self) -> str:
        world = self.world
        text = world.prose(700 + world.bits(10))
        return f'{{"model":"{world.pick(MODELS)}","tokens":{world.bits(10)},"text":"{text}"}}'

    def _prompt(self) -> Iterable[Command]:
        world = self.world
        value = f'{{"template":"{world.prose(300)}","version":{world.bits(3)}}}'
        return (put(f"ai:prompt:{world.sha256()}", value, world.ttl(HOUR)),)

    def _search(self) -> Iterable[Command]:
        key = f"kb:{self.world.pick(self.bases)}:search:{self.world.hex(32)}"
        self.searches.add(key)
        return self._write_search(key)

    def _write_search(self, key: str) -> Iterable[Command]:
        value = f'{{"results":["{self.world.prose(600)}"],"took_ms":{self.world.bits(7)}}}'
        return (put(key, value, self.world.ttl(900)),)

    def _vector(self) -> str:
        numbers = (f"{self.world.random.uniform(-1, 1):.5f}" for _ in range(64))
        return f"[{','.join(numbers)}]"

    def _embedding(self) -> Iterable[Command]:
        key = f"kb:embedding:{self.world.hex(12)}:{self.world.bits(5)}"
        self.embeddings.add(key)
        return self._write_embedding(key)

    def _write_embedding(self, key: str) -> Iterable[Command]:
        return (put(key, self.world.pick(self.vectors), self.world.ttl(HOUR)),)

    def _documents(self, base: str) -> Iterator[Command]:
        world = self.world
        documents = ",".join(f'{{"id":"{world.hex(12)}","title":"{world.prose(40)}"}}' for _ in range(60))
        yield put(f"kb:{base}:documents", f"[{documents}]", world.ttl(HOUR))

    # -- limits and the rest ----------------------------------------

    def _limit(self, kind: str) -> Iterator[Command]:
        world = self.world
        user = world.pick(self.users)
        key = kind.format(user=user, endpoint=world.pick(ENDPOINTS), ip=world.ip())
        yield ("ZREMRANGEBYSCORE", key, 0, round(world.now - 60, 3))
        yield ("ZADD", key, round(world.now, 3), f"{world.now:.6f}:{world.hex(6)}")
        yield ("ZCARD", key)
        yield ("EXPIRE", key, 60)

    def _monthly(self, organisation: str) -> Iterator[Command]:
        world, key = self.world, f"rate:ai:{organisation}:monthly"
        yield ("ZADD", key, round(world.now, 3), f"{world.now:.6f}:{world.hex(6)}")
        yield ("ZREMRANGEBYRANK", key, 0, -2001)
        yield ("EXPIRE", key, 30 * 86_400)

    def _housekeeping(self) -> Iterator[Command]:
        world = self.world
        if world.every("user", 2):
            yield from self._user(world.pick(self.users))
        if world.every("chat", 5):
            yield from self._chat(world.pick(self.chats))
        if world.every("models", 600):
            for model in MODELS:
                yield put(f"ai:model:{model}:config", '{"temperature":0.2,"max_tokens":2048}', HOUR)
        if world.every("documents", 60):
            yield from self._documents(world.pick(self.bases))
        if world.every("sort", 41):  # an export that sorts a whole conversation
            yield ("SORT", f"chat:{self.chats[0]}:messages", "ALPHA", "LIMIT", 0, 10)
        if world.cold() and len(self.searches):  # a deploy that empties a cache
            yield ("UNLINK", *(self.searches.take(world) for _ in range(min(40, len(self.searches)))))
