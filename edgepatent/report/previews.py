"""Small pictures in terminals that can show them.

Three protocols: kitty's graphics (kitty, Ghostty, Konsole), iTerm2's inline images (iTerm2,
WezTerm, mintty, VS Code) and DEC sixel (foot, mlterm, Contour). Which one is told from
the environment alone: asking the terminal would garble pipes and slow connections.
"""

import base64
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from edgepatent.report.page import encode_png

Pixels = npt.NDArray[np.uint8]

# Height in lines of text; a line is taken for 20 pixels where the protocol counts pixels.
LINES = 7
LINE_PIXELS = 20


def kitty(pixels: Pixels) -> str:
    """Kitty's graphics protocol: PNG in base64, in parts of at most 4,096 characters."""
    data = base64.b64encode(encode_png(pixels, LINES * LINE_PIXELS * 2)[0]).decode()
    parts = [data[start : start + 4096] for start in range(0, len(data), 4096)]
    out = ""
    for number, part in enumerate(parts):
        control = f"a=T,f=100,q=2,r={LINES}," if number == 0 else ""
        more = int(number < len(parts) - 1)
        out += f"\x1b_G{control}m={more};{part}\x1b\\"
    return out + "\n"


def iterm2(pixels: Pixels) -> str:
    """iTerm2's inline images."""
    png = encode_png(pixels, LINES * LINE_PIXELS * 2)[0]
    data = base64.b64encode(png).decode()
    return f"\x1b]1337;File=inline=1;size={len(png)};height={LINES}:{data}\x07\n"


def sixel(pixels: Pixels) -> str:
    """DEC sixel graphics in black on white: each character holds six pixels of a column."""
    from PIL import Image

    image = Image.fromarray(pixels)
    image.thumbnail((3 * LINES * LINE_PIXELS, LINES * LINE_PIXELS), Image.Resampling.BOX)
    # Thin lines are grey after averaging: what is not clearly paper is ink.
    ink = np.asarray(image) < 208
    height, width = ink.shape
    bands = np.pad(ink, ((0, -height % 6), (0, 0))).reshape(-1, 6, width)
    weights = (1 << np.arange(6))[:, None]
    lines = []
    for band in bands:
        black = (band * weights).sum(axis=0)
        layers = ("#0", 63 - black), ("#1", black)
        lines.append("$".join(colour + _runs(values) for colour, values in layers))
    body = "-".join(lines)
    return f'\x1bPq"1;1;{width};{height}#0;2;100;100;100#1;2;0;0;0{body}\x1b\\\n'


def _runs(values: npt.NDArray[np.int64]) -> str:
    """Sixel characters with repeats counted ("!12~")."""
    edges = np.flatnonzero(np.diff(values)) + 1
    out = ""
    for run in np.split(values, edges):
        character = chr(63 + int(run[0]))
        out += f"!{len(run)}{character}" if len(run) > 3 else character * len(run)
    return out


PROTOCOLS: dict[str, Callable[[Pixels], str]] = {"kitty": kitty, "iterm2": iterm2, "sixel": sixel}


def detect(environment: Mapping[str, str], on_terminal: bool) -> str | None:
    """The protocol of the terminal that ``environment`` describes; None where it shows none."""
    term = environment.get("TERM", "")
    program = environment.get("TERM_PROGRAM", "")
    if not on_terminal or "TMUX" in environment or term.startswith(("screen", "tmux", "dumb")):
        return None
    if "KITTY_WINDOW_ID" in environment or term in ("xterm-kitty", "xterm-ghostty"):
        return "kitty"
    if program == "ghostty" or "KONSOLE_VERSION" in environment:
        return "kitty"
    if program in ("iTerm.app", "WezTerm", "mintty") or environment.get("LC_TERMINAL") == "iTerm2":
        return "iterm2"
    if term.startswith(("foot", "mlterm", "contour")):
        return "sixel"
    return None
