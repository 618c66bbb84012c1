"""fastapi-best-architecture: raw JWTs by user and session, captchas, limits; everything under `fba:`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tui.demo.system import System, put
from tui.demo.wire import Command
from tui.demo.world import Pool, World

DAY = 86_400
ENDPOINTS = (
    "/api/v1/auth/login",
    "/api/v1/sys/users",
    "/api/v1/sys/menus",
    "/api/v1/log/opera",
    "/api/v1/task/results",
)
CITIES = ("Lisbon", "Oslo", "Nairobi", "Kyoto", "Lima", "Tallinn", "Accra", "Hanoi", "Quito", "Split")
NODES = 4
FORGOTTEN = 0.02
"""Share of logins by a path that forgets to say who is online."""


class FastapiBestArchitecture(System):
    """See SYSTEMS.md, part 3."""

    name = "fastapi-best-architecture"
    share = 0.22

    def __init__(self, world: World) -> None:
        """Start with nobody logged in."""
        super().__init__(world)
        self.online: Pool[tuple[int, str]] = Pool(700)
        self.user_keys: Pool[str] = Pool(250)
        self.location_keys: Pool[str] = Pool(400)
        self.deck = (
            (self._login, 4),
            (self._user_key, 1),
            (self._location_key, 1),
            (self._task, 1),
            (self._location_key, 1),
        )

    def essentials(self) -> Iterator[Command]:
        """Yield every family once or more."""
        for node in range(NODES):
            yield from self._node(node)
        for _ in range(70):
            yield from self._login()
            yield from self._user_key()
            yield from self._location_key()
        for _ in range(12):
            yield from self._captchas()
            yield from self._task()
            yield from self._failure()
            yield from self._limit()
        for name in ("admin", "superuser"):  # what "delete all tokens except" leaves alone
            yield put(f"fba:token:{name}", self._jwt(name, DAY), DAY)
        if self.drift:
            yield from self._drift()

    def act(self, dt: float) -> Iterator[Command]:
        """Check tokens on every request, log in and out, limit, remember locations."""
        world = self.world
        for _ in self.busy(40, dt, 0.1):
            user, session = self.online.pick(world)
            yield self.checked(f"fba:token:{user}:{session}", f"fba:token:{user}:{world.uuid()}")
        for _ in self.busy(25, dt, 0.5):
            yield from self.cached(self.user_keys, f"fba:user:{self._user()}", self._write_user)
        for _ in self.busy(8, dt):
            yield from self.cached(self.location_keys, f"fba:ip:location:{world.ip()}", self._write_location)
        for _ in self.busy(12, dt, 0.7):
            yield from self._limit()
        for _ in self.busy(0.9, dt):
            yield from self._captchas()
            yield from self._login()
        if len(self.online) > 250 and world.chance(0.6 * dt):
            yield from self._logout()
        if world.chance(0.4 * dt):
            yield from self._failure()
        if world.chance(1.0 * dt):
            yield from self._task()
        if world.every("heartbeat", 15):
            for node in range(NODES):
                yield from self._node(node)

    def _user(self) -> int:
        return 1 + self.world.bits(9)

    def _jwt(self, user: int | str, lasts: int) -> str:
        world = self.world
        return world.jwt(f'{{"session_uuid":"{world.uuid()}","exp":{int(world.now) + lasts},"sub":"{user}"}}')

    def _drift(self) -> Iterator[Command]:
        # Planted: what schemas find. Tokens from a tool that stores what it gets: two for good, three that are no JWTs;
        world = self.world
        for number in range(5):
            user, session = self._user(), world.uuid()
            key = f"fba:token:{user}:{session}"
            yield put(key, self._jwt(user, DAY)) if number < 2 else put(key, world.hex(40), DAY)
            yield self.index("fba:token_online", session, DAY, key)
        # captchas that a page keeps for an hour; users cached as a hash; log-outs that forget the list of those online,
        for _ in range(4):
            yield put(f"fba:login:captcha:{world.uuid()}", world.hex(4), 3600)
            yield ("SADD", "fba:token_online", world.uuid(), world.uuid())
            yield from self._login(indexed=False)  # and log-ins as well
        for number in range(2):
            key = f"fba:user:{3_000_000 + number}"
            yield ("HSET", key, "username", world.username(), "dept", world.bits(5))
            yield ("EXPIRE", key, 3600)

    def _login(self, *, indexed: bool = True) -> Iterator[Command]:
        world = self.world
        user, session = self._user(), world.uuid()
        left = world.ttl(DAY)
        yield put(f"fba:token:{user}:{session}", self._jwt(user, left), left)
        yield put(f"fba:refresh_token:{user}:{session}", self._jwt(user, left + 6 * DAY), left + 6 * DAY)
        info = f'{{"ip":"{world.ip()}","os":"Linux","browser":"Firefox","last_login_time":"{world.iso()}"}}'
        yield put(f"fba:token_extra_info:{user}:{session}", info, left)
        yield put(f"fba:token_online:{session}", user, left)
        if indexed and not self.slips(FORGOTTEN):
            yield self.index("fba:token_online", session, left, f"fba:token:{user}:{session}")
        self.online.add((user, session))

    def _logout(self) -> Iterator[Command]:
        user, session = self.online.take(self.world)
        keys = (f"fba:{kind}:{user}:{session}" for kind in ("token", "refresh_token", "token_extra_info"))
        yield ("UNLINK", *keys, f"fba:token_online:{session}")
        yield ("SREM", "fba:token_online", session)

    def _user_key(self) -> Iterable[Command]:
        key = f"fba:user:{self.world.bits(21)}"
        self.user_keys.add(key)
        return self._write_user(key)

    def _write_user(self, key: str) -> Iterable[Command]:
        world = self.world
        who = f'"username":"{world.username()}","email":"{world.email()}","dept":{world.bits(5)}'
        value = f'{{"id":{key[9:]},{who},"roles":[{{"id":{world.bits(3)},"menus":"{world.prose(500)}"}}]}}'
        return (put(key, value, 3600),)

    def _location_key(self) -> Iterable[Command]:
        key = f"fba:ip:location:{self.world.ip()}"
        self.location_keys.add(key)
        return self._write_location(key)

    def _write_location(self, key: str) -> Iterable[Command]:
        world = self.world
        value = f'{{"country":"--","regionName":"{world.hex(4)}","city":"{world.pick(CITIES)}"}}'
        return (put(key, value, world.ttl(DAY)),)

    def _captchas(self) -> Iterator[Command]:
        world = self.world
        yield put(f"fba:login:captcha:{world.uuid()}", world.hex(4), world.ttl(300))
        yield put(f"fba:email:captcha:{world.ip()}", 100_000 + world.bits(19), world.ttl(180))
        yield put(f"fba:oauth2:state:{world.hex(32)}", '{"type":"login"}', world.ttl(180))

    def _failure(self) -> Iterator[Command]:
        user = self._user()
        yield ("INCR", f"fba:login:failure:{user}")
        yield ("EXPIRE", f"fba:login:failure:{user}", 86_400)
        if self.world.chance(0.5) or self.world.now == self.world.start:
            yield put(f"fba:user:lock:{user}", "locked", self.world.ttl(300))

    def _limit(self) -> Iterator[Command]:
        key = f"fba:limiter:{self.world.pick(ENDPOINTS)}:{self.world.ip()}"
        yield ("INCR", key)
        yield ("EXPIRE", key, 60)

    def _task(self) -> Iterable[Command]:
        world = self.world
        task = world.uuid()
        done = f'"task_id":"{task}","date_done":"{world.iso()}"'
        value = f'{{"status":"SUCCESS","result":"{world.prose(60)}",{done}}}'
        return (put(f"fba:celery:task-meta:{task}", value, world.ttl(DAY)),)

    def _node(self, node: int) -> Iterator[Command]:
        yield put(f"fba:snowflake:nodes:0:{node}", f"pod-{node}:{int(self.world.now)}", 60)
