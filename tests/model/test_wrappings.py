"""Checkpoints as people have them: under any key, with a prefix, of every protocol; and what cannot be one."""

import argparse
import gzip
import io
import json
import os
import pickle
import stat
import struct
import tracemalloc
import zipfile
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from random_networks import random_unet
from safetensors.torch import load_file, save_file

from wbtools.errors import CheckpointError
from wbtools.model import load
from wbtools.model.families.unet import UNetArchitecture
from wbtools.model.files import torchfile


@pytest.fixture(scope="module")
def network():
    return random_unet(UNetArchitecture((16, 16), embedding=8, hidden=9))


@pytest.fixture(scope="module")
def state(network):
    return dict(network.state_dict())


def prefixed(state, prefix):
    return {f"{prefix}{key}": value for key, value in state.items()}


WRAPPINGS = {
    **{
        key: lambda s, key=key: {"epoch": 9, key: s, "optimizer": {"state": {0: {"exp_avg": torch.ones(3)}}}}
        for key in ("state_dict", "model", "net", "ema", "module", "student", "weights", "anything")
    },
    "nested": lambda s: {"checkpoint": {"model": s, "step": 3}},
    "in a tuple": lambda s: (s, 3),
    **{
        prefix: lambda s, prefix=prefix: {"state_dict": prefixed(s, prefix)}
        for prefix in (
            "module.",
            "model.",
            "_orig_mod.",
            "net.",
            "model.net.",
            "module._orig_mod.",
            "model._orig_mod.backbone.",
        )
    },
    "averaged": lambda s: {**prefixed(s, "module."), "n_averaged": torch.tensor(5)},
    "compiled inside": lambda s: {key.replace("encoders.", "encoders._orig_mod."): v for key, v in s.items()},
    "parameters": lambda s: {k: torch.nn.Parameter(v) if v.is_floating_point() else v for k, v in s.items()},
    "arguments beside": lambda s: {"model": s, "args": argparse.Namespace(lr=1e-4), "scaler": None},
    "an average beside": lambda s: {"model_ema": {k: v * 2 for k, v in s.items()}, "model": s},
    "views of one storage": lambda s: {k: torch.stack([v, v])[1] for k, v in s.items()},
    "transposed in memory": lambda s: {k: v.transpose(0, -1).contiguous().transpose(0, -1) for k, v in s.items()},
}


@pytest.mark.parametrize("name", WRAPPINGS)
@pytest.mark.parametrize("legacy", [False, True])
def test_the_same_weights_come_out_of_every_wrapping(tmp_path, network, state, name, legacy):
    path = tmp_path / "best.pth.tar"
    torch.save(WRAPPINGS[name](state), path, _use_new_zipfile_serialization=not legacy)
    found = load(path)
    assert found.family == "unet"
    for key, value in found.network.state_dict().items():
        assert torch.equal(value, state[key]), key


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("legacy", [False, True])
def test_every_pickle_protocol_is_read(tmp_path, state, protocol, legacy):
    path = tmp_path / "net.pt"
    content = {"model_state_dict": state, "threshold": 0.25}
    torch.save(content, path, pickle_protocol=protocol, _use_new_zipfile_serialization=not legacy)
    found = load(path)
    assert found.threshold == 0.25
    assert all(torch.equal(value, state[key]) for key, value in found.network.state_dict().items())


def test_a_file_is_read_as_torch_reads_it(tmp_path, state):
    """All of it, against `torch.load`."""
    content = OrderedDict(a=state, b=[1, 2.5, None, True, "x", (3, -4)], c={"d": b"bytes", 7: 2**70})
    for options in ({}, {"_use_new_zipfile_serialization": False}):
        torch.save(content, tmp_path / "x.pt", **options)
        expected = torch.load(tmp_path / "x.pt", weights_only=True)
        with (tmp_path / "x.pt").open("rb") as file:
            found = torchfile.read(tmp_path / "x.pt", file)
            tensors = found.tensors(found.value["a"])
        assert (found.value["b"], list(found.value["a"])) == (expected["b"], list(expected["a"]))
        assert found.value["c"][7] == expected["c"][7]
        assert all(torch.equal(tensors[key], expected["a"][key]) for key in state)


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float64, torch.float8_e4m3fn, torch.float8_e5m2], ids=str
)
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_numbers_of_every_width_become_single(tmp_path, state, dtype, suffix):
    narrow = {k: v.to(dtype) if v.is_floating_point() else v for k, v in state.items()}
    path = tmp_path / f"net{suffix}"
    torch.save(narrow, path) if suffix == ".pt" else save_file(narrow, path)
    found = load(path).network.state_dict()
    assert all(torch.equal(found[key], value.float()) for key, value in narrow.items() if value.is_floating_point())


