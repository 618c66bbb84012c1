"""oauth-proxy: certificates, routes, OAuth tokens looked up by `jti`, request log and workflow events."""

from __future__ import annotations

from collections.abc import Iterator

from tui.demo.streams import Group, Stream
from tui.demo.system import System, put
from tui.demo.wire import Command
from tui.demo.world import Pool, World

DAY = 86_400
SERVICES = ("auth", "billing", "docs", "echo", "fetch", "files", "gitea", "grafana", "mailer", "memory", "search")
PATHS = (
    "/mcp",
    "/token",
    "/authorize",
    "/api/v1/items",
    "/api/v1/items:batchGet",
    "/healthz",
    "/.well-known/jwks",
)
METHODS = ("GET", "GET", "GET", "POST", "POST", "DELETE")
LISTENING = (80, 443, 8443, 9443)
EVENTS = (
    "proxy_created",
    "proxy_updated",
    "certificate_ready",
    "route_added",
    "service_started",
    "proxy_deleted",
)
FORGOTTEN = 0.02
"""Share of logins that a worker of an older version handles: it knows no index."""
SLOW_REQUESTS = 24_000
"""Members of the big index: sorting them takes a server 5 to 20 ms, which is what a slow log is for."""


class OauthProxy(System):
    """See SYSTEMS.md, part 1."""

    name = "oauth-proxy"
    share = 0.27

    def __init__(self, world: World) -> None:
        """Choose hosts, clients and visitors."""
        super().__init__(world)
        self.hosts = sorted({world.hostname() for _ in range(48)})
        self.clients = [f"client_{world.hex(12)}" for _ in range(12)]
        self.users = sorted({world.username() for _ in range(60)})
        self.visitors = [world.ip() for _ in range(120)]
        self.tokens: Pool[tuple[str, str, str]] = Pool(400)
        self.deck = ((self._login, 2), (self._request, 1), (self._client_info, 1), (self._request, 1))
        self.flows = [
            Stream(
                "stream:requests",
                self._request_entry,
                (
                    Group("metrics", ("metrics-1", "metrics-2")),
                    Group("mail", ("mail-1", "mail-2"), lag=900, slow=True),
                ),
                rate=130.0,
                maxlen=10_000,
                length=9_600,
            ),
            Stream(
                "events:workflow",
                self._event_entry,
                (Group("workflow-group", ("consumer-1", "consumer-2")), Group("audit", ("audit-1",))),
                rate=7.0,
                maxlen=5_000,
                length=1_800,
            ),
        ]

    def essentials(self) -> Iterator[Command]:
        """Yield every family once or more."""
        yield from self._services()
        yield from self._hosts()
        yield from self._clients()
        for _ in range(60):
            yield from self._login()
        for _ in range(80):
            yield from self._request()
            yield from self._index(self._key(), self.world.pick(METHODS), self.world.pick(PATHS))
        for _ in range(15):
            yield from self._client_info()
            yield from self._authorize()
        for _ in range(30):
            yield from self._statistics(1.0)
        if self.drift:
            yield from self._drift()
        yield from self._slow_index()

    def act(self, dt: float) -> Iterator[Command]:
        """Serve requests: validate tokens, look up routes, log; sometimes log in or out."""
        world = self.world
        for _ in self.busy(45, dt):
            yield self.checked(f"oauth:token:{self.tokens.pick(world)[0]}", f"oauth:token:{world.uuid()}")
        for _ in self.busy(25, dt, 0.2):
            yield ("GET", f"proxy:{world.pick(self.hosts)}")
        for _ in self.busy(5, dt, 0.4):
            yield from self._request()
            yield from self._index(self._key(), world.pick(METHODS), world.pick(PATHS))
        yield from self._statistics(dt)
        for _ in self.busy(1.2, dt):
            yield from self._authorize()
            yield from self._login()
        if len(self.tokens) > 300 and world.chance(0.7 * dt):
            yield from self._logout()
        for _ in self.busy(3, dt):
            yield from self._client_info()
        yield from self._housekeeping()

    # -- what stands still ----------------------------------------

    def _services(self) -> Iterator[Command]:
        world = self.world
        for number, name in enumerate(SERVICES):
            url = f"http://{name}:{3000 + number}"
            yield put(f"service:url:{name}", f'{{"name":"{name}","url":"{url}"}}')
            yield put(f"docker_service:{name}", f'{{"image":"example/{name}:1.{number}","port":{3000 + number}}}')
            yield put(f"port:{3000 + number}", f'{{"service":"{name}","allocated_at":"{world.iso(DAY)}"}}')
            yield ("HSET", f"service:ports:{name}", "http", 3000 + number, "bind", "127.0.0.1")
            yield put(f"resource:https://{name}.example.com:8443/mcp", f'{{"scopes":["mcp:read"],"name":"{name}"}}')
            if number % 3 == 0:
                yield put(f"service:external:{name}", f'{{"url":"https://{name}.example.org","verify":true}}')
                yield ("SADD", "services:external", name)

    def _hosts(self) -> Iterator[Command]:
        world = self.world
        for number, host in enumerate(self.hosts):
            name = host.split(".")[0] + f"-{number}"
            pem = f'"fullchain_pem":"{world.secret(2600)}","private_key_pem":"{world.secret(1600)}"'
            route, path, priority = world.hex(12), f"/app/{name}", 10 * (1 + number % 9)
            yield put(f"cert:{name}", f'{{"domains":["{host}"],{pem},"expires":"{world.iso(-60 * DAY)}"}}')
            yield put(f"cert:domain:{host}", name)
            yield put(f"proxy:{host}", f'{{"hostname":"{host}","target_url":"http://backend:{3000 + number}"}}')
            yield put(f"route:{route}", f'{{"path":"{path}","priority":{priority},"target":"{host}"}}')
            yield put(f"route:unique:{path}:{priority}", route)
            yield put(f"route:priority:{priority}:{route}", route)
            yield ("ZADD", "route:priorities", priority, route)
            yield put(f"workflow:state:{host}", f'{{"state":"ready","step":{number % 5},"since":"{world.iso(900)}"}}')
            if number % 6 == 0:
                yield put(f"cert:status:{name}", '{"status":"issuing","step":"dns-01"}', world.ttl(300))
                yield ("SADD", "workflow:pending", f"certificate:{host}")
        yield ("HSET", "workflow:consumer:info", "consumer-1", world.iso(), "consumer-2", world.iso(3))

    def _clients(self) -> Iterator[Command]:
        world = self.world
        for client in self.clients:
            uri = f"https://{world.hostname()}/callback"
            yield put(f"oauth:client:{client}", f'{{"client_secret":"{world.secret(43)}","redirect_uris":["{uri}"]}}')
        for name in ("ci", "backup", "monitoring", "deploy"):
            digest = world.sha256()
            yield put(f"token:{name}", f'{{"name":"{name}","hash":"{digest}","created_at":"{world.iso(9 * DAY)}"}}')
            yield put(f"token:hash:{digest}", name)

    def _drift(self) -> Iterator[Command]:
        # Planted: what schemas find. Bearer tokens of an older version, which must not exist any more;
        world = self.world
        for name in ("legacy-admin", "legacy-ci"):
            yield put(f"token:{name}", f"acm_{world.hex(48)}")
        # authorizations that nobody finishes and nothing removes; a retry that keeps its status for an hour;
        for number in range(4):
            yield put(f"oauth:state:{world.secret(22)}", f'{{"client_id":"{world.pick(self.clients)}"}}')
            yield put(f"cert:status:retry-{number}", '{"status":"failed","step":"dns-01"}', 3600)
        # a certificate whose host is forgotten when it ends, though it will be renewed;
        yield ("EXPIRE", f"cert:domain:{self.hosts[0]}", 60 * DAY)
        # ports written by a script that knows no hashes; a revocation that forgets the index; and logins without it.
        yield put("service:ports:legacy", '{"http":3999}')
        for user in self.users[:5]:
            yield ("SADD", f"oauth:user_tokens:{user}", world.uuid(), world.uuid())
        for _ in range(6):
            yield from self._login(indexed=False)

    def _slow_index(self) -> Iterator[Command]:
        now = self.world.now
        for start in range(0, SLOW_REQUESTS, 400):
            members: list[str | float] = []
            for number in range(start, start + 400):
                at = now - (SLOW_REQUESTS - number) * 5
                members += (int(at), f"req:{int(at * 1000)}:{self.world.pick(self.visitors)}")
            yield ("ZADD", "idx:req:slow", *members)

    # -- what happens ----------------------------------------

    def _key(self) -> str:
        return f"req:{int(self.world.now * 1000) - self.world.bits(22)}:{self.world.pick(self.visitors)}"

    def _status(self) -> int:
        return self.world.pick((200, 200, 200, 200, 201, 204, 302, 304, 401, 404, 429, 500))

    def _request(self) -> Iterator[Command]:
        world, key = self.world, self._key()
        fields = ("method", world.pick(METHODS), "path", world.pick(PATHS), "status", self._status())
        where = ("host", world.pick(self.hosts), "ms", world.bits(9), "agent", "Mozilla/5.0 (X11)")
        yield ("HSET", key, *fields, *where)
        yield ("EXPIRE", key, DAY)

    def _index(self, key: str, method: str, path: str) -> Iterator[Command]:
        world, status = self.world, self._status()
        names = [f"ip:{key.split(':', 2)[2]}", f"host:{world.pick(self.hosts)}", f"user:{world.pick(self.users)}"]
        names += [f"status:{status}", f"path:{method}:{path}"]
        if status >= 400:
            names.append("errors")
        for name in names:
            yield ("ZADD", f"idx:req:{name}", int(world.now), key)
        if world.chance(0.2):  # often enough to keep them short
            for name in names:
                yield ("ZREMRANGEBYRANK", f"idx:req:{name}", 0, -101)

    def _statistics(self, dt: float) -> Iterator[Command]:
        world, hour = self.world, self.world.hour()
        yield ("INCRBY", f"stats:requests:{hour}", world.times(130, dt))
        yield ("PFADD", f"stats:unique_ips:{world.pick(self.hosts)}:{hour}", world.pick(self.visitors))
        if world.chance(2 * dt):
            yield ("HINCRBY", f"stats:errors:{hour}", self._status(), 1)

    def _client_info(self) -> Iterator[Command]:
        world, port = self.world, 1024 + self.world.bits(15)
        value = f'{{"ip":"{world.pick(self.visitors)}","port":{port}}}'
        yield put(f"proxy:client:{world.pick(LISTENING)}:{port}", value, world.ttl(60))

    def _authorize(self) -> Iterator[Command]:
        world = self.world
        client = world.pick(self.clients)
        yield put(f"oauth:state:{world.secret(22)}", f'{{"client_id":"{client}"}}', 600)
        yield put(f"oauth:code:{world.hex(32)}", f'{{"client_id":"{client}","scope":"mcp:read"}}', 600)

    def _login(self, *, indexed: bool = True) -> Iterator[Command]:
        world = self.world
        user, jti, client = world.pick(self.users), world.uuid(), world.pick(self.clients)
        refresh = world.hex(40)
        claim = "username" if world.bits(3) else "sub"  # both spellings are in use, in different versions
        who = f'"{claim}":"{user}","client_id":"{client}"'
        left = world.ttl(3600)
        value = f'{{"jti":"{jti}",{who},"scope":"mcp:read","exp":{int(world.now) + left}}}'
        yield put(f"oauth:token:{jti}", value, left)
        yield put(f"oauth:refresh:{refresh}", f'{{{who},"jti":"{jti}"}}', world.ttl(7 * DAY))
        if indexed and not self.slips(FORGOTTEN):
            yield self.index(f"oauth:user_tokens:{user}", jti, left, f"oauth:token:{jti}")
        self.tokens.add((jti, refresh, user))

    def _logout(self) -> Iterator[Command]:
        jti, refresh, user = self.tokens.take(self.world)
        yield ("DEL", f"oauth:token:{jti}", f"oauth:refresh:{refresh}")
        yield ("SREM", f"oauth:user_tokens:{user}", jti)

    def _housekeeping(self) -> Iterator[Command]:
        world = self.world
        if world.every("sort", 27):  # the report nobody should run on a live server
            yield ("SORT", "idx:req:slow", "ALPHA", "DESC", "LIMIT", 0, 20)
        if world.every("certificate", 15):
            name = f"{world.pick(self.hosts).split('.')[0]}-{world.bits(5)}"
            yield put(f"cert:status:{name}", '{"status":"issuing","step":"http-01"}', 300)

    def _request_entry(self) -> tuple[str, ...]:
        world = self.world
        when = ("host", world.pick(self.hosts), "ip", world.pick(self.visitors), "ms", str(world.bits(9)))
        what = ("method", world.pick(METHODS), "path", world.pick(PATHS), "status", str(self._status()))
        return (*what, *when)

    def _event_entry(self) -> tuple[str, ...]:
        world = self.world
        host = world.pick(self.hosts)
        target = f"http://backend:{3000 + world.bits(6)}"
        data = f'{{"hostname":"{host}","target_url":"{target}","by":"{world.pick(self.users)}"}}'
        return ("event_type", world.pick(EVENTS), "hostname", host, "data", data)
