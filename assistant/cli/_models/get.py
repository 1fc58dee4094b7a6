"""Fetch a model: one of the catalogue, a file on the hub, or one at an address."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, TextIO

from assistant.cli._exit_codes import ExitCode
from assistant.cli._flags import add_settings, typed
from assistant.cli._models._words import say, show_json, tell
from assistant.errors import UsageError
from assistant.terminal import visible

if TYPE_CHECKING:
    from collections.abc import Generator

    from assistant.catalog.offers import Offer
    from assistant.download.get import Fetched
    from assistant.download.meter import Progress
    from assistant.download.source import Source

_EXAMPLES = """\
examples:
  mull models get qwen3-4b                         one of "mull models recommend"
  mull models get qwen3-1.7b:q4_k_m                in another quantisation
  mull models get hf:Qwen/Qwen3-4B-GGUF/Qwen3-4B-Q4_K_M.gguf
  mull models get hf:unsloth/Qwen3-4B-GGUF:Q5_K_M
  mull models get https://example.org/model.gguf

What was interrupted is gone on with by the same command. HF_TOKEN, HF_ENDPOINT and
HTTPS_PROXY count."""


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = _EXAMPLES
    parser.add_argument(
        "model", metavar="MODEL", help="A name, hf:owner/repository/file.gguf, or an address."
    )
    parser.add_argument("--json", action="store_true", help="Print what was fetched as JSON.")
    add_settings(parser, only=("offline",))


def run(args: Namespace) -> ExitCode:
    """Fetch it, and remember it under a name."""
    from assistant.catalog import installed
    from assistant.config import load
    from assistant.download.get import download

    settings = load(typed(args))
    source, offer = _source(args.model)
    if offer is not None and not (args.json or settings.offline):
        _warn(offer)
    known = {entry.path: entry.sha256 for entry in installed.load()}
    news = download(source, installed.models_dir(), is_offline=settings.offline, known_sha256=known)
    meter = _Line(sys.stderr)
    try:
        fetched = _followed(news, meter)
    except KeyboardInterrupt:
        news.close()
        meter.end()
        tell(f"Stopped. What has come is kept; go on with: mull models get {args.model}")
        return ExitCode.INTERRUPTED
    finally:
        meter.end()
    name = offer.name if offer else installed.file_name(fetched.path)
    entry = installed.add(fetched.path, name, fetched.source, fetched.sha256)
    if args.json:
        show_json(
            {
                "name": entry.name,
                "path": str(entry.path),
                "source": entry.source,
                "sha256": entry.sha256,
                "size_bytes": fetched.info.size_bytes,
                "was_here": fetched.was_here,
            }
        )
    else:
        _report(entry.name, fetched, offer)
    return ExitCode.ANSWERED


def _source(text: str) -> tuple[Source, Offer | None]:
    from assistant.catalog.families import load_offers
    from assistant.catalog.offers import find, near, of_file
    from assistant.download.source import parse

    offers = load_offers()
    source = parse(text)
    if source is not None:
        return source, of_file(offers, str(source))
    offer = find(offers, text)
    if offer is None:
        could = near(offers, text)
        known = {file.model.name: file.model for file in offers}
        if (model := known.get(text.partition(":")[0].lower())) is not None:
            has = ", ".join(file.quantisation.lower() for file in model.files)
            raise UsageError(f'{model.name} is not there in "{text.partition(":")[2]}".', f"There is: {has}.")
        raise UsageError(
            f'There is no model "{text}" in the catalogue.',
            f"Did you mean {' or '.join(could)}?"
            if could
            else 'See "mull models recommend --all", or name a file: hf:owner/repository/file.gguf.',
        )
    found = parse(offer.source)
    assert found is not None  # every source of the catalogue is one
    return found, offer


def _warn(offer: Offer) -> None:
    """Say so before gigabytes are fetched that the machine has no room for."""
    from assistant.catalog.ranking import advise
    from assistant.cli._models._machine import machine
    from assistant.hardware.machine import size

    here = machine()
    advice = advise(offer, here)
    if not advice.is_fit:
        tell(
            f"This machine has {size(here.free_bytes)} of memory free, and {offer.name} takes "
            f"{size(advice.plan.total_bytes)}: it would be read from disk again and again, and be slow. "
            'See what fits with "mull models recommend".'
        )


def _followed(news: Generator[Progress | Fetched, None, None], meter: _Line) -> Fetched:
    from assistant.download.get import Fetched

    for item in news:
        if isinstance(item, Fetched):
            return item
        meter.show(item)
    raise AssertionError("a download ends with what was fetched")


def _report(name: str, fetched: Fetched, offer: Offer | None) -> None:
    from assistant.download.meter import amount

    size = amount(fetched.info.size_bytes)
    state = "was here already" if fetched.was_here else "is here now"
    checked = ", with the checksum that the hub has on record" if fetched.sha256 else ""
    say(f"{name} {state}: {size}{checked}.")
    say(f"  {fetched.path}")
    if offer and offer.file.sha256 and fetched.sha256 and offer.file.sha256 != fetched.sha256:
        tell("The file on the hub is another one than when this version of Mull was made.")
    say(f"Try it with: mull --model {name}")
    say(f"Use it from now on with: mull models use {name}")


class _Line:
    """Progress on one line that is written over and over; off a terminal, a line every tenth."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._is_terminal = out.isatty()
        self._is_open = False
        self._tenth = -1
        self._note = ""

    def show(self, news: Progress) -> None:
        """Tell how far it is."""
        from assistant.download.meter import how_far

        if news.note:
            if news.note != self._note:
                self.end()
                print(visible(news.note), file=self._out)
            self._note = news.note
            return
        self._note = ""
        text = visible(f"{news.name}: {how_far(news)}")
        if self._is_terminal:
            print(f"\r\x1b[2K{text[: _columns() - 1]}", end="", file=self._out, flush=True)
            self._is_open = True
        elif news.total_bytes and (tenth := 10 * news.done_bytes // news.total_bytes) > self._tenth:
            self._tenth = tenth
            print(text, file=self._out, flush=True)

    def end(self) -> None:
        """Leave the line."""
        if self._is_open:
            print(file=self._out)
            self._is_open = False


def _columns() -> int:
    import shutil

    return shutil.get_terminal_size().columns
