"""Synthetic twins: two scans of the same smooth deformation of a template brain, under different conditions.

A person is a smooth random deformation of the template. Twins share it; each scan adds another small deformation, a
rotation, a shift, a gain, a bias field and noise. Only the shape of the brain distinguishes people.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wbtools.model.card import Card
from wbtools.model.input import model_input
from wbtools.space.deformation import spline_weights
from wbtools.space.grid import Grid, Volume
from wbtools.space.resampling import resample_density

HCP_GRID = Grid((260, 311, 260), np.array([[-0.7, 0, 0, 90], [0, 0.7, 0, -126], [0, 0, 0.7, -72], [0, 0, 0, 1]]))
"""The T1w grid of HCP subjects (S1200)."""


def mni_template(card: Card) -> NDArray[np.float32]:
    """Nilearn's MNI152 brain as a network's input from an HCP scan, (X, Y, Z), in [0, 1]."""
    from nilearn.datasets import load_mni152_template

    image = load_mni152_template(resolution=1)
    data = np.asarray(image.dataobj, np.float32)
    brain = Volume(np.clip(data, 0, None), Grid(data.shape, image.affine))
    resampled = resample_density(brain, HCP_GRID.reoriented(card.orientation).covering(card.shape))
    brain_only: NDArray[np.float32] = model_input(resampled, card).data[0, 0]
    return brain_only


@dataclass(frozen=True)
class Conditions:
    """Variability between people, and between two scans of a person; lengths in voxels.

    Parameters
    ----------
    spacing : float
        Distance of the control points of a personal deformation.
    identity : float
        Root mean square, per axis, of the deformation that twins share.
    per_scan : float
        The same, of the deformation that each scan adds.
    degrees, shift : float
        Standard deviation of the rotation about each axis, and of the shift along it.
    gain, bias, noise : float
        Relative standard deviations: of the intensity, of the bias field, of the noise (of the image's maximum).
    """

    spacing: float = 11.0
    identity: float = 1.4
    per_scan: float = 0.2
    degrees: float = 2.5
    shift: float = 0.8
    gain: float = 0.1
    bias: float = 0.1
    noise: float = 0.02


class SyntheticTwins:
    """Draws people and their scans.

    Parameters
    ----------
    template : ndarray, (X, Y, Z), float32
        A brain in [0, 1], 0 outside.
    conditions : Conditions
    device : torch.device or str
    seed : int
        Draws are reproducible on the same kind of device.
    """

    def __init__(
        self, template: NDArray[np.float32], conditions: Conditions, device: torch.device | str = "cpu", seed: int = 0
    ) -> None:
        self.template = torch.from_numpy(np.ascontiguousarray(template, np.float32))[None, None].to(device)
        self.conditions = conditions
        self.generator = torch.Generator(device).manual_seed(seed)
        shape = template.shape
        self.controls = tuple(max(4, round(n / conditions.spacing) + 3) for n in shape)
        self._basis = [splines(n, m).to(device) for n, m in zip(shape, self.controls, strict=True)]
        self._voxels = torch.stack(torch.meshgrid(*(torch.arange(float(n)) for n in shape), indexing="ij")).to(device)

    def people(self, count: int) -> Tensor:
        """Control points of `count` personal deformations, (N, 3, a, b, c), voxels."""
        return self._normal(count, 3, *self.controls) * self.conditions.identity

    def scans(self, people: Tensor) -> Tensor:
        """One scan of each person under new conditions, (N, 1, X, Y, Z), in [0, 1]."""
        count, c = len(people), self.conditions
        positions = self._moved(count)
        shape = self._field(people) + self._field(self._normal(*people.shape) * c.per_scan)
        return self._acquired(sample(self.template.expand(count, -1, -1, -1, -1), positions + sample(shape, positions)))

    def _acquired(self, heads: Tensor) -> Tensor:
        """Scans of heads (N, 1, X, Y, Z): with gain, bias field and noise, then scaled to [0, 1]."""
        count, c = len(heads), self.conditions
        scans = heads * (1 + c.gain * self._normal(count, 1, 1, 1, 1)).clamp(min=0.5)
        scans = scans * torch.exp(c.bias * self._field(self._normal(count, 1, *self.controls)))
        scans = (scans + c.noise * self._normal(*scans.shape) * (heads > 0.02)).clamp(min=0)
        return scans / scans.amax((1, 2, 3, 4), keepdim=True)

    def _normal(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self.generator, device=self.generator.device)

    def _field(self, controls: Tensor) -> Tensor:
        """Smooth field (N, C, X, Y, Z) with the standard deviation of the control points."""
        x, y, z = self._basis
        return torch.einsum("ncijk,xi,yj,zk->ncxyz", controls, x, y, z)

    def _moved(self, count: int) -> Tensor:
        """Position in the head of each voxel of a scan: rotated about the centre and shifted, (N, 3, X, Y, Z)."""
        angle = torch.deg2rad(self.conditions.degrees * self._normal(count, 3))
        shift = self.conditions.shift * self._normal(count, 3, 1, 1, 1)
        skew = torch.zeros(count, 3, 3, device=angle.device)
        skew[:, [2, 0, 1], [1, 2, 0]] = angle
        turn = torch.linalg.matrix_exp(skew - skew.transpose(1, 2))
        centre = self._voxels.mean((1, 2, 3), keepdim=True)
        return torch.einsum("nij,jxyz->nixyz", turn, self._voxels - centre) + centre + shift


def origins(places: Tensor) -> Tensor:
    """The voxel of the head that is nearest to each place, counted along a flattened head, (N, X, Y, Z), int.

    Outside the head it is 0, the corner, which is background.

    Parameters
    ----------
    places : Tensor, (N, 3, X, Y, Z)
        Voxels of a head of the same grid.
    """
    sizes = places.shape[2:]
    voxels = places.round().long()
    inside = torch.ones_like(voxels[:, 0], dtype=torch.bool)
    found = torch.zeros_like(voxels[:, 0])
    for axis, size in enumerate(sizes):
        inside &= (voxels[:, axis] >= 0) & (voxels[:, axis] < size)
        found = found * size + voxels[:, axis]
    return torch.where(inside, found, 0)


def splines(voxels: int, controls: int) -> Tensor:
    """Cubic B-spline weights (voxels, controls); independent control values give a field of equal variance."""
    positions = np.arange(voxels) * (controls - 3) / max(voxels - 1, 1) + 1
    weights = torch.from_numpy(spline_weights(positions, controls)).float()
    return weights / weights.square().sum(1).mean().sqrt()


def sample(images: Tensor, positions: Tensor, mode: str = "bilinear") -> Tensor:
    """Images (N, C, X, Y, Z) sampled at positions (N, 3, X, Y, Z) in voxels; 0 outside.

    `mode` is `bilinear`, torch's name of linear interpolation also in three dimensions, or `nearest`.
    """
    last = torch.tensor(images.shape[2:], device=images.device).view(1, 3, 1, 1, 1) - 1
    grid = (2 * positions / last - 1).flip(1).permute(0, 2, 3, 4, 1)
    return torch.nn.functional.grid_sample(images, grid, mode=mode, padding_mode="zeros", align_corners=True)
