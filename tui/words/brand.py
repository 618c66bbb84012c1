"""What the header says of a place besides its name: whose it is, how one gets there, and what to beware of."""

from __future__ import annotations

from dataclasses import dataclass

from textual.content import Content

from tui.engine.address import Address, shown

LONGEST = 24
"""Cells for the name of a profile, or of a host on the way."""

_TAGS = {
    "red": "#ffffff on #c62828",
    "orange": "#000000 on #f08c00",
    "yellow": "#000000 on #fdd835",
    "green": "#ffffff on #2e7d32",
    "blue": "#ffffff on #1565c0",
    "purple": "#ffffff on #7b1fa2",
    "grey": "#ffffff on #5f6368",
}
"""Text and ground of each colour tag, readable in dark and light alike."""


@dataclass(frozen=True, slots=True)
class Brand:
    """Who looks, and at what kind of place."""

    name: str = "redtop"
    profile: str | None = None
    colour: str | None = None
    production: bool = False
    via: str | None = None
    """The host that the connection goes through."""
    unverified: bool = False
    """Whether TLS takes any certificate."""

    @classmethod
    def of(
        cls,
        address: Address,
        name: str = "redtop",
        profile: str | None = None,
        colour: str | None = None,
        *,
        production: bool = False,
    ) -> Brand:
        """Add what the address tells."""
        unverified = address.tls is not None and address.tls.insecure
        return cls(name, profile, colour, production, address.ssh, unverified)

    @property
    def tag(self) -> Content:
        """The profile on its colour; production says so in words as well."""
        if self.profile is None:
            return Content("")
        words = f" {_short(self.profile)}{' PRODUCTION' if self.production else ''} "
        colour = self.colour or ("red" if self.production else None)
        return Content.styled(words, f"bold {_TAGS[colour]}" if colour in _TAGS else "bold reverse")

    def way(self, most: int = LONGEST) -> Content:
        """How one gets there, by a name of at most so many cells, and what that gives up."""
        gateway = (self.via or "").rpartition("@")[2]
        via = Content(f" via {_short(gateway, most)}" if gateway else "")
        return Content.assemble(via, ("  TLS not verified", "bold $text-warning") if self.unverified else "")


def _short(name: str, most: int = LONGEST) -> str:
    safe = shown(name)
    return safe if len(safe) <= most else f"{safe[: most - 1]}…"
