"""What tests of the page share: asking, and reading the answer as a whole."""

import base64
from pathlib import Path
from typing import Any

Page = Any
PATIENCE = 60_000

# Looked at as a whole, between two steps of the page: the cards of the question before stay until
# the next are there, and are then replaced all at once.
ANSWERED = """(asked) => new RegExp(asked).test(location.search)
    && document.querySelector('.found[aria-busy="false"]')
    && [...document.querySelectorAll(".card .id")].map((one) => one.textContent)"""


def ids(tab: Page, asked: str = "") -> list[str]:
    """The designs found, as soon as the page answers its address and that matches ``asked``."""
    return [str(one) for one in tab.wait_for_function(ANSWERED, arg=asked).json_value()]


def ask(tab: Page, query: Path) -> list[str]:
    """Search with an image; the designs found."""
    tab.set_input_files("#file", str(query))
    return ids(tab, "image=")


def closed(tab: Page) -> None:
    """Wait until a design is closed: its box is gone, and the address has stepped back."""
    tab.wait_for_selector("dialog", state="detached")
    tab.wait_for_url(lambda url: "design=" not in url)


def data_transfer(tab: Page, query: Path) -> Any:
    """What a browser hands over when a file is dropped or pasted."""
    encoded = base64.b64encode(query.read_bytes()).decode()
    return tab.evaluate_handle(
        """(data) => {
            const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
            const transfer = new DataTransfer();
            transfer.items.add(new File([bytes], "query.png", { type: "image/png" }));
            return transfer;
        }""",
        encoded,
    )
