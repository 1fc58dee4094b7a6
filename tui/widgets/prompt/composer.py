"""The prompt in its frame, with the list of what the text could become above it."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import TextArea
from textual.worker import get_current_worker

from ... import slash
from . import listing
from .completing import MOST_SHOWN, Candidate, Completing, commands_for, paths_for, ranked
from .completion import Completion
from .prompt import Prompt


class Composer(Vertical):
    """Looks at the text before the cursor and offers what could follow."""

    def __init__(self) -> None:
        super().__init__(id="composer-prompt")
        self._completion = Completion()
        self._paths: list[str] | None = None
        self._what: Completing | None = None

    def compose(self) -> ComposeResult:
        yield self._completion
        with Vertical(id="prompt-frame"):
            yield Prompt(self._completion)

    @property
    def _prompt(self) -> Prompt:
        return self.query_one(Prompt)

    @on(TextArea.Changed)
    @on(TextArea.SelectionChanged)
    def _look(self) -> None:
        what = self._prompt.completing()
        if what == self._what:
            return
        self._what = what
        if what is None:
            self._paths = None  # files come and go: the next @ looks anew
            self._completion.close()
        elif what.kind == "path":
            self._find_paths(what)
        else:
            is_available = partial(slash.is_available, self.screen)
            self._completion.offer(what, commands_for(what, sorted(self.app.available_themes), is_available))

    @work(thread=True, exclusive=True, exit_on_error=False, group="paths")
    def _find_paths(self, what: Completing) -> None:
        """List and rank the paths in a thread, for a folder may be large or far away."""
        worker = get_current_worker()
        folder = Path.cwd()
        if what.typed.startswith((".", "/", "~")):
            paths = listing.inside(folder, what.typed)
        else:
            paths = self._paths if self._paths is not None else listing.beneath(folder)
            self._paths = paths
        best: list[str] = []
        for at in range(0, len(paths), listing.BATCH):
            best = ranked(what.typed, [*best, *paths[at : at + listing.BATCH]], MOST_SHOWN)
            time.sleep(listing.PAUSE_S)
            if worker.is_cancelled:
                return
        candidates = paths_for(what, best)
        if not worker.is_cancelled:
            self.app.call_from_thread(self._offer_paths, what, candidates)

    def _offer_paths(self, what: Completing, candidates: list[Candidate]) -> None:
        if what == self._what:
            is_done = len(candidates) == 1 and candidates[0].label == what.typed
            self._completion.offer(what, [] if is_done else candidates)

    @on(Completion.Chosen)
    def _take(self, event: Completion.Chosen) -> None:
        self._prompt.take(event.candidate)
        self._prompt.focus()
