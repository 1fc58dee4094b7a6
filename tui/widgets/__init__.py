"""The app's widgets, one folder a pane."""
