"""Layer-wise relevance propagation without autograd, for one image or for its difference from a reference image.

The network is run once (`Walk`); every layer keeps what its rule needs. After that any number of relevance seeds can be
sent back, many at once, at about the cost of one or two transposed convolutions per convolution.

- `graph`: the network's modules in the order in which they are computed
- `signal`: what is carried forward
- `linear`: convolutions, linear layers and averages as linear maps with adjoints
- `rules`: how a linear map divides relevance among its inputs
- `layers`: what every kind of layer does on the way forward and on the way back, by rules
- `secants`: the same by secants
- `stage`: a convolution that only a maximum pool sees, in slabs
- `passage`: both ways, through the whole network; `walk` by rules, `difference` by secants
- `ledger`: where relevance is lost
- `targets`: the seeds that relevance starts from
"""

from wbtools.attribution.engine.difference import Difference
from wbtools.attribution.engine.ledger import Ledger
from wbtools.attribution.engine.propagator import Passage
from wbtools.attribution.engine.relevance import Walk
from wbtools.attribution.engine.rules import EPSILON, MATCHED, PLAIN, Z_PLUS, Rules, gamma
from wbtools.attribution.engine.seeds import (
    dimension_seeds,
    embedding_seed,
    low_rank,
    low_rank_maps,
    mean_absolute,
    seeds,
)

__all__ = [
    "EPSILON",
    "MATCHED",
    "PLAIN",
    "Z_PLUS",
    "Difference",
    "Ledger",
    "Passage",
    "Rules",
    "Walk",
    "dimension_seeds",
    "embedding_seed",
    "gamma",
    "low_rank",
    "low_rank_maps",
    "mean_absolute",
    "seeds",
]
