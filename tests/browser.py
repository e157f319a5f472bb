"""Pages opened in headless Chromium: what they say on the console, what they ask the network for, how they look.

Needs Debian's chromium and chromium-driver, and selenium; tests that use it are marked `needs_chromium`.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from numpy.typing import NDArray

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
needs_chromium = pytest.mark.skipif(
    not (CHROMIUM and DRIVER and find_spec("selenium")), reason="needs chromium, chromium-driver and selenium"
)

_PATIENCE = 180
"""Seconds for a script: axe-core needs more than the usual 30 where other tests keep all processors busy."""
_ALWAYS = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run")
_OFFLINE = ("--host-resolver-rules=MAP * ~NOTFOUND", "--proxy-server=127.0.0.1:9")
_WEBGL = {
    True: ("--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"),
    False: ("--disable-gpu", "--disable-software-rasterizer", "--disable-3d-apis"),
}
_OWN = {"file", "data", "blob", "about", "chrome", "devtools"}
"""Addresses that reach nothing outside the page."""


@dataclass(frozen=True, eq=False)
class Opened:
    """A page in a browser.

    Parameters
    ----------
    driver : selenium's WebDriver
    """

    driver: Any

    def run(self, script: str, *arguments: object) -> Any:
        """The value that a script returns, also where the page's own JavaScript is off."""
        return self.driver.execute_script(script, *arguments)

    def find(self, selector: str) -> Any:
        """The first element that a CSS selector matches."""
        return self.driver.find_element("css selector", selector)

    def wait(self, condition: str, seconds: float = 60) -> None:
        """Wait until a JavaScript expression holds.

        Raises
        ------
        selenium's TimeoutException
            With the console's messages, if it does not.
        """
        from selenium.webdriver.support.ui import WebDriverWait

        waiting = WebDriverWait(self.driver, seconds, poll_frequency=0.1)
        waiting.until(lambda driver: driver.execute_script(f"return Boolean({condition})"), f"{condition} never held")

    def console(self) -> list[str]:
        """Messages of the console since the last call, with their level: `SEVERE: ...`."""
        return [f"{entry['level']}: {entry['message']}" for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """Addresses outside the page that it has asked for since the last call."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        sent = [m["params"] for m in messages if m["method"] == "Network.requestWillBeSent"]
        urls = [str(asked["request"]["url"]) for asked in sent]
        return [url for url in urls if urlsplit(url).scheme not in _OWN]

    def screenshot(self, selector: str = "body", file: Path | None = None) -> NDArray[np.uint8]:
        """The pixels of an element, (height, width, 3); also as a PNG file, if one is named."""
        from PIL import Image

        content = self.find(selector).screenshot_as_png
        if file:
            file.write_bytes(content)
        return np.asarray(Image.open(BytesIO(content)).convert("RGB"))


@contextmanager
def opened(
    page: Path, *, javascript: bool = True, webgl: bool = True, size: tuple[int, int] = (1200, 900)
) -> Iterator[Opened]:
    """Open a file in headless Chromium without a network.

    Parameters
    ----------
    page : Path
    javascript, webgl : bool
        Whether the page may use them.
    size : tuple of int
        Width and height of the window.
    """
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = str(CHROMIUM)
    for argument in (*_ALWAYS, *_OFFLINE, *_WEBGL[webgl], f"--window-size={size[0]},{size[1]}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    if not javascript:
        options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
    driver = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    driver.set_script_timeout(_PATIENCE)
    try:
        driver.get(page.resolve().as_uri())
        yield Opened(driver)
    finally:
        driver.quit()
