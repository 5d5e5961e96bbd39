"""Where an INT8 model is to run, and what that means for how it is quantised."""

from typing import Literal, get_args

Target = Literal["portable", "x86", "arm64"]
TARGETS: tuple[Target, ...] = get_args(Target)
