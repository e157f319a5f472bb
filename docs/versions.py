"""Puts built pages beside those of other versions: `python docs/versions.py BUILT SITE ADDRESS`.

SITE is a folder that any static web server can serve. It gets a folder named after the version, and, for the theme's
version switcher, `switcher.json`, which lists every version that lies there; pages of older versions read the same
list, and so know of newer ones. `index.html` leads to the newest.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

from packaging.version import InvalidVersion, Version

from wbtools import __version__

PAGE = """<!doctype html>
<html lang="en">
<title>wbtools</title>
<meta http-equiv="refresh" content="0; url={newest}/index.html">
<p><a href="{newest}/index.html">wbtools {newest}</a></p>
</html>
"""


def add(built: Path, site: Path, version: str) -> None:
    """Copy built pages into the folder of their version, replacing those of the same version."""
    site.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=site, prefix=".adding.") as made:
        shutil.copytree(built, Path(made) / "new", ignore=shutil.ignore_patterns(".doctrees", ".buildinfo*"))
        if (site / version).is_dir():
            (site / version).rename(Path(made) / "old")
        (Path(made) / "new").rename(site / version)


def listed(site: Path) -> list[str]:
    """Versions that lie in a site, newest first; other folders are not its business."""
    found = []
    for folder in site.iterdir():
        try:
            found.append((Version(folder.name), folder.name))
        except InvalidVersion:
            continue
    return [name for _, name in sorted(found, reverse=True)]


def entries(versions: list[str], address: str) -> list[dict[str, object]]:
    """The theme's list of versions, the newest release preferred.

    Examples
    --------
    >>> entries(["0.2.0", "0.1.0"], "/docs")[0]
    {'name': '0.2.0 (newest)', 'version': '0.2.0', 'url': '/docs/0.2.0/', 'preferred': True}
    """
    newest = next((name for name in versions if not Version(name).is_prerelease), versions[0])
    return [
        {
            "name": f"{name} (newest)" if name == newest else name,
            "version": name,
            "url": f"{address.rstrip('/')}/{name}/",
            "preferred": name == newest,
        }
        for name in versions
    ]


def list_versions(site: Path, address: str) -> None:
    """Write the list, and the page that leads to the newest version."""
    found = entries(listed(site), address)
    newest = next(str(entry["version"]) for entry in found if entry["preferred"])
    for name, text in (("switcher.json", json.dumps(found, indent=1)), ("index.html", PAGE.format(newest=newest))):
        made = site / f".{name}"
        made.write_text(text + "\n")
        made.replace(site / name)


if __name__ == "__main__":
    pages, folder, where = sys.argv[1:]
    add(Path(pages), Path(folder), __version__)
    list_versions(Path(folder), where)
