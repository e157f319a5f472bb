"""What axe-core finds wrong with a page for people who use a keyboard, a screen reader, or see little contrast."""

from importlib import resources
from importlib.util import find_spec

import pytest
from browser import Opened

needs_axe = pytest.mark.skipif(not find_spec("axe_playwright_python"), reason="needs axe-playwright-python")


def serious_faults(page: Opened) -> list[str]:
    """The faults that axe-core calls serious or critical, each with the first element that has it."""
    page.run(resources.files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8"))
    found = page.driver.execute_async_script(
        "const done = arguments[arguments.length - 1]; axe.run(document, {resultTypes: ['violations']}).then(done);"
    )
    return [
        f"{fault['id']}: {fault['help']} ({fault['nodes'][0]['html'][:120]})"
        for fault in found["violations"]
        if fault["impact"] in {"serious", "critical"}
    ]
