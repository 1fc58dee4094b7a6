"""Paints no more than what has changed: while an answer is written, one block of the many on the screen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from textual._compositor import Compositor  # not exported
from textual.geometry import Region
from textual.strip import Strip


class NearCompositor(Compositor):
    """Asks only those widgets for their lines that lie where something has changed.

    Textual asks every widget of a pane where anything of the pane has changed, seen through it or not.
    """

    def _render_chops(
        self, crop: Region, is_rendered_line: Callable[[int], bool]
    ) -> Sequence[Mapping[int, Strip]]:
        """The lines of a part of the screen, in pieces by where a widget begins or ends."""
        every = self.visible_widgets
        _ = self.cuts  # found from all widgets, and kept
        band = Region(0, crop.y, self.size.width, crop.height)
        self._visible_widgets = {
            widget: (region, clip.intersection(band))
            for widget, (region, clip) in every.items()
            if crop.overlaps(region)
        }
        try:
            return super()._render_chops(crop, is_rendered_line)
        finally:
            self._visible_widgets = every
