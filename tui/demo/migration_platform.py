"""migration-platform: flow events, live connections, caches, limits, locks, and Celery in three databases."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from tui.demo.streams import Group, Stream
from tui.demo.system import System, put
from tui.demo.wire import Command
from tui.demo.world import Pool, World

EVENTS = (
    "phase_started",
    "phase_completed",
    "mapping_updated",
    "asset_analyzed",
    "agent_decision",
    "flow_paused",
)
PHASES = (
    "data_import",
    "field_mapping",
    "data_cleansing",
    "asset_inventory",
    "dependency_analysis",
    "tech_debt",
)
LOCKS = ("flow", "import", "analysis", "flow")
ENDPOINTS = ("discovery", "assets", "flows", "field-mappings")
FILTERS = ("type=server", "type=database&env=prod", "status=pending&page=2", "env=dev&owner=platform")
CONNECTIONS = 8_000
"""Fields of `sse:connections`, one of the big keys: registrations that were never cleaned up."""

UNTRIMMED = 11_500
"""Entries of the stream that is never trimmed; the document allows 10,000."""

STUCK_LOCKS = 150
"""Locks without a TTL that may pile up until somebody removes the oldest: demos may run for days."""


class MigrationPlatform(System):
    """See SYSTEMS.md, part 4. Database 0 is the application's, 1 Celery's broker, 2 Celery's results."""

    name = "migration-platform"
    share = 0.19

    def __init__(self, world: World) -> None:
        """Choose tenants, users and running flows."""
        super().__init__(world)
        self.clients = [world.uuid() for _ in range(8)]
        self.engagements = [world.uuid() for _ in range(14)]
        self.users = [world.uuid() for _ in range(60)]
        self.running = [world.uuid() for _ in range(6)]
        self.connections: Pool[tuple[str, str, str]] = Pool(90)
        self.caches: Pool[str] = Pool(300)
        self.locks: deque[tuple[float, str]] = deque()
        self.stuck: deque[str] = deque()
        self.deck = (
            (self._analysis, 1),
            (self._discovery, 1),
            (self._user_session, 1),
            (self._analysis, 1),
            (self._flow, 3),
        )
        self.flows = [self._events(flow, number) for number, flow in enumerate(self.running)]
        self.channels = tuple(f"flow:updates:{flow}" for flow in self.running)

    def _events(self, flow: str, number: int) -> Stream:
        slow = number == 1
        groups = [Group("processors", ("worker-1", "worker-2"), slow=slow, lag=40 if slow else 0)]
        if number == 0:
            groups.append(Group("notifier", ("notifier-1",)))
        return Stream(
            f"flow:events:{flow}",
            self._event_entry,
            groups,
            rate=(22.0, 8.0, 2.0, 1.0, 0.5, 0.25)[number],
            maxlen=3_000 if number else 10_000,
            length=(9_900, 1_500, 600, 300, 120, 60)[number],
            channel=f"flow:updates:{flow}",
        )

    def essentials(self) -> Iterator[Command]:
        """Yield every family once or more."""
        for flow in self.running + [self.world.uuid() for _ in range(20)]:
            yield from self._flow(flow)
        for _ in range(60):
            yield from self._connect()
            yield from self._user_session()
        if self.drift:
            yield from self._registrations()
            yield from self._drift()
        for _ in range(30):
            yield from self._analysis()
            yield from self._discovery()
            yield from self._limits()
        for engagement in self.engagements:
            yield from self._write_assets(engagement)
        for number in range(12):
            yield from self._lock(LOCKS[number % 3], leak=number in (0, 6, 9))
            yield from self._task()
        yield from self._celery(40, 0)

    def act(self, dt: float) -> Iterator[Command]:
        """Run flows: read state and caches, take locks, limit users, feed Celery."""
        world = self.world
        for _ in self.busy(40, dt, 0.25):
            yield from self._cache_read()
        for _ in self.busy(10, dt):
            yield ("HGET", f"flow:meta:{world.pick(self.running)}", "progress")
        for _ in self.busy(14, dt, 0.8):
            yield from self._limits()
        for _ in self.busy(2.5, dt):
            yield from self._lock(world.pick(LOCKS), leak=world.chance(0.03))
        yield from self._release()
        for flow in self.running:
            if world.chance(0.5 * dt):
                yield from self._flow(flow)
        if world.chance(0.7 * dt):
            yield from self._connect()
        if len(self.connections) > 40 and world.chance(0.6 * dt):
            yield from self._drop(*self.connections.take(world))
        yield from self._rare(dt)
        pushed = world.times(4 + 4 * world.wave(60), dt)
        if pushed or world.chance(4.2 * dt):
            yield from self._celery(pushed, world.times(4.4, dt))

    def _rare(self, dt: float) -> Iterator[Command]:
        world = self.world
        if world.chance(1.0 * dt):
            yield from self._user_session()
        if world.chance(1.5 * dt):
            yield from self._task()
        if world.every("assets", 20):
            yield from self._write_assets(world.pick(self.engagements))

    # -- flows and their listeners ----------------------------------------

    def _flow(self, flow: str | None = None) -> Iterator[Command]:
        world = self.world
        key = flow or world.uuid()
        phase, progress = world.pick(PHASES), world.bits(6)
        now = f'"status":"running","current_phase":"{phase}","progress_percentage":{progress}'
        state = f'{{"flow_id":"{key}",{now}}}'
        yield put(f"flow:state:{key}", state, world.ttl(300))
        yield put(f"cache:flow:state:{key}", state, world.ttl(300))
        meta = ("status", "running", "phase", phase, "progress", progress, "updated_at", world.iso())
        yield ("HSET", f"flow:meta:{key}", *meta)
        yield ("EXPIRE", f"flow:meta:{key}", 3600)
        if flow:
            mappings = f'{{"mappings":[{{"source":"{world.prose(200)}","confidence":0.{world.bits(6)}}}]}}'
            yield put(f"cache:field_mappings:{key}", mappings, world.ttl(1800))
            yield ("SADD", f"engagement:{world.pick(self.engagements)}:flows", key)
            client = world.pick(self.clients)
            yield ("ZADD", f"recent:flows:{client}", int(world.now), key)
            yield ("ZREMRANGEBYRANK", f"recent:flows:{client}", 0, -101)

    def _connect(self) -> Iterator[Command]:
        world = self.world
        connection, flow, user = (
            f"connection_{world.hex(10)}",
            world.pick(self.running),
            world.pick(self.users),
        )
        client = world.pick(self.clients)
        data = f'{{"flow_id":"{flow}","user_id":"{user}","client_id":"{client}","server_id":"web-2"}}'
        yield ("HSET", "sse:connections", connection, data)
        left = world.ttl(300)
        yield put(f"sse:connection:{connection}", data, left)
        yield put(f"sse:expire:{connection}", connection, left)
        self.lease(("connection", connection), left, *self._drop(connection, flow, user))
        yield ("SADD", f"sse:flow:{flow}:connections", connection)
        yield ("SADD", f"user:{user}:connections", connection)
        old = self.connections.add((connection, flow, user))
        if old:
            yield from self._drop(*old)

    def _drop(self, connection: str, flow: str, user: str) -> Iterator[Command]:
        yield ("HDEL", "sse:connections", connection)
        yield ("DEL", f"sse:expire:{connection}", f"sse:connection:{connection}")
        yield ("SREM", f"sse:flow:{flow}:connections", connection)
        yield ("SREM", f"user:{user}:connections", connection)

    def _registrations(self) -> Iterator[Command]:
        world = self.world
        for start in range(0, CONNECTIONS, 200):
            fields: list[str] = []
            for number in range(start, start + 200):
                who = f'"flow_id":"{world.pick(self.running)}","user_id":"{world.pick(self.users)}"'
                fields += (f"connection_{world.hex(10)}", f'{{{who},"server_id":"web-{number % 3}"}}')
            yield ("HSET", "sse:connections", *fields)

    def _user_session(self) -> Iterator[Command]:
        world = self.world
        user = world.pick(self.users) if world.chance(0.1) else world.uuid()
        tenant = world.pick(self.clients)
        value = f'{{"user_id":"{user}","tenant":"{tenant}","last_activity":"{world.iso()}"}}'
        yield put(f"session:{user}", value, world.ttl(3600))
        yield ("SADD", f"session:active:{world.pick(self.clients)}", world.pick(self.users))

    def _drift(self) -> Iterator[Command]:
        # Planted: what schemas find. Locks of a job that sets an hour instead of 30 seconds; states cached for a day;
        world = self.world
        for _ in range(3):
            yield put(f"lock:import:{world.uuid()}", world.hex(16), 3600)
            yield put(f"cache:flow:state:{world.uuid()}", '{"status":"done"}', 86_400)
        # progress written as a document; connections that are open and not registered;
        for _ in range(2):
            yield put(f"flow:meta:{world.uuid()}", '{"status":"done","progress":100}', 3600)
        for _ in range(4):
            connection = f"connection_{world.hex(10)}"
            yield put(f"sse:expire:{connection}", connection, 300)
        # and a flow whose events nobody trims, and no group reads.
        key = f"flow:events:{world.uuid()}"
        for number in range(UNTRIMMED):
            at = int((world.now - 3600) * 1000) + number * 250
            payload = f'{{"progress":{number % 100}}}'
            fields = ("event_type", "mapping_updated", "payload", payload)
            yield ("XADD", key, "MAXLEN", "~", 2 * UNTRIMMED, f"{at}-0", *fields)

    # -- caches ----------------------------------------

    def _cache_read(self) -> Iterator[Command]:
        world = self.world
        if world.chance(0.5):
            return self.cached(self.caches, f"cache:analysis:{world.uuid()}", self._write_analysis)
        key = f"api:discovery:{world.pick(self.clients)}:{world.hex(16)}"
        return self.cached(self.caches, key, self._write_discovery)

    def _analysis(self) -> Iterable[Command]:
        key = f"cache:analysis:{self.world.uuid()}"
        self.caches.add(key)
        return self._write_analysis(key)

    def _write_analysis(self, key: str) -> Iterable[Command]:
        world = self.world
        summary = world.prose(500 + world.bits(9))
        value = f'{{"complexity":"medium","risk":0.{world.bits(6)},"summary":"{summary}"}}'
        return (put(key, value, world.ttl(3600)),)

    def _discovery(self) -> Iterable[Command]:
        return self._write_discovery(f"api:discovery:{self.world.pick(self.clients)}:{self.world.hex(16)}")

    def _write_discovery(self, key: str) -> Iterable[Command]:
        value = f'{{"status":"ok","page":1,"items":["{self.world.prose(400)}"]}}'
        return (put(key, value, self.world.ttl(300)),)

    def _write_assets(self, engagement: str) -> Iterator[Command]:
        world = self.world
        value = f'{{"assets":["{world.prose(3000)}"],"count":{world.bits(9)}}}'
        yield put(f"cache:assets:{engagement}", value, world.ttl(1800))
        yield put(f"api:assets:{engagement}:{world.pick(FILTERS)}", value, world.ttl(300))

    # -- limits and locks ----------------------------------------

    def _limits(self) -> Iterator[Command]:
        world = self.world
        user, minute, now = world.pick(self.users), int(world.now // 60), world.now
        fixed = (f"rate_limit:{user}:{minute}", f"rate_limit:global:{world.pick(ENDPOINTS)}:{minute}")
        for key in fixed:
            yield ("INCR", key)
            yield ("EXPIRE", key, 60)
        if world.chance(0.3) or world.now == world.start:
            key = f"rate_limit:tenant:{world.pick(self.clients)}:{minute // 60}"
            yield ("INCR", key)
            yield ("EXPIRE", key, 3600)
        sliding = f"rate_limit:sliding:{user}"
        yield ("ZREMRANGEBYSCORE", sliding, "-inf", f"({now - 60:.3f}")
        yield ("ZADD", sliding, round(now, 3), f"request_{world.hex(8)}")
        yield ("EXPIRE", sliding, 60)

    def _lock(self, kind: str, *, leak: bool) -> Iterator[Command]:
        world = self.world
        key = f"lock:{kind}:{world.uuid()}"
        if leak and self.drift and kind == "flow":  # SETNX, and the process died before its EXPIRE: a stuck lock
            yield ("SET", key, world.hex(16), "NX")
            self.stuck.append(key)
            if len(self.stuck) > STUCK_LOCKS:
                yield ("DEL", self.stuck.popleft())
            return
        yield ("SET", key, world.hex(16), "NX", "EX", 30)
        self.locks.append((world.now + 2 + 9 * world.random.random(), key))

    def _release(self) -> Iterator[Command]:
        while self.locks and self.locks[0][0] <= self.world.now:
            yield ("DEL", self.locks.popleft()[1])

    # -- Celery ----------------------------------------

    def _task(self) -> Iterator[Command]:
        world = self.world
        task = world.uuid()
        yield put(f"celery:task:{task}", f'{{"status":"SUCCESS","result":"{world.prose(80)}"}}', world.ttl(86_400))
        yield ("LPUSH", f"celery:queue:{world.pick(('default', 'default', 'priority'))}", task)
        if world.chance(0.2) or world.now == world.start:
            yield put(f"celery:retry:{task}", 1 + world.bits(2), world.ttl(3600))
        yield ("LTRIM", "celery:queue:default", 0, 60)
        yield ("LTRIM", "celery:queue:priority", 0, 8)

    def _celery(self, pushed: int, done: int) -> Iterator[Command]:
        world = self.world
        yield ("SELECT", 1)
        for _ in range(pushed):
            head = f'"headers":{{"task":"flows.advance","id":"{world.uuid()}"}}'
            yield ("LPUSH", "celery", f'{{"body":"{world.secret(220)}",{head}}}')
        for _ in range(done):
            yield ("RPOP", "celery")
        yield ("LTRIM", "celery", 0, 400)
        yield ("HSET", "unacked", f"tag-{world.bits(3)}", world.hex(32))
        yield ("SADD", "_kombu.binding.celery", "celery\x06\x16\x06\x16celery")
        yield ("SELECT", 2)
        for _ in range(done or pushed):
            task = world.uuid()
            result = f'"result":{{"rows":{world.bits(10)}}},"traceback":null'
            value = f'{{"status":"SUCCESS",{result},"task_id":"{task}"}}'
            yield put(f"celery-task-meta-{task}", value, 86_400)
        yield ("SELECT", 0)

    def _event_entry(self) -> tuple[str, ...]:
        world = self.world
        payload = f'{{"phase":"{world.pick(PHASES)}","progress":{world.bits(6)},"note":"{world.prose(40)}"}}'
        when = ("timestamp", world.iso(), "source", world.pick(("system", "agent", "user")))
        return ("event_type", world.pick(EVENTS), "payload", payload, *when)
