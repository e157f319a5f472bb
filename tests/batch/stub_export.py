"""A stand-in for `wbtools export-subject` under the same contract, light enough for thousands: three files, published.

Usage: stub_export.py SUBJECT OUT SETTINGS SECONDS [--in-place | --misbehave HOW SUBJECTS ...]

`--in-place` cheats: it writes where everybody looks. The tests of the batch must notice.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NoReturn

from wbtools.output.publishing import publishing

FILES = {"maps/relevance.bin": 65536, "table.tsv": 4096, "scene.txt": 512}


def content(subject: str, name: str) -> bytes:
    size = FILES[name]
    seed = hashlib.sha256(f"{subject}/{name}".encode()).digest()
    return (seed * (size // len(seed) + 1))[:size]


@contextmanager
def in_place(out: Path, subject: str) -> Iterator[Path]:
    folder = out / subject
    folder.mkdir(parents=True, exist_ok=True)
    yield folder


def published(out: Path, subject: str) -> AbstractContextManager[Path]:
    return publishing(out, subject, overwrite=False)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("subject")
    parser.add_argument("out", type=Path)
    parser.add_argument("settings")
    parser.add_argument("seconds", type=float)
    parser.add_argument("--in-place", action="store_true")
    parser.add_argument("--misbehave", nargs="+", default=[None])
    given = parser.parse_args()
    # As export-subject does: a request to end unwinds, so that the unfinished folder is removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(75))
    how, *whom = given.misbehave
    if given.subject in whom:
        misbehave(how)
    write = in_place if given.in_place else published
    with write(given.out, given.subject) as folder:
        for name in FILES:
            time.sleep(given.seconds / len(FILES))
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content(given.subject, name))
        record = {
            "wbtools": "stand-in",
            "subject": {"id": given.subject},
            "settings_sha256": given.settings,
            "outputs_sha256": {n: hashlib.sha256(content(given.subject, n)).hexdigest() for n in FILES},
            "outputs_bytes": FILES,
        }
        (folder / "provenance.json").write_text(json.dumps(record))


def misbehave(how: str | None) -> NoReturn:
    if how == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if how == "hang":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(3600)
    sys.stderr.write(f"Error: this subject is {how}\n")
    sys.exit({"bad": 3, "unlucky": 75}.get(str(how), 1))


if __name__ == "__main__":
    main()
