"""The spin test on smooth random maps: how often it finds something where nothing is, and what it costs.

    python benchmarks/spin_test.py                            half an hour
    python benchmarks/spin_test.py --pairs 50 --rotations 500

Maps are Gaussian random fields on the sphere (harmonics up to degree 30, smoothed by a Gaussian kernel), averaged over
the areas of HCP-MMP 1.0. Both hemispheres have independent fields, or the same in the mirror. CPU seconds are those of
one thread.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from numpy.typing import NDArray
from scipy.special import sph_harm_y

from wbtools.anatomy import Hemisphere
from wbtools.atlas import mmp
from wbtools.group.context.annotation import AREAS, Annotation
from wbtools.group.context.spin_test import COEFFICIENTS, spin_tests
from wbtools.group.context.spinning import random_rotations
from wbtools.surfaces import mesh
from wbtools.surfaces.standard import sphere_32k

DEGREE = 30
LENGTHS = (5, 10, 20, 40, 80)  # mm on a sphere of 100 mm: SD of the kernel
PER_MAP = 10  # annotations that share the rotations of a map


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=600, help="of maps, for each smoothness and symmetry")
    parser.add_argument("--rotations", type=int, default=1000)
    options = parser.parse_args()
    print_cost()
    shapes = {mirrored: harmonics(mirrored) for mirrored in (False, True)}
    print(f"\nshare of {options.pairs} pairs with p <= .05; {options.rotations} rotations; standard error by map")
    print("kernel (mm)  hemispheres  pearson        spearman")
    for symmetric in (False, True):
        for length in LENGTHS:
            rates = false_positives(shapes[symmetric], length, symmetric, options.pairs, options.rotations)
            row = "  ".join(f"{rate.mean():.3f} +- {rate.std() / np.sqrt(len(rate)):.3f}" for rate in rates.T)
            print(f"{length:11d}  {'mirrored' if symmetric else 'independent':11s}  {row}", flush=True)


def print_cost() -> None:
    """CPU seconds of 10,000 rotations: the first annotation, and each further one."""
    noise = [Annotation(f"{seed}", np.random.default_rng(seed).normal(size=AREAS)) for seed in range(6)]
    spin_tests(noise[0], noise[1:2], random_rotations(2))  # compiles, reads the spheres
    seconds = []
    for others in (noise[1:2], noise[1:6]):
        start = time.process_time()
        spin_tests(noise[0], others, random_rotations())
        seconds.append(time.process_time() - start)
    print(
        f"10,000 rotations: {seconds[0]:.1f} CPU s, each further annotation {(seconds[1] - seconds[0]) / 4:.1f} CPU s"
    )


def harmonics(mirrored: bool) -> tuple[dict[Hemisphere, NDArray[np.float64]], NDArray[np.int64]]:
    """Real spherical harmonics averaged over areas, (180, H) a hemisphere, and the degree of each, (H,)."""
    pairs = [(degree, order) for degree in range(1, DEGREE + 1) for order in range(-degree, degree + 1)]
    found = {}
    for side in Hemisphere:
        points = mesh.read(sphere_32k(side), side, placed=True).vertices.astype(np.float64) / 100
        if mirrored and side is Hemisphere.RIGHT:
            points[:, 0] *= -1
        keys = mmp.labels_32k(side)
        inside = keys > 0
        polar = np.arccos(np.clip(points[inside, 2], -1, 1))
        azimuth = np.arctan2(points[inside, 1], points[inside, 0])
        areas, counts = keys[inside] - keys[inside].min(), np.bincount(keys[inside] - keys[inside].min())
        found[side] = np.stack(
            [np.bincount(areas, _real(degree, order, polar, azimuth)) / counts for degree, order in pairs], axis=1
        )
    return found, np.array([degree for degree, _ in pairs])


def _real(degree: int, order: int, polar: NDArray[np.float64], azimuth: NDArray[np.float64]) -> NDArray[np.float64]:
    """A real spherical harmonic: cosines for orders from 0, sines below."""
    wave = sph_harm_y(degree, abs(order), polar, azimuth)
    part = wave.imag if order < 0 else wave.real
    return np.asarray(part * (np.sqrt(2) if order else 1), np.float64)


def false_positives(
    shapes: tuple[dict[Hemisphere, NDArray[np.float64]], NDArray[np.int64]],
    length: float,
    symmetric: bool,
    pairs: int,
    rotations: int,
) -> NDArray[np.float64]:
    """The share of annotations with p <= .05, by map and coefficient, (maps, 2)."""
    shape, degrees = shapes
    rng = np.random.default_rng(int(length))
    power = np.exp(-degrees * (degrees + 1) * (length / 100) ** 2 / 2)

    def field(name: str) -> Annotation:
        left = rng.normal(size=len(degrees)) * power
        right = left if symmetric else rng.normal(size=len(degrees)) * power
        return Annotation(name, np.concatenate([shape[Hemisphere.RIGHT] @ right, shape[Hemisphere.LEFT] @ left]))

    rates = []
    for number in range(-(-pairs // PER_MAP)):
        tests = spin_tests(
            field("map"), [field(str(n)) for n in range(PER_MAP)], random_rotations(rotations, seed=number)
        )
        found = np.array([test.p <= 0.05 for test in tests]).reshape(PER_MAP, len(COEFFICIENTS))
        rates.append(found.mean(axis=0))
    return np.array(rates)


if __name__ == "__main__":
    main()
