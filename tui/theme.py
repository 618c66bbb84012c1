"""redtop's two looks. Colours mean something: red act, amber look, green fine; everything else stays calm."""

from __future__ import annotations

from textual.theme import Theme

DARK = Theme(
    name="redtop-dark",
    dark=True,
    primary="#5fafd7",
    secondary="#87afaf",
    accent="#af87d7",
    warning="#e5a84b",
    error="#e0605e",
    success="#87b76b",
    foreground="#c9d1d9",
    background="#11151a",
    surface="#11151a",
    panel="#1b222a",
    variables={
        "border": "#39434f",
        "border-blurred": "#2b343e",
        "footer-key-foreground": "#5fafd7",
        "footer-background": "#1b222a",
        "input-selection-background": "#5fafd7 35%",
    },
)
LIGHT = Theme(
    name="redtop-light",
    dark=False,
    primary="#0f5f8a",
    secondary="#3b6b6b",
    accent="#7340a0",
    warning="#9a5b00",
    error="#b3261e",
    success="#2f6b1f",
    foreground="#24292f",
    background="#fbfbf9",
    surface="#fbfbf9",
    panel="#ecebe6",
    variables={
        "border": "#b5b3aa",
        "border-blurred": "#d0cec6",
        "footer-key-foreground": "#0f5f8a",
        "footer-background": "#ecebe6",
        "input-selection-background": "#0f5f8a 30%",
    },
)
