"""One evaluation: networks are asked, their answers measured, and everything written, whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wbtools.errors.system import writing
from wbtools.evaluating.answers import Coming, answers
from wbtools.evaluating.bootstrap import FEWEST, Estimate
from wbtools.evaluating.contestants import Contestant
from wbtools.evaluating.figures import history
from wbtools.evaluating.figures.style import rendered
from wbtools.evaluating.findings import FOLDS, Figure, Findings, Section, Table
from wbtools.evaluating.page import Heading, page
from wbtools.evaluating.people import Judged, described
from wbtools.evaluating.planning import SUBJECT, Plan
from wbtools.evaluating.recipes.evaluation import Answered, Bench
from wbtools.output.ownership import PROVENANCE
from wbtools.output.publishing import publishing
from wbtools.provenance import Provenance
from wbtools.text import line
from wbtools.training.recipes import RECIPES, recipe_named
from wbtools.version import __version__

METRICS, PAGE, FIGURES = "metrics.json", "index.html", "figures"
"""Names in the folder of an evaluation."""

_RESEARCH = (
    "For research only. These figures say how a network did on one set of people; they are no evidence that it "
    "diagnoses, or decides anything about a person."
)


@dataclass(frozen=True, eq=False)
class Evaluated:
    """What came of an evaluation.

    Parameters
    ----------
    folder : Path
    findings : Findings
    notices : tuple of str
    """

    folder: Path
    findings: Findings
    notices: tuple[str, ...]


def here(plan: Plan, done: Callable[[int], None] = lambda images: None, jobs: int | None = None) -> Coming:
    """Ask all checkpoints in this process.

    Parameters
    ----------
    plan : Plan
    done : callable
        Told how many images a network has looked at, after each batch.
    jobs : int, optional
        Batches at a time, on a processor.
    """
    for contestant, parts in plan.questions:
        for given in answers(contestant, plan.data, parts, plan.evaluation.answer, plan.device, jobs):
            yield given
            done(len(given))


def evaluate(
    plan: Plan, coming: Coming | None = None, tell: Callable[[int, int], None] = lambda done, total: None
) -> Evaluated:
    """Evaluate checkpoints, and write what was found.

    Parameters
    ----------
    plan : Plan
    coming : generator, optional
        What the checkpoints say of each batch of `plan.questions`, by `here` without.
    tell : callable
        Told how many maps were made, and of how many.

    Raises
    ------
    InputError
        If an image or an answer is not finite, images have changed, or the folder cannot be written.
    """
    plan.data.verify()
    with closing(coming or here(plan)) as given:
        told = iter([np.concatenate([next(given) for _ in parts]) for _, parts in plan.questions])
    answered = tuple(_answered(plan, *each, told) for each in zip(plan.contestants, plan.judged, strict=True))
    asked = plan.asked
    bench = Bench(plan.data, plan.rows, answered, asked.options, asked.part, plan.learned, asked.folds, tell)
    measure = plan.evaluation.folds if asked.folds and plan.evaluation.folds else plan.evaluation.measure
    findings = measure(bench)
    if asked.options.explain and plan.evaluation.maps:
        findings = findings.joined(plan.evaluation.maps(bench))
    notices = _notices(plan)
    out = asked.out.absolute()
    with publishing(out.parent, out.name, overwrite=asked.overwrite, subject=SUBJECT) as folder:
        _write(folder, plan, findings, notices)
    return Evaluated(asked.out, findings, notices)


def _answered(plan: Plan, contestant: Contestant, judged: Judged, told: Iterator[NDArray[np.float32]]) -> Answered:
    """What a checkpoint said, in the order of `plan.questions`."""
    of_judged = next(told)
    others = {name: (rows, next(told)) for name, rows in plan.others(judged).items()}
    return Answered(contestant, judged.rows, of_judged, others)


def _notices(plan: Plan) -> tuple[str, ...]:
    """What every reader has to know."""
    found = [_RESEARCH]
    if plan.data.manifest.synthetic:
        found.append("The images are synthetic: nobody was scanned, and nothing follows for people.")
    elif plan.data.manifest.source == "array":
        found.append("The images came as an array: the data set does not say of whom, or whether they are synthetic.")
    if plan.asked.part != "test":
        found.append(_PARTS[plan.asked.part])
    said: dict[str, list[str]] = {}
    for each in plan.contestants:
        for text in filter(None, (each.model.card.notice, *each.model.remarks)):
            said.setdefault(text, []).append(each.name)
    found += [f"{_named(names)}: {text}" for text, names in said.items()]
    return tuple(line(text) for text in found)


def _named(names: list[str]) -> str:
    """Checkpoints of which the same is said; of many, how many they are."""
    return ", ".join(names) if len(names) <= _MOST_NAMED else f"{len(names)} checkpoints"


_MOST_NAMED = 4


_PARTS = {
    "val": "These are validation people: epoch and threshold were chosen on them, and the figures are too good.",
    "train": "These are training people: the network learned from them, and the figures are much too good.",
    "all": "Nobody here was trained on, as far as the checkpoints' records say.",
}


def _write(folder: Path, plan: Plan, findings: Findings, notices: tuple[str, ...]) -> None:
    """Fill the unfinished folder; its record comes last."""
    record = Provenance({"subject": SUBJECT, **_settings(plan)})
    record.facts |= {"data": _data_record(plan), "checkpoints": _checkpoints_record(plan)}
    for notice in notices:
        record.notice(notice, grave=False)
    sections = (*_training(plan), _about(plan, findings))
    figures = (*findings.figures, *(figure for section in sections for figure in section.figures))
    drawings = {figure.name: rendered(figure.drawing, "svg") for figure in figures}
    with writing(folder):
        (folder / FIGURES).mkdir()
        written = [Path(METRICS), Path(PAGE)]
        for name, form, content in _pictures(figures, drawings):
            written.append(Path(FIGURES, f"{name}.{form}"))
            (folder / written[-1]).write_bytes(content)
        for table in (
            findings.metrics(),
            *findings.tables,
            *(table for section in sections for table in section.tables),
        ):
            written.append(Path(f"{table.name}.tsv"))
            (folder / written[-1]).write_text(table.tsv(), encoding="utf-8")
        (folder / METRICS).write_text(_metrics(plan, findings, notices), encoding="utf-8")
        (folder / PAGE).write_text(page(_heading(plan, notices), findings, sections, drawings), encoding="utf-8")
        record.write(folder / PROVENANCE, folder, written)


def _pictures(figures: tuple[Figure, ...], drawings: dict[str, bytes]) -> Any:
    for figure in figures:
        yield figure.name, "svg", drawings[figure.name]
        yield figure.name, "png", rendered(figure.drawing, "png")


def _settings(plan: Plan) -> dict[str, Any]:
    options = plan.asked.options
    return {
        "recipe": plan.evaluation.name,
        "split": plan.asked.part,
        "folds": plan.asked.folds,
        "label": options.label,
        "draws": options.draws,
        "least_recall": options.least_recall,
        "least_precision": options.least_precision,
        "top": options.top,
        "resamples": options.resampling.draws,
        "seed": options.resampling.seed,
        "level": options.resampling.level,
        "baselines": options.baselines,
        "measures": Path(options.measures).name,
        "explain": list(options.explain),
        "explain_images": options.explain_images,
        "device": str(plan.device),
    }


def _data_record(plan: Plan) -> dict[str, Any]:
    return {
        "sha256": plan.data.sha256,
        "source": plan.data.manifest.source,
        "synthetic": plan.data.manifest.synthetic,
        "images": len(plan.rows),
        "people": len({plan.data.items[row].person for row in plan.rows}),
    }


def _checkpoints_record(plan: Plan) -> dict[str, Any]:
    return {
        each.name: {"sha256": each.model.sha256, "family": each.model.family, "threshold": each.model.threshold}
        for each in plan.contestants
    }


def _metrics(plan: Plan, findings: Findings, notices: tuple[str, ...]) -> str:
    """Numbers for programs."""
    record = {
        "wbtools": __version__,
        "notices": notices,
        "settings": _settings(plan),
        "data": _data_record(plan),
        "checkpoints": {
            name: {**about, "figures": _figures(findings.estimates.get(name, {}))}
            for name, about in _checkpoints_record(plan).items()
        },
        **({"folds": _figures(findings.estimates[FOLDS])} if FOLDS in findings.estimates else {}),
        **findings.more,
    }
    return json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _figures(found: Mapping[str, Estimate]) -> dict[str, Any]:
    return {name: each.as_record() for name, each in found.items()}


def _heading(plan: Plan, notices: tuple[str, ...]) -> Heading:
    name = plan.evaluation.name
    title = recipe_named(name).title if name in RECIPES else name
    where = described(plan.data, plan.rows)
    return Heading(
        f"Evaluation: {name}",
        f"{title[:1].upper()}{title[1:]}. {where}, part {plan.asked.part}.",
        notices,
        f"Made by wbtools {__version__}. Numbers for programs: {METRICS}, and a TSV file for each table.",
    )


_MOST_DRAWN = 12
"""Checkpoints of which each has a picture of its training."""


def _training(plan: Plan) -> tuple[Section, ...]:
    """How the networks were trained, where a log says so."""
    logged = [(place, each) for place, each in enumerate(plan.contestants, 1) if each.log]
    if len(logged) > _MOST_DRAWN:
        words = f"Losses of {len(logged)} runs are not drawn; the file log.jsonl of each has them."
        return (Section("Training", (words,)),)
    figures = tuple(history.losses(each.name, place, each.log) for place, each in logged)
    said = ("Each criterion keeps its best epoch, judged on validation people.",)
    return (Section("Training", said, (), figures),) if figures else ()


def _about(plan: Plan, findings: Findings) -> Section:
    """What was evaluated on what."""
    data = plan.data.manifest
    rows = [
        ("data set", f"{line(plan.data.folder.name)}, SHA-256 {plan.data.sha256[:16]}"),
        ("made of", line(data.source) or "unknown"),
        ("people", described(plan.data, plan.rows)),
        ("chosen by", plan.judged[0].how),
    ]
    about = Table("data", "Data", ("what", "value"), tuple(rows))
    networks = tuple(
        (
            each.name,
            each.model.family,
            f"{each.model.description.get('parameters', '')}",
            "none" if each.model.threshold is None else f"{each.model.threshold:.4g}",
            each.model.card.provenance.get("epoch", "unknown"),
            line(each.model.card.training_data, 200),
            each.model.sha256[:16],
        )
        for each in plan.contestants
    )
    header = ("checkpoint", "family", "parameters", "threshold", "epoch", "trained on", "SHA-256")
    resampling = plan.asked.options.resampling
    words: tuple[str, ...] = (
        f"Intervals hold {resampling.level:.0%} of {resampling.draws} bootstrap samples of families (percentiles, seed "
        f"{resampling.seed}). They speak of other people like these, not of another scanner or another training. Where "
        "nothing went wrong, nothing varies: [1.000, 1.000] is no certainty.",
    )
    if not any(each.sure for found in findings.estimates.values() for each in found.values()):
        words = (f"No figure has an interval: people are of fewer than {FEWEST} families.",)
    return Section("What was evaluated", words, (about, Table("checkpoints", "Checkpoints", header, networks)))
