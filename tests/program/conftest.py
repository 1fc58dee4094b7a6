"""Where the real program can be driven."""

from __future__ import annotations

import sys

# Windows has no pseudo terminals of this kind
collect_ignore_glob = ["*"] if sys.platform == "win32" else []