def test_safetensors_are_read_as_their_own_library_reads_them(tmp_path, state):
    save_file(prefixed(state, "model."), tmp_path / "x.safetensors")
    expected, found = load_file(tmp_path / "x.safetensors"), load(tmp_path / "x.safetensors").network.state_dict()
    assert all(torch.equal(found[key.removeprefix("model.")], value) for key, value in expected.items())


def test_which_of_several_was_taken_is_said_and_equals_are_refused(tmp_path, state):
    path = tmp_path / "x.pt"
    torch.save({"ema": state, "net": prefixed(state, "module.")}, path)
    said = load(path).description["weights"]
    assert said.startswith("net, 'module.' taken off")
    assert "ema" in said
    torch.save({"generator": state, "copy": state}, path)
    _refused(path, "several networks", "generator", "copy")


def _refused(path, *words):
    with pytest.raises(CheckpointError) as caught:
        load(path)
    assert caught.value.exit_code == 3
    assert caught.value.hint
    said = f"{caught.value} {caught.value.hint}"
    assert "\n" not in said
    for word in (path.name, *words):
        assert word in said
    return caught.value


def each(state, change):
    return {key: change(value) if value.is_floating_point() else value for key, value in state.items()}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda v: v.to("meta"), "no values"),
        (lambda v: torch.quantize_per_tensor(v, 0.1, 0, torch.qint8), "quantised"),
        (lambda v: v.to_sparse(), "sparse"),
        (lambda v: v.to(torch.complex64), "complex"),
    ],
)
@pytest.mark.parametrize("legacy", [False, True])
def test_tensors_without_plain_values_are_named(tmp_path, state, change, word, legacy):
    torch.save(each(state, change), tmp_path / "x.pt", _use_new_zipfile_serialization=not legacy)
    _refused(tmp_path / "x.pt", word, "conv1.weight")


@pytest.mark.parametrize("dtype", [torch.int32, torch.bool, torch.uint8])
@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_weights_that_are_no_real_numbers_are_named(tmp_path, state, dtype, suffix):
    path = tmp_path / f"x.{suffix}"
    changed = {**state, "conv1.weight": state["conv1.weight"].to(dtype)}
    save_file(changed, path) if suffix == "safetensors" else torch.save(changed, path)
    _refused(path, str(dtype).removeprefix("torch."), "conv1.weight")


def test_another_family_may_come_as_a_program_or_a_function(tmp_path):
    torch.save({"features.conv0.weight": torch.zeros(8, 1, 3, 3, 3)}, tmp_path / "x.pt")
    error = _refused(tmp_path / "x.pt", "no known family", "features.conv0.weight")
    assert ".pt2" in error.hint
    assert "package.module:build" in error.hint


@pytest.mark.filterwarnings("ignore")
def test_other_archives_of_torch_are_called_what_they_are(tmp_path):
    torch.jit.save(torch.jit.trace(torch.nn.Conv3d(1, 2, 3), torch.zeros(1, 1, 8, 8, 8)), tmp_path / "script.pt")
    _refused(tmp_path / "script.pt", "TorchScript", "state dict", "torch.export")
    program = torch.export.export(torch.nn.Conv3d(1, 2, 3), (torch.zeros(1, 1, 8, 8, 8),))
    torch.export.save(program, tmp_path / "program.pt2")
    (tmp_path / "program.pt2").rename(tmp_path / "program.pt")
    _refused(tmp_path / "program.pt", "torch.export", ".pt2")
    torch.save({}, tmp_path / "net.pt2")
    _refused(tmp_path / "net.pt2", "is a checkpoint", ".pt")


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "git-lfs"),
        (b"/annex/objects/SHA256E-s9--00.pt\n", "git-annex"),
        (b"<!DOCTYPE html><html>log in</html>", "web page"),
        (b"\x1f\x8b\x08" + bytes(30), "gunzip"),
        (gzip.compress(bytes(344) + b"n+1\0", mtime=0), "NIfTI file, packed with gzip: an image"),
        (gzip.compress(b"\0\0\0\1\0\0", mtime=0), "FreeSurfer volume (.mgh), packed with gzip: an image"),
        (gzip.compress(b"\x80\2 a network", mtime=0), "gunzip"),
        (bytes(344) + b"n+1\0", "--model"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"", "empty"),
    ],
)
@pytest.mark.parametrize("name", ["x.pt", "x.safetensors", "x.pt2"])
def test_the_reason_is_found_before_a_file_is_accused(tmp_path, content, word, name):
    (tmp_path / name).write_bytes(content)
    error = _refused(tmp_path / name, word)
    assert "damaged" not in str(error)


