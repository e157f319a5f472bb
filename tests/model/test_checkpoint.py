"""Checkpoints load as published, and everything else ends in one sentence."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from random_networks import random_unet

from wbtools.errors import CheckpointError, InputError
from wbtools.model import built_in, load
from wbtools.model.families.unet import UNetArchitecture

NAMED = {"name": "net", "title": "net", "family": "unet"}


@pytest.fixture
def saved(tmp_path):
    """Writes a changed state dict to a file."""

    def save(change=lambda state: state, name="net.pt", layout=UNetArchitecture((16, 16))):  # noqa: B008
        network = random_unet(layout)
        torch.save(change(network.state_dict()), tmp_path / name)
        return tmp_path / name, network

    return save


def _refused(path, *words):
    with pytest.raises(CheckpointError) as caught:
        load(path)
    assert caught.value.exit_code == 3
    assert caught.value.hint
    for word in (path.name, *words):
        assert word in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s,
        lambda s: {f"module.{k}": v for k, v in s.items()},
        lambda s: {f"_orig_mod.module.{k}": v for k, v in s.items()},
        lambda s: {"model_state_dict": s, "threshold": None},
        lambda s: {k: v for k, v in s.items() if "num_batches_tracked" not in k},
    ],
    ids=["bare", "data parallel", "compiled", "published", "without counters"],
)
def test_same_weights_under_every_wrapping(saved, change):
    path, network = saved(change)
    x = torch.rand(1, 1, 16, 16, 16)
    with torch.no_grad():
        assert torch.equal(load(path).network(x), network(x))


def test_training_checkpoint_with_numpy_scalars_loads_and_its_threshold_counts(saved):
    extra = {
        "epoch": 3,
        "threshold": np.float64(0.25),
        "val_metrics": {"auc": np.float32(0.9), "n": np.int64(4), "better": np.bool_(True)},
        "history": [np.float64(1.0)],
        "optimizer_state_dict": {"state": {}, "param_groups": [{"lr": 1e-4}]},
    }
    path, _ = saved(lambda s: {"model_state_dict": s, **extra})
    assert load(path).threshold == 0.25


def test_description_says_what_the_network_is(saved):
    path, _ = saved(
        layout=UNetArchitecture((16, 32, 48), attention=(2,), block="double", embedding=8, hidden=9),
        name="My net.v2.pt",
    )
    model = load(path)
    wanted = {"widths": [16, 32, 48], "depth": 3, "attention": [2], "block": "double", "embedding": 8, "hidden": 9}
    assert wanted.items() <= model.description.items()
    assert (model.name, model.family, model.card.assumed) == ("unet", "unet", True)
    assert json.dumps(dict(model.description))


def test_half_precision_weights_become_single(saved):
    path, _ = saved(lambda s: {k: v.half() if v.is_floating_point() else v for k, v in s.items()})
    assert {p.dtype for p in load(path).network.parameters()} == {torch.float32}


class _Trap:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize("legacy", [False, True])
def test_code_in_a_pickle_is_refused_and_not_run(tmp_path, legacy):
    path, marker = tmp_path / "trap.pt", tmp_path / "executed"
    torch.save({"model_state_dict": {}, "x": _Trap(marker)}, path, _use_new_zipfile_serialization=not legacy)
    _refused(path, "run code", "mkdir")
    assert not marker.exists()
    torch.load(path, weights_only=False)  # the trap does work: the check above can fail
    assert marker.exists()


def test_a_whole_pickled_network_is_refused(tmp_path):
    torch.save(random_unet(), tmp_path / "whole.pt")
    _refused(tmp_path / "whole.pt", "UNet")


@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.99])
def test_truncated_file_is_refused(saved, part):
    path, _ = saved()
    path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])
    _refused(path, "damaged" if part else "empty")


@pytest.mark.parametrize("content", [b"PK\x03\x04", b"hello", b"\x80\x02}q\x00.", bytes(range(256))])
def test_anything_else_is_no_checkpoint(tmp_path, content):
    (tmp_path / "x.pt").write_bytes(content)
    _refused(tmp_path / "x.pt")


def test_missing_file_and_folder_are_named(tmp_path):
    _refused(tmp_path / "none.pt", "does not exist")
    _refused(tmp_path)


@pytest.mark.parametrize("content", [[], {}, 3, {"model_state_dict": None}, {"a": "b"}, {"model_state_dict": [1]}])
def test_file_without_a_state_dict_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "x.pt")
    _refused(tmp_path / "x.pt", "no state dict")


def test_unknown_family_names_the_keys_that_were_seen(tmp_path):
    torch.save({"layer1.weight": torch.ones(2), "head.bias": torch.ones(2)}, tmp_path / "x.pt")
    _refused(tmp_path / "x.pt", "no known family", "layer1.weight")


def _without(key):
    return lambda s: {k: v for k, v in s.items() if k != key}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_without("encoders.1.block.bn2.weight"), ("lacks encoders.1.block.bn2.weight",)),
        (lambda s: {**s, "decoder.weight": torch.ones(1)}, ("unexpected decoder.weight",)),
        (lambda s: {**s, "conv1.weight": torch.ones(16, 1, 5, 5, 5)}, ("shape", "conv1.weight", "(16, 1, 5, 5, 5)")),
        (lambda s: {**s, "fc1.weight": torch.full((256, 16), torch.nan)}, ("fc1.weight", "finite")),
        (lambda s: {**s, "bn1.running_var": -torch.ones(16)}, ("bn1.running_var", "negative")),
        (lambda s: {"model_state_dict": s, "threshold": "high"}, ("threshold",)),
        (lambda s: {"model_state_dict": s, "threshold": float("nan")}, ("threshold",)),
    ],
)
def test_what_does_not_fit_is_named(saved, change, words):
    path, _ = saved(change)
    _refused(path, *words)


def test_keys_that_are_wrong_by_the_dozen_are_listed_in_part(saved):
    path, _ = saved(lambda s: {k: v for k, v in s.items() if "bn" not in k})
    with pytest.raises(CheckpointError, match=r"and \d+ more"):
        load(path)


def test_loading_leaves_torch_as_it_was(saved):
    path, _ = saved()
    allowed = set(torch.serialization.get_safe_globals())  # torch keeps them without an order
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    load(path)
    assert torch.equal(torch.rand(1), expected)
    assert set(torch.serialization.get_safe_globals()) == allowed


def test_built_in_network_is_small_and_says_what_it_is():
    import wbtools

    model = built_in()
    assert model.card.built_in
    assert not model.card.assumed
    assert "not for science" in model.card.notice
    assert model.description["embedding"] == 128
    assert 0 < model.threshold < 2
    assert model.card.performance["test_auc"] > 0.95
    file = Path(wbtools.__file__).parent / "data" / "demo_unet.pt"
    assert file.stat().st_size <= 2_000_000
    tried = load(file)  # unlike the built-in network, any other is tried with an image of its card's shape
    assert tried.sha256 == model.sha256
    assert tried.card == model.card


def test_built_in_network_is_loaded_without_torchs_compiler():
    code = "import sys; from wbtools.model import built_in; built_in(); print('torch._dynamo' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_network_that_is_not_tried_is_loaded_without_torchs_compiler(saved):
    path, _ = saved()
    load_it = "from wbtools.model import load; load(sys.argv[1], tried=False)"
    code = f"import sys; {load_it}; print('torch._dynamo' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_network_that_was_not_tried_is_tried_when_it_fails_and_only_then(saved):
    path, _ = saved(layout=UNetArchitecture((8, 8, 16, 16)))
    model = load(path, tried=False)
    with pytest.raises(RuntimeError, match="the image's fault"), model.asked():
        raise RuntimeError("the image's fault")
    path.with_suffix(".json").write_text(json.dumps({**NAMED, "shape": [4, 4, 4]}))
    with (
        pytest.raises(RuntimeError, match="the image's fault"),
        model.asked(),
    ):  # whatever became of the files meanwhile
        raise RuntimeError("the image's fault")
    model = load(path, tried=False)
    for error in (RuntimeError("size mismatch"), InputError("all voxels of the T1w image are equal")):
        with pytest.raises(CheckpointError, match="cannot take images of 4 x 4 x 4 voxels"), model.asked():
            raise error
    with pytest.raises(CheckpointError, match="cannot take images of 4 x 4 x 4 voxels"):
        load(path)


def test_the_names_of_classes_are_counted_in_any_case(saved):
    path, _ = saved()
    path.with_suffix(".json").write_text(json.dumps({**NAMED, "classes": ["a", "b"]}))
    with pytest.raises(CheckpointError, match="no classes, its card names 2"):
        load(path, tried=False)
