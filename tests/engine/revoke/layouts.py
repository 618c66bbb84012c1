"""Four applications that store logins, each in its own way: how they write, and what of it would still let somebody in.

The truth about who can get in is told by these classes alone, never by the engine that is tested.
"""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from hashlib import sha256

from tests.servers import Server

Command = tuple[str | bytes | int, ...]
HOUR, DAY = 3600, 86_400
ONLINE = b"fba:token_online"


def jwt(**claims: object) -> str:
    """A token as applications sign it; nobody checks the signature here."""
    parts = (urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({"alg": "HS256"}, claims))
    return ".".join((*parts, "c2lnbmF0dXJl"))


class Layout:
    """One application."""

    schema = ""
    secrets: Sequence[str] = ()
    """What begins names of keys whose rest is a secret."""

    def login(self, user: str, name: str) -> list[Command]:
        """What the application writes when somebody logs in, in its order; `name` is unique."""
        raise NotImplementedError

    def raw(self, user: str, name: str) -> str:
        """The access token as its user holds it."""
        raise NotImplementedError

    def refresh_key(self, user: str, name: str) -> str | None:
        """The key that a refresh reads first; None when there is no refreshing."""
        return None

    def usable(self, server: Server, user: str) -> set[bytes]:
        """Keys with which this user still gets in, or can mint new ones."""
        raise NotImplementedError

    def listed(self, server: Server, user: str) -> set[bytes]:
        """What the index still names."""
        raise NotImplementedError


class OauthProxy(Layout):
    schema = "oauth-proxy"
    secrets = ("oauth:refresh:",)

    def login(self, user: str, name: str) -> list[Command]:
        jti = f"jti-{name}"
        claim = "sub" if name.endswith("3") else "username"
        value = json.dumps({"jti": jti, claim: user, "client_id": "web", "exp": int(time.time()) + HOUR})
        # Some versions name the user in the refresh token, others the access token only.
        about = {"jti": jti} if name.endswith("2") else {"jti": jti, claim: user}
        return [
            ("SET", f"oauth:token:{jti}", value, "EX", HOUR),
            ("SET", self.refresh_key(user, name), json.dumps(about), "EX", 7 * DAY),
            ("SADD", f"oauth:user_tokens:{user}", jti),
        ]

    def raw(self, user: str, name: str) -> str:
        return jwt(jti=f"jti-{name}", sub=user)

    def refresh_key(self, user: str, name: str) -> str:
        return f"oauth:refresh:secret-{sha256(f'{user}/{name}'.encode()).hexdigest()}"

    def usable(self, server: Server, user: str) -> set[bytes]:
        mine, jtis = set(), set()
        for key in server.ask("KEYS", "oauth:token:*"):
            value = json.loads(server.ask("GET", key))
            if user in (value.get("username"), value.get("sub")):
                mine.add(key)
                jtis.add(value["jti"])
        for key in server.ask("KEYS", "oauth:refresh:*"):
            value = json.loads(server.ask("GET", key))
            if user in (value.get("username"), value.get("sub")) or value["jti"] in jtis:
                mine.add(key)
        return mine

    def listed(self, server: Server, user: str) -> set[bytes]:
        return set(server.ask("SMEMBERS", f"oauth:user_tokens:{user}"))


class Faultmaven(Layout):
    schema = "faultmaven"
    secrets = ("auth:token:",)

    def login(self, user: str, name: str) -> list[Command]:
        digest = sha256(self.raw(user, name).encode()).hexdigest()
        meta: Command = ("SET", f"auth:token_meta:tok-{name}", json.dumps({"user_id": user, "token_hash": digest}))
        if name.endswith("1"):
            meta = ("HSET", f"auth:token_meta:tok-{name}", "user_id", user, "token_hash", digest, "created_at", "5")
        if name.endswith("2"):  # an older version, which does not keep the hash
            meta = ("SET", f"auth:token_meta:tok-{name}", json.dumps({"user_id": user, "token_id": f"tok-{name}"}))
        return [
            ("SET", f"auth:token:{digest}", user, "EX", DAY),
            meta,
            ("EXPIRE", f"auth:token_meta:tok-{name}", DAY),
            (("SADD" if user == "set" else "RPUSH"), f"auth:user_tokens:{user}", f"tok-{name}"),
        ]

    def raw(self, user: str, name: str) -> str:
        return f"fm_{user}_{name}_{'x' * 20}"

    def refresh_key(self, user: str, name: str) -> str:
        # A token is traded for a new one: what lets somebody in also mints.
        return f"auth:token:{sha256(self.raw(user, name).encode()).hexdigest()}"

    def usable(self, server: Server, user: str) -> set[bytes]:
        keys = server.ask("KEYS", "auth:token:*")
        return {key for key in keys if server.ask("GET", key) == user.encode()}

    def listed(self, server: Server, user: str) -> set[bytes]:
        return set(server.ask("LRANGE", f"auth:user_tokens:{user}", 0, -1))


