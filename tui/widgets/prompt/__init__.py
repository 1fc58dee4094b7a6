"""The pane that the user writes in."""