def test_a_link_to_nowhere_and_a_file_that_may_not_be_read_are_named(tmp_path, state, monkeypatch):
    (tmp_path / "net.pt").symlink_to(".git/annex/objects/aa/SHA256E-s9--00.pt")
    _refused(tmp_path / "net.pt", "link", "git annex get")
    torch.save(state, tmp_path / "own.pt")
    (tmp_path / "own.pt").chmod(0)
    if os.access(tmp_path / "own.pt", os.R_OK):  # the administrator may read everything
        real = os.open
        monkeypatch.setattr(
            os,
            "open",
            lambda path, *a, **k: real(path, *a, **k) if stat.S_IMODE(Path(path).stat().st_mode) else _denied(path),
        )
    _refused(tmp_path / "own.pt", "may not be read", "permission")


def _denied(path):
    raise PermissionError(13, "Permission denied", str(path))


def _measured(path):
    """What loading takes, bytes."""
    tracemalloc.start()
    _refused(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def test_a_tensor_that_repeats_a_number_is_no_bomb(tmp_path, state):
    """40 GB in a file of a few kilobytes."""
    torch.save({**state, "conv1.weight": torch.zeros(1).expand(10_000_000_000)}, tmp_path / "x.pt")
    _refused(tmp_path / "x.pt", "repeats")
    torch.save(each(state, lambda v: torch.zeros(1).expand(1000, 1000, 1000)), tmp_path / "x.pt")
    _refused(tmp_path / "x.pt")
    torch.save({**state, "bn1.bias": torch.zeros(1).expand(16)}, tmp_path / "x.pt")  # a few are no harm
    load(tmp_path / "x.pt")


def repacked(path, change=lambda name, data: data, method=zipfile.ZIP_STORED):
    """The archive at `path` with changed members."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, change(name, data))


def test_packed_members_are_refused_before_they_are_unpacked(tmp_path, state):
    torch.save({**state, "zeros": torch.zeros(50_000_000)}, tmp_path / "x.pt")
    repacked(tmp_path / "x.pt", method=zipfile.ZIP_DEFLATED)
    assert (tmp_path / "x.pt").stat().st_size < 2_000_000
    _refused(tmp_path / "x.pt", "compressed")
    assert _measured(tmp_path / "x.pt") < 10_000_000


@pytest.mark.parametrize("claim", [2**31 - 1, 10_000_000, 1])
def test_a_storage_that_claims_another_size_is_damaged(tmp_path, claim):
    torch.save({"conv1.weight": torch.zeros(1000)}, tmp_path / "x.pt")
    old, new = b"M\xe8\x03", b"J" + struct.pack("<i", claim)
    repacked(tmp_path / "x.pt", lambda name, data: data.replace(old, new) if name.endswith("data.pkl") else data)
    _refused(tmp_path / "x.pt")


def test_a_pickle_of_endless_steps_is_refused(tmp_path):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("x/data.pkl", b"\x80\x02" + b"]" * 2_000_000 + b".")
    (tmp_path / "x.pt").write_bytes(stream.getvalue())
    _refused(tmp_path / "x.pt", "steps")


class _Trap:
    def __reduce__(self):
        return os.mkdir, ("executed",)


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_code_is_refused_and_not_run_in_every_protocol(tmp_path, monkeypatch, state, protocol):
    monkeypatch.chdir(tmp_path)
    torch.save({"model": state, "x": _Trap()}, tmp_path / "x.pt", pickle_protocol=protocol)
    _refused(tmp_path / "x.pt", "mkdir", "run code")
    assert not (tmp_path / "executed").exists()
    pickle.loads(pickle.dumps(_Trap()))
    assert (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [10**18], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": [2, 2**62], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": [2], "data_offsets": [0, 2**62]},
        {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": [2.0], "data_offsets": [0, 8]},
        {"dtype": "F4", "shape": [2], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": [1] * 100, "data_offsets": [0, 8]},
    ],
)
def test_a_safetensors_header_that_claims_more_than_there_is_is_refused(tmp_path, entry):
    header = json.dumps({"a": entry}).encode()
    (tmp_path / "x.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(8))
    _refused(tmp_path / "x.safetensors")


@pytest.mark.parametrize("count", [2**63, 2**40, 10**9])
def test_a_safetensors_header_of_any_length_is_refused(tmp_path, count):
    (tmp_path / "x.safetensors").write_bytes(struct.pack("<Q", count) + b"{" * 1000)
    _refused(tmp_path / "x.safetensors")


def test_a_header_nested_deeply_is_refused(tmp_path):
    header = b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    (tmp_path / "x.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    _refused(tmp_path / "x.safetensors")
