"""The verbs of `mull models`, one module each."""
