"""How fast something arrives, and how long it will still take."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a download is."""

    name: str
    """The file that is on its way."""
    done_bytes: int
    """What has arrived, of all its parts together, what was there before included."""
    total_bytes: int
    """What there is to arrive; 0 if the server does not say."""
    bytes_per_second: float = 0.0
    """Over the last seconds; 0 until it can be told."""
    eta_s: float | None = None
    """Seconds that it will still take; None until it can be told."""
    is_checking: bool = False
    """Whether what is there is being read again, for its checksum."""
    note: str = ""
    """A sentence that the user should read, such as why it goes on after a pause."""


class Meter:
    """The speed over the last seconds.

    Args:
        window_s: seconds that count.
    """

    def __init__(self, window_s: float = 10.0) -> None:
        self._window_s = window_s
        self._samples: deque[tuple[float, int]] = deque()

    def note(self, now_s: float, done_bytes: int) -> float:
        """Take down what has arrived by now; bytes a second, 0 until that can be told."""
        samples = self._samples
        if samples and done_bytes < samples[-1][1]:
            samples.clear()  # it begins anew
        samples.append((now_s, done_bytes))
        while len(samples) > 2 and now_s - samples[1][0] >= self._window_s:
            samples.popleft()
        took_s = now_s - samples[0][0]
        return (done_bytes - samples[0][1]) / took_s if took_s > 0 else 0.0

    def forget(self) -> None:
        """Begin anew, as after a pause."""
        self._samples.clear()


def eta(done_bytes: int, total_bytes: int, bytes_per_second: float) -> float | None:
    """Seconds that the rest takes; None where it cannot be told."""
    if total_bytes <= 0 or bytes_per_second <= 0:
        return None
    return max(total_bytes - done_bytes, 0) / bytes_per_second


def amount(n_bytes: int) -> str:
    """A number of bytes as people write it, in powers of ten as disks and the hub count: 4.7 GB."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if n_bytes >= size:
            return f"{n_bytes / size:.1f} {unit}" if n_bytes < 100 * size else f"{n_bytes / size:.0f} {unit}"
    return f"{n_bytes} byte{'' if n_bytes == 1 else 's'}"


def how_far(news: Progress) -> str:
    """What is told of a download while it runs: 1.2 GB of 2.5 GB, 48%, 12.0 MB/s, 1 min 48 s left."""
    if news.is_checking:
        return f"looking at what is here, {amount(news.done_bytes)}"
    if not news.total_bytes:
        return amount(news.done_bytes)
    text = f"{amount(news.done_bytes)} of {amount(news.total_bytes)}"
    text += f", {news.done_bytes / news.total_bytes:.0%}"
    if news.bytes_per_second:
        text += f", {amount(round(news.bytes_per_second))}/s"
    return text + (f", {duration(news.eta_s)} left" if news.eta_s else "")


def duration(seconds: float) -> str:
    """A time as people say it: 8 s, 3 min 20 s, 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole < 600 else f"{round(whole / 60)} min"
    minutes = round(whole / 60)
    return f"{minutes // 60} h {minutes % 60} min"
