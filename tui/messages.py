"""What the worker thread tells the screen; it touches no widget."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message

from assistant.errors import MullError

from .job import Job


@dataclass
class JobArrived(Message, bubble=False):
    """Events wait in the job."""

    job: Job


@dataclass
class JobEnded(Message):
    """The job's thread is done with it; the last events may still wait in the job."""

    job: Job
    error: MullError | None
    """Why it ended early, if it did."""
