"""What a board tells of itself: how warm it is, and whether it slows down for that."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

SYS = Path("/sys")

# What the bits of a Raspberry Pi's word say, now and (16 further up) at some time since it started.
_BITS = {
    0: "too little voltage",
    1: "frequency capped",
    2: "slowed down",
    3: "as warm as it may become",
}
_SINCE = 16


class State(msgspec.Struct, frozen=True):
    """``celsius`` of the warmest part, ``mhz`` of the slowest core and the most it can do; None
    where the board does not tell. ``limits`` says in words what holds it back now, ``past`` what
    did at some time since it started.
    """

    celsius: float | None = None
    mhz: int | None = None
    most_mhz: int | None = None
    limits: tuple[str, ...] = ()
    past: tuple[str, ...] = ()

    def __str__(self) -> str:
        told = [] if self.celsius is None else [f"{self.celsius:.0f} °C"]
        if self.mhz is not None:
            told.append(f"{self.mhz} MHz" + (f" of {self.most_mhz}" if self.most_mhz else ""))
        return ", ".join([*told, *self.limits]) or "the board tells neither temperature nor speed"


def state(sys: Path = SYS) -> State:
    """How it is now; ``sys`` is where the kernel's files of devices lie."""
    warm = [value / 1000 for value in _numbers(sys, "class/thermal/thermal_zone*/temp")]
    speeds = list(_numbers(sys, "devices/system/cpu/cpu*/cpufreq/scaling_cur_freq"))
    most = list(_numbers(sys, "devices/system/cpu/cpu*/cpufreq/cpuinfo_max_freq"))
    word = next(_numbers(sys, "devices/platform/soc/soc:firmware/get_throttled", 16), 0)
    return State(
        # Sensors that are not connected tell 0 or less.
        celsius=max((value for value in warm if value > 0), default=None),
        mhz=min(speeds) // 1000 if speeds else None,
        most_mhz=max(most) // 1000 if most else None,
        limits=tuple(what for bit, what in _BITS.items() if word >> bit & 1),
        past=tuple(what for bit, what in _BITS.items() if word >> (bit + _SINCE) & 1),
    )


def _numbers(root: Path, pattern: str, base: int = 10) -> Iterator[int]:
    for path in sorted(root.glob(pattern)):
        try:
            yield int(path.read_text("ascii").strip(), base)
        except (OSError, ValueError):
            # A sensor that is asleep, or tells something else than a number.
            continue
