"""What the machine runs on, from whatever the system says of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from assistant.hardware.power import MAINS, power
from assistant.limits import Power

Says = Callable[[object], None]


@pytest.fixture
def supplies(tmp_path: Path) -> Path:
    """A laptop's power supplies."""
    folder = tmp_path / "power_supply"
    supply(folder / "AC", "Mains")
    supply(folder / "BAT0", "Battery")
    return folder


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> Says:
    """Decides what psutil says, or raises."""

    def decide(answer: object) -> None:
        def sensors_battery() -> object:
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(psutil, "sensors_battery", sensors_battery, raising=False)

    return decide


def supply(folder: Path, kind: str, scope: str = "") -> None:
    folder.mkdir(parents=True)
    (folder / "type").write_text(f"{kind}\n")
    if scope:
        (folder / "scope").write_text(f"{scope}\n")


def battery(percent: object, is_plugged: bool | None) -> SimpleNamespace:
    return SimpleNamespace(percent=percent, secsleft=-2, power_plugged=is_plugged)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (None, MAINS),
        (battery(55, False), Power(True, 55.0, False)),
        (battery(55.5, True), Power(False, 55.5, False)),
        (battery(99, None), Power(False, 99.0, False)),
        (battery(104, False), Power(True, 100.0, False)),
        (battery(-3, False), Power(True, 0.0, False)),
        (battery(float("nan"), False), Power(True, None, False)),
        (battery(None, False), MAINS),
        (RuntimeError("no such sensor"), MAINS),
        (ZeroDivisionError(), MAINS),
        (PermissionError(), MAINS),
        (NotImplementedError(), MAINS),
    ],
)
def test_whatever_the_system_says(
    supplies: Path, tmp_path: Path, says: Says, answer: object, expected: Power
) -> None:
    says(answer)

    assert power(supplies, tmp_path / "no profile") == expected


def test_a_system_that_knows_no_batteries(
    supplies: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(psutil, "sensors_battery", raising=False)

    assert power(supplies, tmp_path / "no profile") == MAINS


def test_the_battery_of_a_mouse_is_not_the_machine_s(tmp_path: Path, says: Says) -> None:
    supply(tmp_path / "hidpp_battery_0", "Battery", scope="Device")
    says(battery(40, False))

    assert power(tmp_path, tmp_path / "no profile") == MAINS


def test_without_a_folder_of_supplies_it_is_for_psutil_to_say(tmp_path: Path, says: Says) -> None:
    says(battery(40, False))

    assert power(tmp_path / "none", tmp_path / "no profile") == Power(True, 40.0, False)


@pytest.mark.parametrize(
    ("profile", "is_saving"),
    [("low-power\n", True), ("balanced\n", False), ("performance\n", False), ("", False), ("\xff", False)],
)
def test_the_profile_tells_of_saving(tmp_path: Path, says: Says, profile: str, is_saving: bool) -> None:
    says(None)
    path = tmp_path / "platform_profile"
    path.write_text(profile, encoding="latin-1")

    assert power(tmp_path / "none", path) == Power(False, None, is_saving)


def test_this_machine_answers_at_once() -> None:
    took = []
    for _ in range(20):
        began = time.perf_counter()
        power()
        took.append(time.perf_counter() - began)

    assert min(took) < 0.005