class Arketic(Layout):
    schema = "arketic"
    secrets = ("session:refresh:", "session:")

    def login(self, user: str, name: str) -> list[Command]:
        session = f"9f3c{sha256(name.encode()).hexdigest()[:20]}"
        whole = json.dumps({"user_id": user, "session_id": session})
        return [
            ("SET", f"session:{session}", json.dumps({"user_id": user, "login_time": 1_700_000_000}), "EX", HOUR),
            ("SET", self.refresh_key(user, name), session if name.endswith("2") else whole, "EX", HOUR),
            ("SADD", f"session:user:{user}", session),
            ("EXPIRE", f"session:user:{user}", HOUR),
        ]

    def raw(self, user: str, name: str) -> str:
        return f"9f3c{sha256(name.encode()).hexdigest()[:20]}"

    def refresh_key(self, user: str, name: str) -> str:
        return f"session:refresh:{sha256(f'raw refresh {user}/{name}'.encode()).hexdigest()}"

    def usable(self, server: Server, user: str) -> set[bytes]:
        keys = [key for key in server.ask("KEYS", "session:*") if not key.startswith(b"session:user:")]
        texts = {key: server.ask("GET", key) for key in keys}
        mine = {key for key, text in texts.items() if text.startswith(b"{") and json.loads(text)["user_id"] == user}
        sessions = {key.removeprefix(b"session:") for key in mine}
        return mine | {key for key, text in texts.items() if text in sessions}

    def listed(self, server: Server, user: str) -> set[bytes]:
        return set(server.ask("SMEMBERS", f"session:user:{user}"))


class Fba(Layout):
    schema = "fastapi-best-architecture"

    def login(self, user: str, name: str) -> list[Command]:
        ends = int(time.time()) + DAY
        return [
            ("SET", f"fba:token:{user}:{name}", self.raw(user, name), "EX", DAY),
            ("SET", self.refresh_key(user, name), jwt(session_uuid=name, sub=user, exp=ends + 6 * DAY), "EX", 7 * DAY),
            ("SET", f"fba:token_extra_info:{user}:{name}", '{"last_login_time": "2024-05-01 06:31:07"}', "EX", DAY),
            ("SADD", "fba:token_online", name),
            ("SET", f"fba:user:{user}", "{}", "EX", DAY),
        ]

    def raw(self, user: str, name: str) -> str:
        return jwt(session_uuid=name, sub=user, exp=int(time.time()) // DAY * DAY + 2 * DAY)

    def refresh_key(self, user: str, name: str) -> str:
        return f"fba:refresh_token:{user}:{name}"

    def usable(self, server: Server, user: str) -> set[bytes]:
        found: set[bytes] = set()
        for kind in ("token", "refresh_token"):
            found |= set(server.ask("KEYS", f"fba:{kind}:{user}:*"))
        return found

    def listed(self, server: Server, user: str) -> set[bytes]:
        names = {key.split(b":")[3] for key in server.ask("KEYS", f"fba:*:{user}:*")}
        return names & set(server.ask("SMEMBERS", "fba:token_online"))


LAYOUTS: tuple[Layout, ...] = (OauthProxy(), Faultmaven(), Arketic(), Fba())
OTHERS = ("10", "100", "11", "01", "1:1", "2")
"""Users whose names begin, end or look like that of user 1."""


def fill(server: Server, layout: Layout, users: Sequence[str] = ("1", *OTHERS), logins: int = 4) -> None:
    """Log everybody in; user 1 has one login more that no index knows, and one in the index that is gone."""
    for user in users:
        if ":" in user and layout.schema == "fastapi-best-architecture":
            continue  # there the user is a part of the key
        for number in range(logins):
            server.ask_all(layout.login(user, f"{user.replace(':', '_')}-{number}"))
    forgotten = [command for command in layout.login("1", "1-9") if command[0] not in ("SADD", "RPUSH")]
    server.ask_all(forgotten)
    vanished = layout.login("1", "1-8")
    server.ask_all([command for command in vanished if command[0] in ("SADD", "RPUSH")])


def written(layout: Layout, user: str, *names: str) -> set[bytes]:
    """Keys that these logins of a user consist of, in the way `holdings` names them."""
    commands = [command for name in names for command in layout.login(user, name)]
    keys = {str(command[1]).encode() for command in commands}
    shared = {key + b"/" + str(words[2]).encode() for words in commands if (key := str(words[1]).encode()) == ONLINE}
    return (keys - {ONLINE}) | shared


def holdings(server: Server) -> dict[bytes, object]:
    """Everything there is, by key; indexes that all users share are told member by member."""
    found: dict[bytes, object] = {}
    for key in server.ask("KEYS", "*"):
        if key == ONLINE:
            found |= {key + b"/" + member: True for member in server.ask("SMEMBERS", key)}
        else:
            found[key] = server.ask("DUMP", key)
    return found
