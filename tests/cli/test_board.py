"""What a board tells, read from a folder that stands for its /sys."""

from pathlib import Path

import pytest

from edgepatent import board
from edgepatent.board import State


def fill(root: Path, **files: str) -> Path:
    """Files below ``root`` by their path, where __ stands for a slash."""
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def pi(root: Path, throttled: str) -> Path:
    """A Raspberry Pi 4 of four cores, one of which is slower just now."""
    for core, khz in enumerate((1_500_000, 1_500_000, 600_000, 1_500_000)):
        folder = f"devices__system__cpu__cpu{core}__cpufreq__"
        fill(root, **{f"{folder}scaling_cur_freq": f"{khz}\n"})
        fill(root, **{f"{folder}cpuinfo_max_freq": "1500000\n"})
    fill(root, class__thermal__thermal_zone0__temp="61342\n")
    return fill(root, **{"devices__platform__soc__soc:firmware__get_throttled": throttled})


def test_a_board_that_tells_all(tmp_path: Path) -> None:
    state = board.state(pi(tmp_path, "50005\n"))
    held = ("too little voltage", "slowed down")
    assert state == State(61.342, 600, 1500, limits=held, past=held)
    assert str(state) == "61 °C, 600 MHz of 1500, too little voltage, slowed down"


def test_what_is_past_is_not_now(tmp_path: Path) -> None:
    state = board.state(pi(tmp_path, "80000"))
    assert state.limits == ()
    assert state.past == ("as warm as it may become",)


def test_the_warmest_sensor_counts_and_dead_ones_do_not(tmp_path: Path) -> None:
    for zone, text in enumerate(("45000", "-273000", "0", "52500", "N/A", "")):
        fill(tmp_path, **{f"class__thermal__thermal_zone{zone}__temp": text})
    assert board.state(tmp_path) == State(celsius=52.5)


@pytest.mark.parametrize("root", ["empty", "absent"])
def test_a_machine_that_tells_nothing(tmp_path: Path, root: str) -> None:
    (tmp_path / "empty").mkdir()
    state = board.state(tmp_path / root)
    assert state == State()
    assert str(state) == "the board tells neither temperature nor speed"
