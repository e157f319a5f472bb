"""Checks every link inside a built site, its pages, files and anchors: `python docs/check_links.py FOLDER`.

Sphinx knows what its own sources refer to; this reads what came out: pictures, downloads, menus, raw HTML. Addresses of
other sites are not opened (`scripts/docs --links` does that).
"""

import sys
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LINKING = ("href", "src", "poster", "data-src")


class Page(HTMLParser):
    """The links and the anchors of a page.

    Examples
    --------
    >>> page = Page("<p id=a><a href='b.html#c'>b</a>")
    >>> page.links, page.anchors
    ({'b.html#c'}, {'a'})
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what an element links to, and what it is called."""
        for name, value in attrs:
            if name in LINKING and value:
                self.links.add(value)
            elif name == "srcset" and value:
                self.links.update(choice.split()[0] for choice in value.split(",") if choice.strip())
            elif value and (name == "id" or (tag == "a" and name == "name")):
                self.anchors.add(value)


@cache
def read(path: Path) -> Page:
    """A page, parsed once."""
    return Page(path.read_text(encoding="utf-8"))


def broken(site: Path) -> Iterator[str]:
    """What is wrong with each link of a site: a line each, `page: link (why)`."""
    root = site.resolve()
    pages = (path for path in root.rglob("*.html") if "_static" not in path.parts)  # a theme's templates lie there
    for path in sorted(pages):
        for link in sorted(read(path).links):
            why = problem(root, path, link)
            if why:
                yield f"{path.relative_to(root)}: {link} ({why})"


def problem(root: Path, page: Path, link: str) -> str:
    """Why a link on a page leads nowhere; empty if it does not, or leads out of the site."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return ""
    named = unquote(parts.path)
    place = page if not named else (root / named[1:] if named.startswith("/") else page.parent / named).resolve()
    place = place / "index.html" if place.is_dir() else place
    if not place.is_relative_to(root):
        return "leads out of the site"
    if not place.is_file():
        return "no such file"
    anchor = unquote(parts.fragment)
    if anchor and place.suffix == ".html" and anchor not in read(place).anchors:
        return "no such anchor"
    return ""


if __name__ == "__main__":
    found = list(broken(Path(sys.argv[1])))
    print("\n".join(found) or f"No broken link in {sys.argv[1]}")
    sys.exit(bool(found))
