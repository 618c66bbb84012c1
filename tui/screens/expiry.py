"""Screen 4: how long keys live, what goes when, what never goes, and what lives longer than it should."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.message import Message

from tui.engine.findings import Findings
from tui.engine.keyspace import Family, Keyspace
from tui.engine.namespaces import path_of
from tui.engine.survey import Survey
from tui.panes.expiry_drift import ExpiryDriftPane
from tui.panes.expiry_families import ExpiryFamiliesPane
from tui.panes.expiry_forecast import ExpiryForecastPane
from tui.panes.expiry_next import ExpiryNextPane
from tui.panes.expiry_ttl import ExpiryTtlPane
from tui.panes.namespaces import NamespacesPane
from tui.screens.base import PaneScreen
from tui.screens.editing import edit_key
from tui.words.keyedits import set_ttl, ttl_question

if TYPE_CHECKING:
    from tui.engine.schema.model import Family as Meant


class ExpiryPage(PaneScreen):
    """What never goes and what departs from its policy on the left, what lies ahead on the right."""

    TITLE = "Expiry"
    KEY = "4"
    PANES = (ExpiryFamiliesPane, ExpiryDriftPane, ExpiryTtlPane, ExpiryForecastPane, ExpiryNextPane)
    NARROW: ClassVar[int] = 110
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("u", "undo_ttl", "Undo", show=False, id="expiry.undo",
                tooltip="Put back the expiries that the last change of TTLs has replaced"),
    ]  # fmt: skip

    class Retime(Message):
        """Change the TTLs of a family, after a preview; without one, undo the last such change."""

        def __init__(
            self,
            family: Family | None = None,
            shapes: Sequence[Sequence[str]] = (),
            meant: Meant | None = None,
        ) -> None:
            super().__init__()
            self.family = family
            self.shapes = shapes
            """Of all families of the picture."""
            self.meant = meant
            """What a schema says of it."""

    @on(ExpiryFamiliesPane.Pointed)
    def _choose(self, event: ExpiryFamiliesPane.Pointed) -> None:
        event.stop()
        self.query_one(ExpiryTtlPane).choose(event.shape)
        self.query_one(ExpiryForecastPane).choose(event.shape)

    @on(ExpiryFamiliesPane.Opened)
    def _list_family(self, event: ExpiryFamiliesPane.Opened) -> None:
        event.stop()
        self._list(self._family(event.shape))

    @on(ExpiryDriftPane.Opened)
    def _list_departing(self, event: ExpiryDriftPane.Opened) -> None:
        event.stop()
        self._list(self._departing(event.number))

    @on(ExpiryNextPane.Opened)
    def _show_key(self, event: ExpiryNextPane.Opened) -> None:
        event.stop()
        self.post_message(self.Wanted("2", event.key))

    @on(ExpiryFamiliesPane.SetTtl)
    def _retime_family(self, event: ExpiryFamiliesPane.SetTtl) -> None:
        event.stop()
        self._retime(self._family(event.shape))

    @on(ExpiryDriftPane.SetTtl)
    def _retime_departing(self, event: ExpiryDriftPane.SetTtl) -> None:
        event.stop()
        self._retime(self._departing(event.number))

    @on(ExpiryNextPane.SetTtl)
    def _retime_key(self, event: ExpiryNextPane.SetTtl) -> None:
        event.stop()
        change = edit_key(self.app, self.session, event.key, ttl_question, set_ttl)
        self.run_worker(change, group="edit", exclusive=True, description="change of a key")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What writes does not exist where nothing may be written."""
        if action == "undo_ttl":
            return self.session.deployment.refusal is None
        return super().check_action(action, parameters)

    def action_undo_ttl(self) -> None:
        """Ask for an undo."""
        self.post_message(self.Retime())

    def _retime(self, family: Family | None) -> None:
        if family is None:
            self.app.notify("choose a family: TTLs are changed family by family", severity="warning")
            return
        known, keyspace = self.session.of(Findings).feed.latest, self._keyspace
        shapes = [one.shape for one in keyspace.families] if keyspace is not None else ()
        meant = known.family_of(family.shape) if known is not None else None
        self.post_message(self.Retime(family, shapes, meant))

    def _list(self, family: Family | None) -> None:
        """List the keys of a family on the page that is made for it."""
        keyspace = self._keyspace
        if family is not None and keyspace is not None:
            shapes = [one.shape for one in keyspace.families]
            self.post_message(self.Wanted("2", NamespacesPane.Opened(path_of(family), shapes)))

    @property
    def _keyspace(self) -> Keyspace | None:
        return self.session.of(Survey).feed.latest

    def _family(self, shape: Sequence[str] | None) -> Family | None:
        families = self._keyspace.families if self._keyspace is not None else ()
        return next((family for family in families if family.shape == shape), None)

    def _departing(self, number: int) -> Family | None:
        """Return the family of the survey that a finding is about: the biggest, when it is several."""
        known, keyspace = self.session.of(Findings).feed.latest, self._keyspace
        if known is None or keyspace is None or number >= len(known.findings or ()):
            return None
        meant = (known.findings or ())[number].family
        return next(
            (one for one in keyspace.families if meant is not None and known.family_of(one.shape) is meant), None
        )
