"""The pane that shows the conversation."""
