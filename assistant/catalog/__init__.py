"""Model files and model families: what a GGUF holds, and how its model wants to be spoken to."""
