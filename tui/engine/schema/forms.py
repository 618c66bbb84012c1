"""Forms that a placeholder of a schema can ask for: what the bytes that stand for it look like."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

WORD, TYPED, TEXT, REST = 1, 2, 3, 4
"""How little a form says; a literal says most, with 0."""


@dataclass(frozen=True, slots=True)
class Form:
    """What stands for a placeholder."""

    name: str
    expression: bytes
    """A regular expression without groups; empty for one segment of any text, for that depends on the delimiter."""
    rank: int
    """How little it says: the pattern that says most about a key wins."""

    def fits(self, value: bytes) -> bool:
        """Whether a value has this form."""
        return not self.expression or _compiled(self.expression).fullmatch(value) is not None


_HEX = rb"[0-9a-fA-F]"
ANY_TEXT = Form("text", b"", TEXT)
ANY_REST = Form("rest", rb".+", REST)
FORMS = {
    form.name: form
    for form in (
        ANY_TEXT,
        ANY_REST,
        Form("int", rb"[0-9]+", TYPED),
        Form("hex", _HEX + rb"+", TYPED),
        Form("uuid", _HEX + rb"{8}(?:-" + _HEX + rb"{4}){3}-" + _HEX + rb"{12}", TYPED),
        Form("sha256", _HEX + rb"{64}", TYPED),
        # A digest as programs write it: MD5 to SHA-512 in hexadecimal, 32 bytes in base64.
        Form("hash", rb"(?:" + _HEX + rb"{32,128}|[A-Za-z0-9+/_-]{43}=?)", TYPED),
        Form("jwt", rb"eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*", TYPED),
        Form("email", rb"[^@\s]+@[^@\s]+", TYPED),
        Form("ip", rb"(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9a-fA-F:.]{2,45})", TYPED),
    )
}
"""The forms that have a name. `rest` and `ip` may reach over delimiters."""

_DATE = re.compile(r"(?:YYYY|MM|DD|HH|mm|ss)(?:[-_./: T]?(?:YYYY|MM|DD|HH|mm|ss))*").fullmatch
_DATE_PART = re.compile(r"YYYY|MM|DD|HH|mm|ss")


def form_of(wanted: str | Sequence[str]) -> Form:
    """Return the form that a schema file names: one of `FORMS`, a glob such as `sess_*`, or a list of words.

    Raises:
        ValueError: with a phrase, when there is none of that name.

    >>> form_of("sess_*").fits(b"sess_9f3c"), form_of(["flow", "import"]).fits(b"analysis")
    (True, False)
    """
    if not isinstance(wanted, str):
        return Form("|".join(wanted), b"(?:" + b"|".join(re.escape(word.encode()) for word in wanted) + b")", WORD)
    if "*" in wanted:
        return Form(wanted, rb"[^:]*".join(re.escape(part.encode()) for part in wanted.split("*")), WORD)
    if wanted not in FORMS:
        raise ValueError(
            f"unknown form {wanted!r}; there are {', '.join(FORMS)}, words in a list, and globs like 'x_*'"
        )
    return FORMS[wanted]


def date_form(name: str) -> Form | None:
    """Return the form of a placeholder that is named like a date, such as `YYYYMMDD:HH`; None when it is not.

    >>> date_form("YYYYMMDD:HH").fits(b"20250602:06"), date_form("minute")
    (True, None)
    """
    if not _DATE(name):
        return None
    parts, at = [], 0
    for match in _DATE_PART.finditer(name):
        parts += [re.escape(name[at : match.start()].encode()), b"[0-9]{%d}" % len(match[0])]
        at = match.end()
    return Form(name, b"".join(parts), TYPED)


@lru_cache(256)
def _compiled(expression: bytes) -> re.Pattern[bytes]:
    return re.compile(expression, re.DOTALL)
