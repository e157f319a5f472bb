"""One run: begun or resumed, trained to its end, and kept."""

from __future__ import annotations

import io
import logging
from collections.abc import Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from wbtools.attribution.runtime.threads import torch_threads
from wbtools.errors import InputError
from wbtools.training.loop.fitting import Epoch, Fit, Forgetful, Keeper, Listener, Nobody, State
from wbtools.training.loop.learner import Learner
from wbtools.training.loop.selection import Best
from wbtools.training.runs import references
from wbtools.training.runs.beginning import begin_with
from wbtools.training.runs.checkpoints import Checkpoints
from wbtools.training.runs.folder import STATE, RunFolder
from wbtools.training.runs.references import References
from wbtools.training.runs.starting import Run, require_sound_images

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trained:
    """What came of a run.

    Parameters
    ----------
    folder : Path
    epochs : int
    best : mapping of str to Best
        By the names of the criteria.
    """

    folder: Path
    epochs: int
    best: dict[str, Best]

    @property
    def chosen(self) -> Path:
        """The checkpoint of the first criterion, else of the last epoch."""
        name = next((f"best-{name}" for name in self.best), "last")
        return self.folder / f"{name}.pt"


def train(run: Run, listener: Listener | None = None) -> Trained:
    """Train, from the beginning or from where the run was left.

    Parameters
    ----------
    run : Run
    listener : Listener, optional

    Raises
    ------
    InputError
        If images cannot be learned from, or another process is training here or has begun to since the plan.
    """
    if run.new:
        if run.material.ranks.first:
            run.material.data.verify()
        require_sound_images(run.material)
        run.material.ranks.barrier()
        if run.material.ranks.first:
            run.folder.make()
    threads = torch_threads(int(run.record["threads"]))  # sums of others are rounded otherwise
    if not run.material.ranks.first:  # it helps, and neither writes nor says anything
        with threads:
            fit = _fit(run, Forgetful(), Nobody())
            fit.run()
            return _trained(run, fit)
    with run.folder.locked(), threads:
        if run.new:
            run.folder.require_new()  # again: another process may have begun here since the plan
            run.folder.rewrite(run.record)
        keeper = _Keeper(run.folder, Checkpoints(run.folder.path, _card(run), run.recipe.bare))
        fit = _fit(run, keeper, listener or Nobody())
        run.folder.forget_after(fit.next)
        curves = run.folder.curves(fit.next)
        with closing(curves) if curves else nullcontext():
            keeper.curves = curves
            fit.run()
        found = _trained(run, fit)
        best = {name: {"epoch": each.epoch + 1, "value": each.value} for name, each in found.best.items()}
        run.folder.rewrite({**run.record, "finished": {"epochs": fit.next, "best": best}})
        return found


def _trained(run: Run, fit: Fit) -> Trained:
    return Trained(run.folder.path, fit.next, dict(fit.selection.best))


def _fit(run: Run, keeper: Keeper, listener: Listener) -> Fit:
    """The loop, at the beginning of the run or where it was left: where the first process says."""
    state = _state(run)
    learner = _learner(run, fresh=state is None)
    run.material.ranks.prepare(learner)
    fit = Fit(run.task, learner, not run.recipe.keys, keeper, listener)
    if state is not None:
        _restore(fit, state, run.folder.path / STATE)
        done = fit.next, run.material.settings.epochs
        _log.info("finished already: %d of %d epochs" if done[0] >= done[1] else "resumed after epoch %d of %d", *done)
    return fit


def _state(run: Run) -> State | None:
    """What the next epoch begins with, as the first process finds it in the folder."""
    ranks = run.material.ranks
    if not ranks.several:
        return run.folder.state()

    def written() -> bytes:
        content, state = io.BytesIO(), run.folder.state()
        if state is not None:
            torch.save(state, content)
        return content.getvalue()

    told = ranks.broadcast(written)
    return torch.load(io.BytesIO(told), map_location="cpu", weights_only=True) if told else None


def _restore(fit: Fit, state: State, path: Path) -> None:
    """Take a state, which has to be one of this very run."""
    try:
        fit.restore(state)
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, LookupError, ValueError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} does not fit the run ({type(error).__name__})", hint="train anew: choose another --out"
        ) from error


def _learner(run: Run, *, fresh: bool) -> Learner:
    """The network on its device; a fresh one with the weights that the user gave."""
    network = run.network()
    if fresh and run.init is not None and run.material.ranks.first:
        kept = begin_with(network, run.init)
        if kept:
            _log.info("new, as %s has no weights that fit: %s", run.init.name, ", ".join(kept))
    flat = all(weight.ndim < 5 for weight in network.parameters())  # it may look at slices of volumes
    memory = torch.channels_last if flat else torch.channels_last_3d
    learner = Learner(network, run.backbone.normed).to(run.task.device, run.task.dtype)
    return learner.to(memory_format=memory)


def _card(run: Run) -> Any:
    """What all cards of the run say; its references are made if they are not there."""
    card, train = run.card(), run.material.rows("train")
    if "reference_files" not in run.record:
        found = references.write(run.folder.path, run.material.data, train.tolist(), run.references, card)
        run.record["reference_files"] = found.as_record()
        run.folder.rewrite(run.record)
    return References.from_record(run.record["reference_files"]).on(card)


class _Keeper:
    """Writes what an epoch leaves into the run's folder."""

    def __init__(self, folder: RunFolder, checkpoints: Checkpoints) -> None:
        self.folder, self.checkpoints = folder, checkpoints
        self.curves: SummaryWriter | None = None

    def keep(self, epoch: Epoch, learner: Learner, better: Sequence[str]) -> None:
        self.checkpoints.write(learner, epoch, better)
        self.folder.note(epoch)
        if self.curves is not None:
            parts = {"train": epoch.training, "val": epoch.validation, "loop": {"rate": epoch.rate}}
            for part, figures in parts.items():
                for name, value in figures.items():
                    self.curves.add_scalar(f"{part}/{name}", value, epoch.number + 1)

    def keep_state(self, state: State) -> None:
        self.folder.keep_state(state)
