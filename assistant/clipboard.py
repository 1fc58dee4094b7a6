"""The clipboard: the terminal's, by an escape sequence, and the system's, by the command that it has.

OSC 52 works through SSH and asks for no program, but no terminal says whether it obeyed. A command says
so, but over SSH it would fill the clipboard of a machine that nobody sits at.
"""

from __future__ import annotations

import base64
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping

PATIENCE_S = 3.0
"""A command that takes longer has failed: xclip without a display, for one, may wait for ever."""

SAFE_BYTES = 74_994
"""What every terminal with OSC 52 takes, in bytes; several cut or drop what is longer."""

_WORKED = {"tmux": "into tmux's buffer, and to the terminal if tmux may (its set-clipboard)"}

Run = Callable[[list[str], bytes], bool]


def osc52(text: str) -> str:
    """The escape sequence that asks a terminal to put `text` into its clipboard."""
    return f"\x1b]52;c;{base64.b64encode(_bytes(text)).decode()}\a"


def commands(
    environment: Mapping[str, str],
    platform: str = sys.platform,
    which: Callable[[str], str | None] = shutil.which,
) -> list[list[str]]:
    """The commands to try in order; none where the clipboard is on another machine."""
    found = []
    if not is_remote(environment):
        if platform == "darwin":
            found.append(["pbcopy"])
        elif platform == "win32":
            found.append(["clip"])
        else:
            if environment.get("WAYLAND_DISPLAY"):
                found.append(["wl-copy"])
            if environment.get("DISPLAY"):
                found += [["xclip", "-selection", "clipboard"], ["xsel", "--clipboard", "--input"]]
            if environment.get("WSL_DISTRO_NAME"):
                found.append(["clip.exe"])
    if environment.get("TMUX"):
        # tmux passes OSC 52 of programs on only if it is told to; its own command reaches the terminal
        found.append(["tmux", "load-buffer", "-w", "-"])
    return [command for command in found if which(command[0])]


def is_remote(environment: Mapping[str, str]) -> bool:
    """Whether the terminal is on another machine."""
    return any(environment.get(name) for name in ("SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT"))


def run(command: list[str], content: bytes) -> bool:
    """Hand `content` to a command; whether it took it."""
    try:
        # xclip and wl-copy stay behind to serve the text: they must not hold a pipe of ours open
        done = subprocess.run(
            command,
            input=content,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=PATIENCE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def copy(
    text: str,
    send: Callable[[str], object],
    environment: Mapping[str, str],
    *,
    to_run: list[list[str]] | None = None,
    run: Run = run,
) -> str:
    """Copy `text` in every way there is, and tell which worked, in words that follow "copied ".

    Args:
        text: what to copy.
        send: writes an escape sequence to the terminal.
        environment: the environment variables.
        to_run: the commands to try; those of this system if left out.
        run: runs one of them.
    """
    send(osc52(text))
    content = _bytes(text)
    for command in commands(environment) if to_run is None else to_run:
        encoded = text.encode("utf-16-le") if command[0].startswith("clip") else content
        if run(command, encoded):
            return _WORKED.get(command[0], f"with {command[0]}")
    where = "over SSH, " if is_remote(environment) else ""
    told = f"by asking the terminal ({where}OSC 52), which does not say whether it obeyed"
    if len(content) > SAFE_BYTES:
        told += f", and may not take as much as {len(content) // 1000} kB"
    return told


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", errors="replace")
