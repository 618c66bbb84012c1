"""What a colour means: the same few roles in every chart and bar, coloured from the theme."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

Role = Literal["primary", "secondary", "accent", "success", "warning", "error", "muted"]
"""Red: act, amber: look, green: fine, muted: context; primary, secondary and accent tell series apart."""

ROLES: tuple[Role, ...] = get_args(Role)

_COLOURS: dict[Role, str] = {
    "primary": "$primary",
    "secondary": "$secondary",
    "accent": "$accent",
    "success": "$success",
    "warning": "$warning",
    "error": "$error",
    "muted": "$foreground 50%",
}


class RoleCss(NamedTuple):
    """The component classes of all roles for one widget class, and the rules that colour them."""

    classes: frozenset[str]
    css: str


def role_css(widget: str) -> RoleCss:
    """Component classes `<widget>--<role>`, in lower case.

    >>> sorted(role_css("Chart").classes)[0]
    'chart--accent'
    """
    prefix = widget.lower()
    rules = [f"{widget} > .{prefix}--{role} {{ color: {colour}; }}" for role, colour in _COLOURS.items()]
    return RoleCss(frozenset(f"{prefix}--{role}" for role in ROLES), "\n".join(rules))


def role_style(role: Role) -> str:
    """The role's colour as a style for a span of `Content`; follows the theme.

    >>> role_style("warning")
    '$warning'
    """
    return "$foreground-muted" if role == "muted" else f"${role}"
