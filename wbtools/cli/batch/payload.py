"""The export of one subject as a worker's payload."""

from __future__ import annotations

import functools
import importlib
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wbtools.batch.child import until_alone
from wbtools.batch.state.names import PublishedName
from wbtools.cli.console import set_up_logging
from wbtools.cli.failures import reports_errors
from wbtools.errors import CommandError, InputError
from wbtools.errors.system import WriteFailure
from wbtools.output.names import folder_name
from wbtools.subject import Location, locate
from wbtools.subject.layouts import layout_named

if TYPE_CHECKING:
    from wbtools.batch.state.export import BatchExport
    from wbtools.model import Model

logger = logging.getLogger(__name__)

_IMPORTED = (
    "wbtools.exporting.pipeline",
    "torch",
    "nibabel",
    "numba",
    "scipy.ndimage",
    "scipy.sparse.csgraph",
    "scipy.spatial",
    "SimpleITK",
    "wbtools.attribution.evaluation.randomisation",
    "wbtools.attribution.methods.deviation",
    "wbtools.report.person.composing",
    "wbtools.report.person.writing",
    "wbtools.space.dilation",
)
"""What every export imports sooner or later; once in the worker, it is there in every child."""


@dataclass(frozen=True)
class ExportPayload:
    """`wbtools export-subject` with the options of a batch.

    Parameters
    ----------
    options : mapping
        As `wbtools.batch.state.export.as_json` gives them.
    out : Path
    threads : int
    """

    options: Mapping[str, object]
    out: Path
    threads: int

    @functools.cached_property
    def _export(self) -> BatchExport:
        from wbtools.batch.state.export import from_json

        return from_json(self.options).with_threads(self.threads)

    @functools.cached_property
    def _networks(self) -> list[Model]:
        from wbtools.exporting import networks

        how = self._export.settings
        return networks.load(how.models, how.explanation, self._export.compared)

    def identity(self) -> str:
        """The settings' hash; loads the networks.

        Raises
        ------
        WbtoolsError
            Whatever is wrong with a network or an option.
        """
        from wbtools.exporting.networks import deciding, require_references
        from wbtools.exporting.references.people import listed, require_enough
        from wbtools.provenance import settings_sha256
        from wbtools.subject.selection import find_people

        how, compared = self._export.settings, self._export.compared
        networks = self._networks
        require_references(networks, how)
        people = find_people(self._export.study_folder, compared, how.files)
        require_enough(how.references, self._export.study_folder, how.files, people)
        people += listed(how.references, self._export.study_folder, how.files).people
        return settings_sha256(how.as_record(compared), deciding(networks, people))

    def warm(self) -> str:
        """Load libraries, package data and networks; gives and raises what `identity` does."""
        found = self.identity()
        with ThreadPoolExecutor(1) as aside:  # Workbench draws meanwhile
            looked = aside.submit(self._look_for_renderer)
            for name in _IMPORTED:
                importlib.import_module(name)
            _load_package_data()
            _load_compiled()
            _load_pages()
            looked.result()
        until_alone()
        return found

    def _look_for_renderer(self) -> None:
        """Ask once whether Workbench draws, which every child then knows; what is wrong with it, they tell."""
        from wbtools.drawing.renderer_choice import choose, look

        how = self._export.settings
        if how.render:
            with suppress(CommandError):
                choose(how.renderer, look(how.wb_command))

    def name(self, subject: str) -> PublishedName | None:
        """What the export will call the subject, and its folder; asked of the study folder."""
        found = self._located(subject)
        if found is None:
            return None
        naming = self._export.settings.naming or layout_named(found.layout).naming
        return PublishedName(found.id, folder_name(found.id, naming))

    def inputs(self, subject: str) -> Path | None:
        """The subject's folder."""
        found = self._located(subject)
        return found.folder if found is not None else None

    def described(self, subject: str) -> str:
        """As what, and in which layout, the subject's files were found.

        Raises
        ------
        InputError
            Why they were not, or which of them are missing.
        """
        found = self._export.settings.files.subject(self._export.study_folder, subject)
        return f"found as {found.id} ({found.layout} layout, registration {found.registration})"

    def _located(self, subject: str) -> Location | None:
        """The subject in the study folder; of one that is not there, or is ambiguous, its own export will tell."""
        export = self._export  # of damaged options it tells itself
        try:
            return locate(export.study_folder, subject, export.settings.layout)
        except InputError:
            return None

    def work(self, subject: str) -> int:
        """Export; failures end in a sentence and their exit code, as on the command line."""
        set_up_logging(0)
        self._make(subject)
        return 0

    def _make(self, subject: str) -> None:
        @reports_errors
        def export() -> None:
            from wbtools.exporting import pipeline

            try:
                job = self._export.job(subject, self.out)
                export = pipeline.export_subject(job, self._export.settings, loaded=self._networks)
            except WriteFailure as error:  # the batch could write there when it began: the machine is at fault
                raise WriteFailure(error, begun=True) from None
            for name, sentences in export.decisions.items():
                for sentence in sentences:
                    logger.info("%s: %s", name, sentence)

        export()


def _load_package_data() -> None:
    """Areas and template, which stay in memory once they were asked for."""
    from wbtools.anatomy import Hemisphere
    from wbtools.atlas import cortical_atlas
    from wbtools.atlas.subcortex import subcortex_regions
    from wbtools.images.template import mni152
    from wbtools.surfaces.standard import cortex_32k

    atlas = cortical_atlas()
    atlas.regions()
    subcortex_regions()
    for side in Hemisphere:
        atlas.labels_32k(side)
        cortex_32k(side)
    mni152()


def _load_compiled() -> None:
    """What numba compiles or keeps on disk, by way of a ribbon between two small spheres, and of a voxel's value."""
    import numpy as np

    from wbtools.space.grid import Grid, Volume
    from wbtools.space.sampling import trilinear
    from wbtools.surfaces.icosphere import icosphere
    from wbtools.surfaces.ribbon.weights import RibbonWeights

    grid = Grid((4, 4, 4), np.diag([6.0, 6, 6, 1]))
    RibbonWeights.between(icosphere(2, 6.0), icosphere(2, 9.0), grid)
    trilinear(Volume(np.zeros(grid.shape, np.float32), grid), np.zeros((1, 3)))


def _load_pages() -> None:
    """Templates of reports, compiled, and the formats of pictures."""
    from PIL import Image

    from wbtools.report import page

    page.prepare()
    Image.init()
