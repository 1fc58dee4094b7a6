"""The machine as it is now: what it runs on, and how fast it runs a model."""
