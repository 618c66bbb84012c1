"""Where to go without leaving: the profiles of the user, the databases of this server, or a place that is typed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from tui.fields import SettingsError
from tui.places import at, at_database, at_profile, profiles
from tui.settings import CONFIG_FILE, Settings, config_folder
from tui.words.placerows import Place, database_rows, profile_rows
from widgets.inputline import InputLine
from widgets.table import Column, Table

COLUMNS = (
    Column("name", 22),
    Column("where", least=16, priority=9),
    Column("about", 16, priority=8),
)


class PlacesScreen(ModalScreen[Settings | None]):
    """Returns the settings for where to go; None to stay."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", "Stay", id="places.stay", tooltip="Stay here"),
    ]

    def __init__(self, settings: Settings, databases: Sequence[tuple[int, int]]) -> None:
        """Start from these settings; `databases` are the server's, each with the number of its keys."""
        super().__init__()
        self._settings = settings
        self._databases = databases

    def compose(self) -> ComposeResult:
        """The list, the fields for another place, and one line for what is wrong."""
        with Vertical(id="places") as box:
            box.border_title = Content("Go to")
            box.border_subtitle = Content("enter goes there · tab to type another place · escape stays")
            yield Table(COLUMNS)
            yield Static(Content(""), id="note")
            yield InputLine(
                placeholder="another place: host:port, redis://user@host/2, /run/redis.sock, or a database: 3",
                id="place",
            )
            yield InputLine(password=True, placeholder="its password, if it wants one", id="password")

    def on_mount(self) -> None:
        """List what there is; what is wrong with the file is told, and the rest still works."""
        note = f"profiles stand in {config_folder() / CONFIG_FILE}: [profiles.NAME]"
        try:
            known = profiles()
        except SettingsError as error:
            known, note = (), str(error)
        rows = [*profile_rows(known, self._settings.profile), *database_rows(self._databases, self._settings.address)]
        table = self.query_one(Table)
        table.styles.height = len(rows) + 1
        table.show_rows(rows)
        table.focus()
        if not known:
            self._say(note)

    @on(Table.Chosen)
    def _choose(self, event: Table.Chosen) -> None:
        event.stop()
        assert isinstance(event.key, Place)
        try:
            self.dismiss(self._settings_of(event.key))
        except SettingsError as error:
            self._say(str(error))

    @on(Input.Submitted)
    def _go(self, event: Input.Submitted) -> None:
        event.stop()
        place = self.query_one("#place", Input).value.strip()
        if not place:
            self._say("type a place first")
            return
        try:
            self.dismiss(at(self._settings, place, self.query_one("#password", Input).value))
        except SettingsError as error:
            self._say(str(error))

    def _settings_of(self, place: Place) -> Settings:
        if place.profile is not None:
            return at_profile(self._settings, place.profile)
        return at_database(self._settings, str(place.db))

    def _say(self, sentence: str) -> None:
        self.query_one("#note", Static).update(Content.styled(sentence, "$text-warning"))
