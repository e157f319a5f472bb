"""What stands beside the data for PALM: which file is what, and the command lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wbtools.anatomy import Hemisphere
from wbtools.text import counted, line, shell
from wbtools.workbench.scene.legend import NOTICE

_PERMUTATIONS = 10_000

_EXCHANGED = {
    "": "Everybody may be exchanged with everybody.",
    "whole": "Families of one structure are exchanged as wholes (`EB.csv`).",
    "within": "People of one kind are exchanged within their families (`EB.csv`).",
    "both": "Families of one structure are exchanged as wholes, and people of one kind within them (`EB.csv`).",
}
_TEXT = """\
# {people} for PALM

`levels.csv` holds the level of mean |relevance| of each region, `relevance.*.func.gii` a map for each person: relevance
divided by the mean |relevance| of the person's median region. Rows and maps are in the order of `people.tsv`, columns
of `levels.csv` in that of `regions.tsv`. `area.*.shape.gii` is the mean over people of each vertex's area on the
midthickness.
{exchanged}{without}

Regressors (columns of `design.csv`):

{regressors}

Contrasts (rows of `contrasts.csv`):

{contrasts}

Run in this folder:

```
{commands}
```

PALM: Winkler et al. 2014, NeuroImage 92:381-397. Blocks: Winkler et al. 2015, NeuroImage 123:253-268.
{notice}
"""


@dataclass(frozen=True)
class PalmTest:
    """What is tested.

    Parameters
    ----------
    people : int
    regressors, contrasts : tuple of str
        Their names.
    exchange : str
        `whole`, `within` or `both`; empty without families.
    symmetric : bool
        Whether signs are flipped instead of exchanging people.
    """

    people: int
    regressors: tuple[str, ...]
    contrasts: tuple[str, ...]
    exchange: str = ""
    symmetric: bool = False


def text(test: PalmTest, without: Sequence[str] = ()) -> str:
    """The README of a folder for PALM, Markdown.

    Parameters
    ----------
    test : PalmTest
    without : sequence of str
        Regions that are left out, as somebody has no value of them.

    Examples
    --------
    >>> "palm -i levels.csv -d design.csv -t contrasts.csv -ee" in text(PalmTest(2, ("mean",), ("mean",)))
    True
    """
    out = {f"relevance.{side.letter}.func.gii": side for side in Hemisphere}
    commands = [command("levels.csv", test), *(command(values, test, side) for values, side in out.items())]
    return _TEXT.format(
        people=counted(test.people, "person", "people"),
        exchanged=_EXCHANGED[test.exchange],
        without=f" Without {', '.join(map(line, without))}: somebody has no value." if without else "",
        regressors=_numbered(test.regressors),
        contrasts=_numbered(test.contrasts),
        commands="\n".join(commands),
        notice=NOTICE,
    )


def command(values: str, test: PalmTest, side: Hemisphere | None = None) -> str:
    """The command line that tests a table, or, given a hemisphere, maps on its cortex with TFCE.

    Examples
    --------
    >>> command("levels.csv", PalmTest(9, ("mean",), ("mean",), "whole", True))
    'palm -i levels.csv -d design.csv -t contrasts.csv -eb EB.csv -ise -twotail -n 10000 -logp -o palm.levels'
    """
    words = ["palm", "-i", values]
    if side:
        cortex, surface, area = (
            f"{name}.{side.letter}.{kind}.gii"
            for name, kind in (("cortex", "shape"), ("midthickness", "surf"), ("area", "shape"))
        )
        words += ["-m", cortex, "-s", surface, area, "-T", "-tfce2D"]
    words += ["-d", "design.csv", "-t", "contrasts.csv"]
    words += ["-eb", "EB.csv"] if test.exchange else []
    out = f"palm.relevance.{side.letter}" if side else "palm.levels"
    return shell(*words, "-ise" if test.symmetric else "-ee", "-twotail", "-n", _PERMUTATIONS, "-logp", "-o", out)


def _numbered(names: Sequence[str]) -> str:
    return "\n".join(f"{place}. {line(name)}" for place, name in enumerate(names, 1))
