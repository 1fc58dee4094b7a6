"""The terminal app: Textual screens over the same pipeline that the command line iterates."""
