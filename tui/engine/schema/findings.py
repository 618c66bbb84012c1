"""What departs from a schema: findings, with how much, how sure, examples, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tui.engine.schema.model import Family

EXAMPLES = 5
"""Examples kept of one finding: enough to recognize what they have in common."""


class Severity(StrEnum):
    """How bad it is."""

    CRITICAL = "critical"
    """Somebody may have access who should not."""
    WARNING = "warning"


class Kind(StrEnum):
    """What departs, by a word that stays the same: scripts may rely on it."""

    NO_TTL = "no-ttl"
    LONG_TTL = "long-ttl"
    NEEDLESS_TTL = "needless-ttl"
    TYPE = "wrong-type"
    DEPRECATED = "deprecated"
    PLAINTEXT = "plaintext-token"
    FORBIDDEN = "forbidden-value"
    TOO_MANY = "too-many-keys"
    TOO_BIG = "too-big"
    TOO_LONG = "too-long"
    VANISHED = "vanished-in-index"
    UNINDEXED = "missing-in-index"
    NO_GROUP = "missing-group"


SAYS = {
    Kind.NO_TTL: "never expire",
    Kind.LONG_TTL: "live longer than the schema allows",
    Kind.NEEDLESS_TTL: "expire, though they should stay",
    Kind.TYPE: "are of another type",
    Kind.DEPRECATED: "should not exist any more",
    Kind.PLAINTEXT: "hold a token in plain text",
    Kind.FORBIDDEN: "hold a value that must not exist any more",
    Kind.TOO_MANY: "are far more than the document expects",
    Kind.TOO_BIG: "are far bigger than the document expects",
    Kind.TOO_LONG: "have far more elements than the document allows",
    Kind.VANISHED: "name keys that are gone",
    Kind.UNINDEXED: "are missing in their index",
    Kind.NO_GROUP: "lack a consumer group",
}
"""What is so, of keys (or of entries of an index)."""

ADVICE = {
    Kind.NO_TTL: "find the code that writes them without EX or EXPIRE, and give those that are there a TTL",
    Kind.LONG_TTL: "find the code that sets the longer TTL, or correct the policy in the schema",
    Kind.NEEDLESS_TTL: "find the code that sets a TTL, and take it away with PERSIST before they are gone",
    Kind.TYPE: "rename or remove them: commands for the documented type fail on them with WRONGTYPE",
    Kind.DEPRECATED: "make sure that nothing reads them any more, then purge the family",
    Kind.PLAINTEXT: "revoke these tokens: whoever can read the database can use them; then mend what stores them",
    Kind.FORBIDDEN: "revoke what they stand for and remove them; then find what still writes them",
    Kind.TOO_MANY: "see whether something piles up that should have been removed, or correct the schema",
    Kind.TOO_BIG: "look at the biggest: a value that grows without end is read and written whole every time",
    Kind.TOO_LONG: "trim them (LTRIM, ZREMRANGEBYRANK, XADD with MAXLEN) where they are written",
    Kind.VANISHED: "remove the names from the index, and do so in future whenever a key expires or is deleted",
    Kind.UNINDEXED: "revoke them, or add them to the index: a log-out by the index alone does not find them",
    Kind.NO_GROUP: "create it with XGROUP CREATE (from 0 to have all of it read), and see why nobody reads for it",
}
"""What to do."""

_CRITICAL = frozenset({Kind.PLAINTEXT, Kind.FORBIDDEN})
_CRITICAL_OF_TOKENS = frozenset({Kind.NO_TTL, Kind.UNINDEXED})
"""Kinds that leave access open when the family grants it, or belongs to what does."""


@dataclass(frozen=True, slots=True)
class Example:
    """One key, or one entry of an index."""

    key: bytes
    """The key itself; secret, where its family says so: show `shown` instead."""
    shown: str
    """Safe text, with what is secret masked."""
    note: str = ""
    """What is wrong with this one, in a few words; safe text."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One way in which one family departs from its schema."""

    kind: Kind
    severity: Severity
    schema: str
    family: Family | None
    """None when it is about keys of no family, or about the whole schema."""
    count: int
    """Keys, or entries of an index (`vanished-in-index`), that are so: an estimate when `error` is not 0."""
    error: float
    """Half-width of the 95 % interval; 0 when counted, infinite when nothing can be said yet."""
    of: int
    """Keys of the family, or entries of its index, that `count` is a part of."""
    examples: tuple[Example, ...]
    detail: str = ""
    """What the schema says instead, in a few words; safe text."""

    @property
    def label(self) -> str:
        """The pattern of the family, or what the finding is about instead."""
        if self.family is not None:
            return self.family.label
        return f"all of {self.schema}" if self.kind is Kind.TOO_BIG else "keys of no family"

    @property
    def says(self) -> str:
        """What is so, in words that follow a number of keys."""
        return SAYS[self.kind]

    @property
    def advice(self) -> str:
        """What to do, in words."""
        return ADVICE[self.kind]


def severity_of(kind: Kind, *, grants: bool) -> Severity:
    """Return how bad a kind is; `grants` says whether the family grants access or belongs to what does."""
    return Severity.CRITICAL if kind in _CRITICAL or (grants and kind in _CRITICAL_OF_TOKENS) else Severity.WARNING


def worst_first(finding: Finding) -> tuple[bool, str, str, str]:
    """Order findings: what is critical, then by schema and family."""
    family = finding.family.name if finding.family else ""
    return finding.severity is not Severity.CRITICAL, finding.schema, family, finding.kind
