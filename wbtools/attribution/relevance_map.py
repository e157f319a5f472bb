"""The map of a network's answer along given directions, sent back through a network that was run once."""

from __future__ import annotations

import torch
from torch import Tensor

from wbtools.attribution.engine import Propagator, mean_absolute, seeds
from wbtools.attribution.engine.signal import S
from wbtools.attribution.method import MethodOutput


def relevance_map(propagator: Propagator[S], directions: Tensor) -> MethodOutput:
    """Send back what directions (K, E) read off the answer; of several, the mean of the absolute maps."""
    each = seeds(propagator, directions)
    whole = each.mean(0, keepdim=True)
    expected_sum = float(whole.sum(dtype=torch.float64))
    relevance = propagator.relevance(whole)
    shown = relevance[0, 0] if len(each) == 1 else mean_absolute(propagator, each)[0]
    return MethodOutput(shown.cpu().numpy(), expected_sum, propagator.total(relevance))
