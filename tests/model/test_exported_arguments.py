"""Arguments of exported programs accept only their own forms, and nothing in a file ends the process."""

import io
import json
import os
import zipfile

import pytest
import torch
from foreign_networks import SHAPE
from fuzz import pool
from fuzz.networks import ran, rewritten
from fuzz.programs import Stages
from fuzz.targets import Seed, Target
from random_networks import random_network

from wbtools.errors import CheckpointError
from wbtools.model import load


@pytest.fixture(scope="module")
def program():
    """The members of a file of torch.export, and the network that is in it."""
    stream = io.BytesIO()
    network = random_network(Stages)
    torch.export.save(torch.export.export(network, (torch.zeros(1, 1, *SHAPE),)), stream)
    with zipfile.ZipFile(stream) as archive:
        return {name: archive.read(name) for name in archive.namelist()}, network


def written(path, program, change=lambda content: None):
    """The file with a changed graph."""
    members = dict(program[0])
    (name,) = (name for name in members if name.endswith("models/model.json"))
    content = json.loads(members[name])
    change(content["graph_module"]["graph"])
    members[name] = json.dumps(content)
    with zipfile.ZipFile(path, "w") as archive:
        for member, data in members.items():
            archive.writestr(member, data)
    return path


def given(graph, operator, argument):
    """One argument of the first step with an operator."""
    step = next(node for node in graph["nodes"] if f".{operator}." in node["target"])
    return next(given for given in step["inputs"] if given["name"] == argument)


def alive(path):
    """What comes of a file, in a process of its own: `read`, `refused`, or how the process ended."""
    process = os.fork()
    if not process:
        try:
            ran(path)
        except CheckpointError:
            os._exit(3)
        except BaseException:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(process, 0)
    return {0: "read", 3: "refused"}.get(os.waitstatus_to_exitcode(status), os.waitstatus_to_exitcode(status))


def test_the_program_answers_as_its_network(tmp_path, program):
    x = torch.rand(1, 1, *SHAPE)
    with torch.no_grad():
        torch.testing.assert_close(load(written(tmp_path / "x.pt2", program)).network(x), program[1](x))
    assert alive(tmp_path / "x.pt2") == "read"


FORMS = ("as_layout", "as_memory_format", "as_device", "as_string", "as_bool")


@pytest.mark.parametrize(
    ("form", "value"), [*(("as_int", value) for value in (-1, 0, 44, 127)), *((form, 44) for form in FORMS)]
)
def test_only_a_type_of_numbers_is_taken_for_one(tmp_path, program, form, value):
    def change(graph):
        given(graph, "to", "dtype")["arg"] = {form: value}

    assert alive(written(tmp_path / "x.pt2", program, change)) == "refused"


ODD = {
    "a pool with a step of 0": ("avg_pool3d", "stride", {"as_ints": [0, 0, 0]}),
    "a pool of nothing": ("max_pool3d", "kernel_size", {"as_ints": [0]}),
    "a convolution of groups of 0": ("conv3d", "groups", {"as_int": 0}),
    "holes of less than nothing": ("conv3d", "dilation", {"as_ints": [-1, -1, -1]}),
    "a step of 0": ("conv3d", "stride", {"as_ints": [0, 1, 1]}),
    "groups of 0": ("group_norm", "num_groups", {"as_int": 0}),
    "parts of 0": ("split", "split_size", {"as_int": 0}),
    "10^18 voxels": ("upsample_nearest3d", "output_size", {"as_ints": [10**6] * 3}),
    "a number beyond 64 bits": ("roll", "shifts", {"as_ints": [10**30]}),
    "copies without end": ("repeat", "repeats", {"as_ints": [1, 1, 10**6, 10**6, 1]}),
    "a list where a number belongs": ("conv3d", "groups", {"as_ints": [1]}),
    "a text where a number belongs": ("group_norm", "eps", {"as_string": "x"}),
}


def test_an_image_or_answer_without_a_size_is_damage(tmp_path, program):
    for which in ("input", "output"):

        def change(graph, which=which):
            name = graph[f"{which}s"][-1]["as_tensor"]["name"]
            del graph["tensor_values"][name]

        path = written(tmp_path / f"{which}.pt2", program, change)
        with pytest.raises(CheckpointError, match="is damaged"):
            load(path)


@pytest.mark.parametrize("name", ODD)
def test_what_divides_by_nothing_or_grows_without_end_is_refused(tmp_path, program, name):
    operator, argument, value = ODD[name]

    def change(graph):
        step = next(node for node in graph["nodes"] if f".{operator}." in node["target"])
        step["inputs"] = [given for given in step["inputs"] if given["name"] != argument]
        step["inputs"].append({"name": argument, "arg": value, "kind": 1})

    assert alive(written(tmp_path / "x.pt2", program, change)) == "refused"


def test_a_tensor_made_from_nothing_is_measured_before_it_is_made(tmp_path, program):
    def change(graph):
        graph["nodes"][0] = {
            **graph["nodes"][0],
            "target": "torch.ops.aten.zeros.default",
            "inputs": [
                {"name": "size", "arg": {"as_ints": [2**16, 2**16]}, "kind": 1},
                {"name": "device", "arg": {"as_device": {"type": "cpu", "index": None}}, "kind": 2},
            ],
        }

    with pytest.raises(CheckpointError, match="values"):
        load(written(tmp_path / "x.pt2", program, change))


def test_damaged_programs_are_run_or_refused(program):
    """A part of what `scripts/fuzz network-program` does."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in program[0].items():
            archive.writestr(name, data)
    seeds = [Seed("stages.pt2", stream.getvalue(), mutate=rewritten)]
    report = pool.run([Target("program", ran, lambda: seeds)], 120)
    assert not report.faults, "\n".join(report.lines())
    assert report.counts["program"]["refused"] > 40
    assert report.counts["program"]["read"] > 10


class Segmenting(torch.nn.Module):
    """Answers for each voxel."""

    def __init__(self, classes=2):
        super().__init__()
        self.conv = torch.nn.Conv3d(1, classes, 3, padding=1)

    def forward(self, x):
        return self.conv(x)


@pytest.mark.parametrize("classes", [1, 2])
@pytest.mark.parametrize("answer", ["embedding", "classes", ""])
def test_a_network_that_answers_for_each_voxel_is_refused(tmp_path, classes, answer):
    network = torch.export.export(random_network(lambda: Segmenting(classes)), (torch.zeros(1, 1, *SHAPE),))
    torch.export.save(network, tmp_path / "x.pt2")
    card = {"name": "x", "title": "x", "family": "exported", "shape": list(SHAPE), "answer": answer}
    (tmp_path / "x.json").write_text(json.dumps(card))
    with pytest.raises(
        CheckpointError, match=f"1 x {classes} x 12 x 10 x 8 values: a map, as segmentations do"
    ) as caught:
        load(tmp_path / "x.pt2")
    assert "one row" in caught.value.hint
