"""What a node asks before it goes anywhere, and when it has arrived."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tui.engine.address import Address
from tui.engine.failure import Failure
from tui.engine.info import Identity
from tui.engine.link import Link

if TYPE_CHECKING:
    from tui.engine.node import Node


class Guide(Protocol):
    """Knows the way to a node's server."""

    async def where(self, node: Node) -> Address:
        """Return where the server is now.

        Raises:
            Unavailable: that is not known.
        """

    async def accepts(self, node: Node, link: Link, identity: Identity) -> bool:
        """Look at who answers before anything is asked of it; False when the way leads on: then `where` is asked again.

        Raises:
            Unavailable: it is not what was looked for.
        """

    async def knows_better(self, node: Node, failure: Failure) -> bool:
        """Whether, after this failure to get in, `where` has another answer."""


class Straight:
    """The server is where its address says."""

    async def where(self, node: Node) -> Address:
        """Return its address."""
        return node.address

    async def accepts(self, node: Node, link: Link, identity: Identity) -> bool:
        """Whoever answers is right."""
        return True

    async def knows_better(self, node: Node, failure: Failure) -> bool:
        """There is no other way."""
        return False
