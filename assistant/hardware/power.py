"""What the machine runs on: the mains or a battery, and whether it is told to save power."""

from __future__ import annotations

import math
from pathlib import Path

import psutil

from assistant.limits import Power

_SUPPLIES = Path("/sys/class/power_supply")
_PROFILE = Path("/sys/firmware/acpi/platform_profile")
MAINS = Power(on_battery=False, percent=None, is_saving=False)
"""A machine that has no battery, or tells nothing."""


def power(supplies: Path = _SUPPLIES, profile: Path = _PROFILE) -> Power:
    """What the machine runs on now; `MAINS` where that cannot be told. Quick, and never raises.

    Args:
        supplies: Linux's folder of power supplies.
        profile: Linux's file with the power profile in force.
    """
    is_saving = _read(profile) == "low-power"
    try:
        battery = psutil.sensors_battery() if _has_own_battery(supplies) else None
        if battery is None:
            return Power(on_battery=False, percent=None, is_saving=is_saving)
        # power_plugged is None where the system does not say
        is_plugged, percent = battery.power_plugged is not False, float(battery.percent)
    except Exception:  # noqa: BLE001 - the boundary to firmware and drivers, which fail in every way
        return Power(on_battery=False, percent=None, is_saving=is_saving)
    is_known = math.isfinite(percent)
    return Power(not is_plugged, min(max(percent, 0.0), 100.0) if is_known else None, is_saving)


def _has_own_battery(supplies: Path) -> bool:
    """False where the only batteries are those of a mouse or a headset, which psutil takes for the machine's.

    Where there is no such folder it is for psutil to say.
    """
    try:
        folders = list(supplies.iterdir())
    except OSError:
        return True
    return any(_read(f / "type") == "Battery" and _read(f / "scope") != "Device" for f in folders)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
