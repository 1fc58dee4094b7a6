"""All models: those that are here, and those that can be had; how they go with this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical, VerticalScroll
from textual.content import Content
from textual.events import Resize
from textual.message import Message
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from assistant.errors import MullError, defect
from assistant.terminal import visible

from .. import model_words
from ..stock import Stock
from ..widgets.marked import MarkedList
from ..widgets.models.fetch_line import FetchLine
from .dialog import Dialog

if TYPE_CHECKING:
    from assistant.catalog.installed import Installed
    from assistant.catalog.shelf import Item

    from ..shelf_app import ShelfApp

WIDE = 110
"""Columns from which the page of a model is beside the list and not below it."""


@dataclass
class Listed(Message):
    """The list is made, or could not be."""

    machine: str
    items: tuple[Item, ...]
    error: str = ""


@dataclass
class Told(Message):
    """Something was done to a model."""

    text: str


class ModelsScreen(Dialog[None]):
    """Fetches, uses and removes models; whatever takes time is done in a thread."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "close", "Close", id="close_models"),
        Binding("g", "get", "Fetch", id="get_model"),
        Binding("u", "use", "Use", id="use_model"),
        Binding("x,delete", "remove", "Remove", id="remove_model"),
        Binding("i", "import_found", "Import", id="import_models"),
        Binding("c", "cancel", "Stop fetching", id="cancel_model"),
    ]

    def __init__(self, stock: Stock) -> None:
        super().__init__()
        self._stock = stock
        self._items: dict[str, Item] = {}
        self._shown = ""
        """The name of the model whose page is shown."""
        self._to_remove = ""
        """The name of the model that may be removed if the key is pressed again."""

    def compose(self) -> ComposeResult:
        with Vertical(id="models") as page:
            page.border_title = "Models"
            page.border_subtitle = "Enter uses or fetches · x removes · i imports · c stops · Esc closes"
            yield Static("Looking at this machine …", classes="machine")
            with Container(classes="panes"):
                yield MarkedList()
                with VerticalScroll(classes="page", can_focus=False):
                    yield Static()
            yield FetchLine("c stops")
            yield Static(classes="told")

    @property
    def _shelf(self) -> ShelfApp:
        from ..shelf_app import ShelfApp

        assert isinstance(self.app, ShelfApp)
        return self.app

    def on_mount(self) -> None:
        """List the models."""
        self.query_one(OptionList).focus()
        self.query_one(FetchLine).follow(self._shelf.fetch)
        self._tell("")
        self.look()

    def on_resize(self, event: Resize) -> None:
        """Put the page beside the list where there is room."""
        self.query_one("#models").set_class(event.size.width >= WIDE, "-wide")
        if (item := self._marked) is not None:
            self.call_after_refresh(self._paint, item)

    # -- the list ------------------------------------------------------------------------------------

    def look(self) -> None:
        """Make the list anew."""
        model = self._shelf.model
        self._list(Path(model.path) if model else None)

    @work(thread=True, exclusive=True, exit_on_error=False, group="shelf")
    def _list(self, used: Path | None) -> None:
        try:
            machine, items = self._stock.shelf(used)
            self.post_message(Listed(machine, items))
        except MullError as error:
            self.post_message(Listed("", (), str(error)))
        except Exception as error:  # noqa: BLE001 - the boundary: a defect must not take the conversation along
            self.post_message(Listed("", (), str(defect(error))))

    @on(Listed)
    def _show_list(self, message: Listed) -> None:
        self.query_one(".machine", Static).update(Content(visible(message.error or message.machine)))
        options = self.query_one(OptionList)
        marked = self._marked
        self._items = {item.name: item for item in message.items}
        options.clear_options()
        is_here: bool | None = None
        for item in message.items:
            if item.is_here != is_here:
                is_here = item.is_here
                title = "On this machine" if is_here else "To fetch, the best for this machine first"
                options.add_option(Option(Content.styled(title, model_words.MUTED), disabled=True))
            options.add_option(Option(model_words.row(item), id=item.name))
        if message.items:
            name = marked.name if marked and marked.name in self._items else message.items[0].name
            self._shown = name  # what was told stands until the user moves on
            options.highlighted = options.get_option_index(name)

    @property
    def _marked(self) -> Item | None:
        option = self.query_one(OptionList).highlighted_option
        return self._items.get(option.id or "") if option is not None else None

    @on(OptionList.OptionHighlighted)
    def _show_page(self, event: OptionList.OptionHighlighted) -> None:
        name = event.option_id or ""
        if name != self._shown:
            self._shown, self._to_remove = name, ""
            self._tell("")
        if (item := self._items.get(name)) is not None:
            self._paint(item)

    def _paint(self, item: Item) -> None:
        page = self.query_one(".page Static", Static)
        if page.size.width:
            page.update(model_words.page(item, page.size.width))
        else:
            self.call_after_refresh(self._paint, item)

    # -- what is done --------------------------------------------------------------------------------

    @on(OptionList.OptionSelected)
    def _take(self) -> None:
        if (item := self._marked) is not None:
            if item.is_here:
                self.action_use()
            else:
                self.action_get()

    def action_get(self) -> None:
        """Fetch the model."""
        item = self._marked
        if item is None:
            return
        if item.is_here:
            self._tell(f"{item.title} is here already: u uses it.")
        elif self._stock.is_offline:
            self._tell("The setting offline is on: nothing is fetched. i imports what other programs have.")
        else:
            self._shelf.begin_fetch(item)

    def action_use(self) -> None:
        """Have the model answer from now on."""
        item = self._marked
        if item is None:
            return
        if not item.is_here:
            self._tell(f"{item.title} is not here yet: g fetches it.")
        elif item.is_used:
            self._tell(f"{item.title} answers already.")
        elif item.verdict == "cannot be used":
            self._tell(item.problem)
        else:
            self._tell(f"{item.title} is being loaded; what runs is answered first.")
            self._shelf.switch(item.name)

    def action_remove(self) -> None:
        """Delete what Mull has fetched, or forget what is another's; the key has to be pressed twice."""
        item = self._marked
        entry = (item.entry or item.part) if item is not None else None
        if item is None or entry is None:
            self._tell("Only what is on this machine can be removed.")
        elif self._shelf.is_fetched(item.name):
            self._tell(f"{item.title} is on its way: c stops that first.")
        elif entry.path == self._starter_path():
            self._tell("The starter model belongs to Mull and stays.")
        elif item.is_used:
            self._tell(f"{item.title} answers now: use another one first.")
        elif self._to_remove != item.name:
            self._to_remove = item.name
            what = "deletes its file" if entry.is_ours else "forgets it; its file stays"
            what = what if item.entry else "deletes what has come of it"
            self._tell(f"x again {what}: {entry.path}")
        else:
            self._to_remove = ""
            self._remove(item.title, entry)

    def _starter_path(self) -> Path:
        from assistant import paths

        return paths.starter_model()

    @work(thread=True, exit_on_error=False, group="remove")
    def _remove(self, title: str, entry: Installed) -> None:
        from assistant.catalog.choosing import remove
        from assistant.download.meter import amount

        try:
            removed = remove(entry)
            freed = f"is deleted: {amount(removed.freed_bytes)} are free again."
            said = freed if entry.is_ours else "is forgotten."
            self.post_message(Told(f"{title} {said}"))
        except MullError as error:
            self.post_message(Told(str(error)))

    @work(thread=True, exclusive=True, exit_on_error=False, group="import")
    def action_import_found(self) -> None:
        """Use what LM Studio, Ollama, llama.cpp and the hub's cache have, where it lies."""
        from assistant.catalog.choosing import adopt
        from assistant.catalog.elsewhere import search

        try:
            added, refused = adopt(search())
        except MullError as error:
            self.post_message(Told(str(error)))
            return
        left = f" {len(refused)} cannot be run." if refused else ""
        n = len(added)
        said = f"{n} model{'' if n == 1 else 's'} of other programs can be used." if n else ""
        self.post_message(
            Told(f"{said or 'LM Studio, Ollama, llama.cpp and the hub have no model here that runs.'}{left}")
        )

    def has_loaded(self, title: str, *, is_done: bool) -> None:
        """Tell how the load of a model went that was chosen here or elsewhere."""
        self._tell(
            f"{title} answers from now on." if is_done else f"{title} was not loaded; the chat says why."
        )

    @on(Told)
    def _take_told(self, message: Told) -> None:
        self._tell(message.text)
        self.look()

    def action_cancel(self) -> None:
        """Stop fetching; what has come is kept."""
        self._shelf.action_cancel_fetch()

    def action_close(self) -> None:
        """Go back to the chat."""
        self.dismiss()

    def _tell(self, text: str) -> None:
        line = self.query_one(".told", Static)
        line.update(Content(visible(text)))
        line.display = bool(text)
