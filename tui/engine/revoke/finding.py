"""One user, one key or one pasted token, found at once: by its name and by indexes, without going through all keys."""

from __future__ import annotations

from dataclasses import dataclass

from tui.engine.failure import Failure, Unavailable
from tui.engine.place import Where, place_of
from tui.engine.purge.pacing import Pacer
from tui.engine.revoke.board import Principal
from tui.engine.revoke.holdings import Ledger
from tui.engine.revoke.plan import interest_of
from tui.engine.revoke.roles import Roles
from tui.engine.revoke.search import Search
from tui.engine.revoke.wanted import Wanted


@dataclass(frozen=True, slots=True)
class Found:
    """Whose it is, with what is known of them so far."""

    principal: Principal
    key: bytes | None
    """The key that was looked for; None when it was a user."""


async def find(where: Where, roles: Roles, wanted: Wanted) -> Found | Failure | None:
    """Find a user, or the owner of keys; None when there is nothing of it (or, of a user, nothing that an index names).

    Reads at full speed: it is a few keys.
    """
    place = place_of(where)
    pacer, ledger = Pacer(place.nodes[0], 1.0, None), Ledger()
    try:
        interest = await interest_of(place, roles, wanted, pacer)
        search = Search(place, roles, interest, ledger, pacer.rest)
        await search.ask_indexes()
        looked = await search.look(wanted.keys or ())
    except Unavailable as error:
        return error.failure
    first = next(iter(looked.holdings if wanted.keys is not None else ledger), None)
    if first is None:
        return None
    owner = ledger.owner_of(first)
    principal = Principal(first.role.schema, owner)
    for one in ledger:
        if ledger.owner_of(one) == owner:
            principal.add(one)
    return Found(principal, first.key if wanted.keys is not None else None)
