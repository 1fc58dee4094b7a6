"""The fixtures of this folder's tests."""

from __future__ import annotations

from tests.download.fixtures import content as content
from tests.download.fixtures import hub as hub
