"""The shell pipeline's map: relevance by zennit's own composite EpsilonPlus, as its documentation shows it.

    python lrp_map.py NETWORK IMAGE MAP

The network is a torch module with a method `raw`, the image already on its grid and in its greys: what a user needs
to get there is not counted.
"""

from __future__ import annotations

import sys

import nibabel
import torch
from zennit.composites import EpsilonPlus

network = torch.load(sys.argv[1], weights_only=False)
image = nibabel.load(sys.argv[2])
shown = torch.from_numpy(image.get_fdata(dtype="float32"))[None, None].requires_grad_()
with EpsilonPlus().context(network):
    answer = network.raw(shown)
    (relevance,) = torch.autograd.grad(answer, shown, answer.detach() / answer.norm())
nibabel.save(nibabel.Nifti1Image(relevance[0, 0].numpy(), image.affine), sys.argv[3])
