"""Layer-wise relevance propagation without autograd, for one image or for its difference from a reference image.

The network is run once by a `Propagator`; every layer keeps what its rule needs. After that any number of relevance
seeds can be sent back, many at once, at about the cost of one or two transposed convolutions per convolution.

- `graph`: the network's modules in the order in which they are computed
- `signal`: what is carried forward
- `linear`: convolutions, linear layers and averages as linear maps with adjoints
- `rules`: how a linear map divides relevance among its inputs
- `layers`: what every kind of layer does on the way forward and on the way back, by rules
- `rescale`: the same by the rescale rule of DeepLIFT, for differences
- `confined`: a convolution of a change, computed only where anything changes
- `pooled_convolution`: a convolution that only a maximum pool sees, in slabs
- `propagator`: both ways, through the whole network; `relevance` by rules, `difference` by the rescale rule
- `settling`: differences in networks whose batch norms are yet to be given their statistics
- `seeds`: what relevance starts from

**To add a rule of LRP** for convolutions, linear layers or averages, write it as a constant in `rules` and name it in a
`RuleSet` there: `RelevancePropagator(network, image, RuleSet(MY_RULE))` follows it. **To add a kind of layer**, write
one function in `layers` and enter it in the table `layers.LAYERS`, and the same in `rescale` and `rescale.LAYERS` for
differences. A rule set becomes a choice of `--method` through a `Method` in `wbtools.attribution.methods`.
"""

from wbtools.attribution.engine.difference import DifferencePropagator
from wbtools.attribution.engine.propagator import Propagator
from wbtools.attribution.engine.relevance import RelevancePropagator
from wbtools.attribution.engine.rules import EPSILON, IMAGE_SHARE, MATCHED, PLAIN, Z_PLUS, RuleSet, gamma
from wbtools.attribution.engine.seeds import dimension_seeds, low_rank, low_rank_maps, mean_absolute, seeds
from wbtools.attribution.engine.settling import Differences
from wbtools.attribution.engine.signal import Kept

__all__ = [
    "EPSILON",
    "IMAGE_SHARE",
    "MATCHED",
    "PLAIN",
    "Z_PLUS",
    "DifferencePropagator",
    "Differences",
    "Kept",
    "Propagator",
    "RelevancePropagator",
    "RuleSet",
    "dimension_seeds",
    "gamma",
    "low_rank",
    "low_rank_maps",
    "mean_absolute",
    "seeds",
]
