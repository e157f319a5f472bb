"""Layer-wise relevance propagation without autograd, for one image or for its difference from a reference image.

The network is run once (`Walk`); every layer keeps what its rule needs. After that any number of relevance seeds can be
sent back, many at once, at about the cost of one or two transposed convolutions per convolution.

- `graph`: the network's modules in the order in which they are computed
- `linear`: convolutions, linear layers and averages as linear maps with adjoints
- `rules`: how a linear map divides relevance among its inputs
- `layers`: what every kind of layer does on the way forward and on the way back
- `walk`: both ways, through the whole network
- `targets`: the seeds that relevance starts from
"""

from wbtools.attribution.engine.difference import Difference
from wbtools.attribution.engine.rules import EPSILON, MATCHED, Z_PLUS, Rules, gamma
from wbtools.attribution.engine.targets import dimension_seeds, embedding_seed, low_rank, mean_absolute
from wbtools.attribution.engine.walk import Walk

__all__ = [
    "EPSILON",
    "MATCHED",
    "Z_PLUS",
    "Difference",
    "Rules",
    "Walk",
    "dimension_seeds",
    "embedding_seed",
    "gamma",
    "low_rank",
    "mean_absolute",
]
