"""How users are shown."""

from __future__ import annotations

from tui.engine.printable import mask, printable
from tui.engine.schema.forms import FORMS

LONGEST_NAME = 80
"""Bytes of a user's name that are shown as they are: what is longer is no name, and may be a secret."""


def shown_user(user: bytes) -> str:
    """Return a user's name as safe text; what looks like a secret, or is too long to be a name, is masked.

    >>> shown_user(b"ann"), shown_user(b"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxNyJ9.c2ln")
    ('ann', 'eyJh…a385b6f1')
    """
    secret = len(user) > LONGEST_NAME or any(FORMS[name].fits(user) for name in ("jwt", "sha256"))
    return mask(user) if secret else printable(user)
