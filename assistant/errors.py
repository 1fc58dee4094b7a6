"""Every error that Mull raises on purpose.

MullError                 one sentence for the user, and the next step
├── UsageError            a flag, a question or an attachment that makes no sense
│   └── ConfigError       the settings file or an environment variable is wrong
├── ModelError            this model cannot answer
│   ├── ModelFileError    missing, truncated, corrupt, or no GGUF at all
│   ├── TemplateError     the chat template is missing or fails
│   ├── ModelLoadError    llama.cpp refused the file, or memory did not suffice
│   └── DownloadError     a model could not be fetched
├── EngineError           the engine failed while it ran
│   ├── EngineDied        the child process is gone
│   └── OutOfMemory       the machine or the GPU has no memory left
├── ContextFull           the conversation does not fit the model's context
└── StoreError            conversations cannot be read or written; the chat goes on without
    ├── StoreDamaged      their file is damaged
    └── StoreGone         their file was moved or removed while it was open
"""

from __future__ import annotations


class MullError(Exception):
    """One sentence that says what is wrong, and one that says what to do next."""

    def __init__(self, message: str, next_step: str = "") -> None:
        super().__init__(message, next_step)
        self.message = message
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.message} {self.next_step}".strip()


class UsageError(MullError):
    """A flag, a question or an attachment that makes no sense."""


class ConfigError(UsageError):
    """The settings file or an environment variable is wrong."""


class ModelError(MullError):
    """This model cannot answer."""


class ModelFileError(ModelError):
    """The model file is missing, truncated, corrupt, or no GGUF at all."""


class TemplateError(ModelError):
    """The chat template is missing or fails on this conversation."""


class ModelLoadError(ModelError):
    """llama.cpp refused the file, or memory did not suffice to load it."""


class DownloadError(ModelError):
    """A model could not be fetched; what had arrived is kept where it can be used."""


class EngineError(MullError):
    """The engine failed while it ran."""


class EngineDied(EngineError):
    """The child process that runs the model is gone."""


class OutOfMemory(EngineError):
    """The machine or the GPU has no memory left for this."""


class ContextFull(MullError):
    """The conversation does not fit the model's context.

    `n_tokens` is what was needed and `n_ctx` what there is, both in tokens.
    """

    def __init__(self, message: str, next_step: str = "", n_tokens: int = 0, n_ctx: int = 0) -> None:
        super().__init__(message, next_step)
        self.args = (message, next_step, n_tokens, n_ctx)
        self.n_tokens = n_tokens
        self.n_ctx = n_ctx


class StoreError(MullError):
    """Conversations cannot be read or written at the moment; the chat goes on without."""


class StoreDamaged(StoreError):
    """The file of conversations is damaged; it is set aside at the next start."""


class StoreGone(StoreError):
    """The file of conversations was moved or removed while it was open; opening the store makes another."""


def defect(error: Exception, next_step: str = "") -> MullError:
    """An error that nobody foresaw, for whoever must not let it take everything along."""
    what = ": ".join(filter(None, (type(error).__name__, str(error).rstrip("."))))
    return MullError(f"Mull itself failed: {what}.", next_step)
