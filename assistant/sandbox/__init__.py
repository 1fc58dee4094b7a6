"""Running a model's code safely, and what its behaviour tells."""

from assistant.sandbox.behaviour import agreement_key, examples_share, fingerprint, passes
from assistant.sandbox.examples import Example, calls_for, examples_of, program_for
from assistant.sandbox.run import Ran, run_python

__all__ = [
    "Example",
    "Ran",
    "agreement_key",
    "calls_for",
    "examples_of",
    "examples_share",
    "fingerprint",
    "passes",
    "program_for",
    "run_python",
]
