"""How keys of well-known frameworks look: made up by chance from templates, the same for the same seed."""

from __future__ import annotations

import random
import re
import uuid
from collections.abc import Callable

Templates = tuple[tuple[float, str], ...]
"""Share of the keys, and how they are made: `<kind:argument>` stands for something by chance, see `KINDS`."""

ALPHABETS = {
    "low": "abcdefghijklmnopqrstuvwxyz0123456789",
    "alnum": "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
    "b64": "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_",
}


def words(count: int) -> list[str]:
    """Names that no rule can tell from words: always the same."""
    chance = random.Random(count)
    found: dict[str, None] = {}
    while len(found) < count:
        pairs = (chance.choice("bdfgklmnprst") + chance.choice("aeiou") for _ in range(chance.randint(2, 4)))
        found["".join(pairs)] = None
    return list(found)


WORDS = {count: words(count) for count in (5, 12, 15, 20, 40, 60, 90, 300, 400, 3000)}

KINDS: dict[str, Callable[[random.Random, str], str]] = {
    "uuid": lambda chance, _: str(uuid.UUID(bytes=chance.randbytes(16))),
    "hex": lambda chance, size: chance.randbytes(int(size) // 2).hex(),
    "int": lambda chance, most: str(chance.randrange(1, int(most))),
    "word": lambda chance, many: chance.choice(WORDS[int(many)]),
    "one": lambda chance, names: chance.choice(names.split("|")),
    "ip": lambda chance, _: ".".join(str(chance.randrange(256)) for _ in range(4)),
    "time": lambda chance, _: str(chance.randrange(1_748_000_000, 1_749_000_000)),
    "day": lambda chance, _: f"20{chance.randrange(19, 26)}-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}",
    **{
        name: lambda chance, size, letters=letters: "".join(chance.choices(letters, k=int(size)))  # type: ignore[misc]
        for name, letters in ALPHABETS.items()
    },
}

QUEUES = "<one:default|mailers|low|critical|push|ingress|pull|scheduler>"
VERSION = "<int:99999>-20250601<int:999999>"

LAYOUTS: dict[str, Templates] = {
    "Sidekiq": (
        (4, "stat:<one:processed|failed>:<day:>"),
        (2, "b-<b64:14>"),
        (1, "host<int:5>.example.com:<int:60000>:<hex:12>"),
        (3, "uniquejobs:<hex:32>:<one:LOCKED|QUEUED|PRIMED|INFO>"),
        (0.1, "queue:" + QUEUES),
    ),
    "Celery and Kombu": (
        (8, "celery-task-meta-<uuid:>"),
        (1, "chord-unlock-<uuid:>"),
        (1, "celery-taskset-meta-<uuid:>"),
        (0.5, "<uuid:>.reply.celery.pidbox"),
        (0.1, "_kombu.binding." + QUEUES),
        (0.1, "<one:celery|unacked|unacked_index|unacked_mutex>"),
    ),
    "Django cache": (
        (3, ":1:django.contrib.sessions.cache<low:32>"),
        (2, ":1:views.decorators.cache.cache_page..GET.<hex:32>.<hex:32>.en-us.UTC"),
        (1, ":1:template.cache.<word:5>.<hex:32>"),
        (2, ":1:user_<int:99999>_perms"),
        (0.5, ":1:<word:60>"),
    ),
    "Laravel": (
        (4, "laravel_database_laravel_cache_:<hex:40>"),
        (3, "laravel_database_laravel_cache_:<alnum:40>"),
        (1, "laravel_database_queues:" + QUEUES + "<one::reserved|:delayed|:notify>"),
        (2, "laravel_horizon:<uuid:>"),
        (0.5, "laravel_horizon:job:App\\Jobs\\<one:SendEmail|InvoicePdf|SyncCrm>"),
    ),
    "Rails cache": (
        (4, "views/<one:posts|users>/show:<hex:32>/<one:posts|users>/" + VERSION),
        (3, "<one:posts|users|products>/" + VERSION),
        (2, "_session_id:2::<hex:64>"),
        (2, "rack::attack:<int:29000000>:<one:req/ip|logins/ip>:<ip:>"),
    ),
    "Bull and BullMQ": (
        (9, "bull:<word:12>:<int:999999>"),
        (1, "bull:<word:12>:repeat:<hex:32>:<time:>000"),
        (0.3, "bull:<word:12>:<one:id|meta|events|wait|active|completed|failed|delayed|stalled-check|marker>"),
    ),
    "Spring": (
        (4, "spring:session:sessions:<uuid:>"),
        (4, "spring:session:sessions:expires:<uuid:>"),
        (1, "spring:session:expirations:<time:>000"),
        (1, "spring:session:index:org.springframework.PRINCIPAL_NAME_INDEX_NAME:<word:3000>"),
        (3, "<word:15>::<int:99999>"),
        (2, "<word:15>::<word:3000>"),
    ),
    "django-channels": (
        (4, "asgi:specific.<low:32>!<low:32>"),
        (3, "asgi::group:chat_<int:9999>"),
        (2, "asgi::group:room_<word:3000>"),
    ),
    "RQ": (
        (5, "rq:job:<uuid:>"),
        (3, "rq:results:<uuid:>"),
        (1, "rq:job:<uuid:>:dependents"),
        (1, "rq:worker:<hex:32>"),
        (0.5, "rq:<one:queue|finished|failed|wip|deferred|scheduled>:" + QUEUES),
    ),
    "Dramatiq": (
        (5, "dramatiq-results:<hex:32>"),
        (2, "dramatiq-results:<word:3000>:<hex:32>"),
        (1, "dramatiq:__acks__.<uuid:>." + QUEUES),
        (0.3, "dramatiq:" + QUEUES + "<one:.msgs|.DQ|.DQ.msgs|.XQ>"),
    ),
    "Resque": (
        (4, "resque:worker:host<int:4>:<int:99999>:" + QUEUES),
        (3, "resque:stat:processed:host<int:4>:<int:99999>:" + QUEUES),
        (2, "resque:delayed:<time:>"),
        (0.1, "resque:queue:" + QUEUES),
    ),
    "Flask-Session": (
        (6, "session:<b64:43>"),
        (2, "session:<uuid:>"),
        (1, "flask_cache_view//<word:3000>/<int:999>"),
    ),
    "Symfony": (
        (5, "app:<word:3000>.<int:999>"),
        (3, "sf_s<low:26>"),
        (2, "app:<hex:32>"),
    ),
    "WordPress": (
        (5, "wp_:<one:posts|post_meta|terms|users|usermeta|comment>:<int:9999>"),
        (2, "wp_:<one:term|post>-queries:wp_query:<hex:32>:0.<int:99999999> <time:>"),
        (1, "wp_:<one:options|transient|site-transient>:<word:300>"),
    ),
    "Discourse": (
        (3, "default:topic_view_<int:99999>"),
        (3, "__mb_backlog_n_/topic/<int:99999>_$|$_default"),
        (2, "default:l-rate-limit3:create_topic:<int:999>"),
        (1, "default:_CACHE:<word:300>"),
    ),
    "GitLab": (
        (3, "session:gitlab:2::<hex:64>"),
        (2, "cache:gitlab:repository_languages:project_<int:9999>"),
        (2, "cache:gitlab:<one:exists?|root_ref|branch_names|size>:<word:90>/<word:3000>:<int:9999>"),
        (1, "gitlab:exclusive_lease:project_mirror:<int:9999>"),
        (1, "etag:/<word:90>/<word:3000>/noteable/issue/<int:99999>/notes"),
    ),
    "Mastodon": (
        (3, "feed:home:<int:999999999999999999>"),
        (2, "feed:home:<int:99999>:reblogs"),
        (1, "activity:statuses:local:<time:>"),
        (1, "cache:rate_limit:<int:999999999999999999>:statuses"),
        (1, "subscribed:timeline:<int:99999>"),
    ),
    "Keycloak and Infinispan": (
        (5, "kc:session:<uuid:>"),
        (3, "kc:<one:sessions|clientSessions|loginFailures>:<one:master|acme|shop>:<uuid:>"),
        (1, "realm/<one:master|acme>/user/<uuid:>"),
        (1, "infinispan:<one:users|realms|keys>:<b64:27>="),
    ),
    "locks": (
        (3, "lock:<word:40>:<int:9999>"),
        (2, "redlock:{<word:3000>}"),
        (3, "locks:<word:3000>"),
        (0.1, "lock:<word:40>"),
    ),
    "bucket4j": (
        (4, "bucket4j:<ip:>"),
        (3, "rate:<one:api|web|login>:<ip:>"),
        (2, "bucket:<word:3000>"),
        (2, "ratelimit:{<word:3000>}:/api/v1/<one:users|orders>:<time:>"),
    ),
    "tenants": (
        (7, "<word:60>:user:<int:9999>"),
        (1, "<word:60>:settings:<one:theme|mail|flags|locale>"),
        (5, "t:<word:40>:user:<int:9999>"),
        (1, "t:<word:40>:settings:<one:theme|mail|flags|locale>"),
    ),
    "names by the dozen": (
        (1, "cfg:<word:15>"),
        (1, "counter:<word:90>:<one:day|week|month>"),
        (1, "tag:<word:300>:items"),
        (1, "metric:<word:15>:<word:40>:<int:24>"),
        (1, "shop:<word:40>:stock:<int:500>"),
        (3, "user:<int:5000>:<word:12>"),
        (2, "likes:<int:5000>:<word:60>"),
        (2, "member:<word:400>:<word:20>"),
    ),
    "glued names": (
        (4, "c:<word:40>-<int:9999>"),
        (3, "cert:<word:3000>-<int:9999>"),
        (3, "room_<word:300>_<int:999>:users"),
    ),
}


def make(templates: Templates, count: int, seed: int = 1) -> list[bytes]:
    """Make up to so many different keys, in an order by chance."""
    chance = random.Random(seed)

    def fill(match: re.Match[str]) -> str:
        return KINDS[match[1]](chance, match[2])

    weights = [weight for weight, _ in templates]
    shapes = chance.choices([template for _, template in templates], weights, k=count)
    keys = dict.fromkeys(re.sub(r"<([a-z0-9]+):([^>]*)>", fill, shape).encode() for shape in shapes)
    return chance.sample(list(keys), len(keys))
