"""Pictures in terminals: what is sent can be decoded again."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from edgepatent.report import previews


@pytest.fixture
def cross():
    page = np.full((400, 300), 255, np.uint8)
    page[195:205, 20:280] = 0
    page[20:380, 145:155] = 0
    return page


def test_kitty_sends_a_png_in_parts(cross):
    random = np.random.default_rng(0)
    noisy = np.where(random.random(cross.shape) < 0.3, 0, cross).astype(np.uint8)
    text = previews.kitty(noisy)
    parts = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", text)
    assert len(parts) > 1
    assert parts[0][0].startswith("a=T,f=100")
    assert [control[-3:] for control, _ in parts] == ["m=1"] * (len(parts) - 1) + ["m=0"]
    assert all(len(data) <= 4096 for _, data in parts)
    image = Image.open(io.BytesIO(base64.b64decode("".join(data for _, data in parts))))
    assert image.format == "PNG"


def test_iterm2_states_the_size(cross):
    text = previews.iterm2(cross)
    match = re.fullmatch(r"\x1b\]1337;File=inline=1;size=(\d+);height=\d+:([^\x07]+)\x07\n", text)
    assert match
    data = base64.b64decode(match[2])
    assert len(data) == int(match[1])
    assert Image.open(io.BytesIO(data)).format == "PNG"


def decode_sixel(text: str) -> np.ndarray:
    """A naive reader of the two colours that we write: True is ink."""
    match = re.fullmatch(
        r"\x1bPq\"1;1;(\d+);(\d+)#0;2;100;100;100#1;2;0;0;0(.*)\x1b\\\n", text, re.S
    )
    assert match
    width, height = int(match[1]), int(match[2])
    picture = np.zeros((-(-height // 6) * 6, width), bool)
    for number, band in enumerate(match[3].split("-")):
        for layer in band.split("$"):
            colour, column = layer[:2], 0
            for repeat, character in re.findall(r"(?:!(\d+))?([?-~])", layer[2:]):
                bits = ord(character) - 63
                for _ in range(int(repeat or 1)):
                    for row in range(6):
                        if bits >> row & 1:
                            picture[number * 6 + row, column] = colour == "#1"
                    column += 1
            assert column == width
    return picture[:height]


def test_sixel_is_the_picture(cross):
    picture = decode_sixel(previews.sixel(cross))
    height, width = picture.shape
    assert height == previews.LINES * previews.LINE_PIXELS
    assert picture[height // 2, width // 2]
    assert picture[height // 2].mean() > 0.7
    assert not picture[2, 2]


@pytest.mark.parametrize(
    ("environment", "protocol"),
    [
        ({"TERM": "xterm-kitty", "KITTY_WINDOW_ID": "1"}, "kitty"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, "iterm2"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, "iterm2"),
        ({"TERM": "foot"}, "sixel"),
        ({"TERM": "xterm-256color"}, None),
        ({"TERM": "xterm-kitty", "TMUX": "/tmp/x"}, None),
        ({}, None),
    ],
)
def test_the_environment_tells_the_protocol(environment, protocol):
    assert previews.detect(environment, True) == protocol
    assert previews.detect(environment, False) is None
