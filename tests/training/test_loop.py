"""The shared loop: schedules, accumulated gradients, averages, settled batch norms, selection, batches made ahead."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from wbtools.errors import InputError
from wbtools.model.families.unet import UNet, UNetArchitecture
from wbtools.training.loop.feeding import Plan, Shown, fed, seed_of, shared_out
from wbtools.training.loop.learner import Learner, settle
from wbtools.training.loop.optimising import Stepper
from wbtools.training.loop.selection import Criterion, Selection
from wbtools.training.settings import Settings

CPU = torch.device("cpu")


def tiny():
    torch.manual_seed(0)
    return UNet(UNetArchitecture((4, 8, 8), hidden=6, embedding=5))


def rates(settings, epochs, steps):
    layer = nn.Linear(2, 1)
    stepper = Stepper(layer.parameters(), settings, steps, CPU)
    found = []
    for _ in range(epochs * steps):
        found.append(stepper.rate)
        stepper.add(layer(torch.ones(1, 2)).sum(), 1)
        stepper.step()
    return np.array(found)


@pytest.mark.parametrize(("epochs", "steps", "rise"), [(10, 3, 0.3), (1, 1, 0.3), (2, 1, 0.5), (7, 4, 0.25)])
def test_one_cycle_rises_to_the_highest_rate_and_ends_with_the_last_step(epochs, steps, rise):
    settings = Settings(epochs=epochs, rate=1e-2, schedule="one-cycle", rise=rise)
    found, total = rates(settings, epochs, steps), epochs * steps
    top = rise * total - 1
    expected = []
    for step in range(total):  # the published schedule, from its definition
        if step <= top and top > 0:
            low, high, share = 1e-2 / 50, 1e-2, step / top
        else:
            low, high, share = 1e-2, 1e-2 / 50 / 1000, (step - top) / (total - 1 - top)
        expected.append(high + (low - high) * (1 + math.cos(math.pi * share)) / 2)
    assert found == pytest.approx(np.array(expected), rel=1e-6)
    assert found[-1] == pytest.approx(1e-2 / 50 / 1000, rel=1e-6)


def test_steps_multiply_the_rate_after_the_epochs_that_are_named():
    settings = Settings(epochs=4, rate=1.0, schedule="steps", milestones=(2, 3), factor=0.3)
    assert rates(settings, 4, 2) == pytest.approx([1, 1, 1, 1, 0.3, 0.3, 0.09, 0.09])


def test_milestones_are_epochs():
    with pytest.raises(InputError, match="from 1 on"):
        Settings(milestones=(-1,))


def test_accumulated_batches_give_the_step_of_one_large_batch():
    images, truth = torch.randn(12, 5), torch.randn(12, 1)
    found = []
    for parts in (1, 3):
        torch.manual_seed(0)
        layer = nn.Linear(5, 1)
        stepper = Stepper(layer.parameters(), Settings(optimiser="adam", rate=0.1, clip=0.5), 1, CPU)
        for x, y in zip(images.chunk(parts), truth.chunk(parts), strict=True):
            stepper.add((layer(x) - y).square().mean(), parts)
        stepper.step()
        found.append(layer.weight.detach().clone())
    assert torch.allclose(*found, atol=1e-6)


def test_mixed_precision_on_a_processor_computes_in_half_precision():
    layer = nn.Linear(4, 4)
    for precision, kind in (("mixed", torch.bfloat16), ("auto", torch.float32)):
        with Stepper(layer.parameters(), Settings(precision=precision), 1, CPU).casting():
            assert layer(torch.ones(1, 4)).dtype is kind


def test_settled_statistics_are_the_mean_over_batches_without_dropout_and_the_momentum_comes_back():
    network = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(3))
    network.answers = ("forward",)
    learner = Learner(network)
    learner.train()
    batches = [torch.randn(6, 3) + 2, 3 * torch.randn(6, 3)]
    settle(learner, batches, lambda network, images: network(images))
    norm = network[1]
    assert torch.allclose(norm.running_mean, torch.stack([x.mean(0) for x in batches]).mean(0), atol=1e-6)
    assert torch.allclose(norm.running_var, torch.stack([x.var(0) for x in batches]).mean(0), atol=1e-5)
    assert norm.momentum == 0.1 and norm.training and network[0].training


def test_published_weights_say_without_the_batch_norms_of_training_what_the_learner_says_with_them():
    learner, images = Learner(tiny(), ("fc1", "fc2")), torch.rand(6, 1, 12, 12, 12)
    learner.train()
    for _ in range(5):
        learner.network.raw(images)
    learner.eval()
    plain = tiny().eval()
    plain.load_state_dict(learner.published())
    assert torch.allclose(plain.raw(images), learner.network.raw(images), rtol=1e-3, atol=1e-4)
    assert not torch.allclose(tiny().eval().raw(images), plain.raw(images), atol=1e-2)


def test_a_copy_of_a_learner_has_batch_norms_of_its_own():
    learner, images = Learner(tiny(), ("fc2",)), torch.rand(4, 1, 12, 12, 12)
    copy = learner.copied().train()
    copy.network.raw(images)
    assert torch.equal(learner.norms[0].running_mean, torch.zeros(5))
    assert not torch.equal(copy.norms[0].running_mean, torch.zeros(5))


def test_the_average_follows_the_weights_and_takes_over_the_statistics():
    mine, its = Learner(tiny(), ("fc1",)), Learner(tiny(), ("fc1",))
    with torch.no_grad():
        its.network.fc2.weight.add_(1)
        its.norms[0].running_mean.fill_(7)
    before = mine.network.fc2.weight.detach().clone()
    mine.follow(its, 0.9)
    assert torch.allclose(mine.network.fc2.weight, before + 0.1, atol=1e-6)
    assert float(mine.norms[0].running_mean[0]) == 7


def test_each_criterion_has_its_best_epoch_and_equal_values_go_by_the_loss():
    chosen = Selection([Criterion("auc", "auc"), Criterion("loss", "loss", higher=False)], patience=2)
    history = [(0.9, 3.0), (1.0, 2.0), (1.0, 2.5), (1.0, 1.5), (0.8, 1.0), (float("nan"), float("nan"))]
    better = [chosen.better(epoch, {"auc": auc, "loss": loss}) for epoch, (auc, loss) in enumerate(history)]
    assert better == [("auc", "loss"), ("auc", "loss"), (), ("auc", "loss"), ("loss",), ()]
    assert [chosen.finished(epoch) for epoch in (4, 5)] == [False, True]
    again = Selection(chosen.criteria, 2)
    again.restore(chosen.state())
    assert again.best == chosen.best


def test_batches_come_in_their_order_and_a_failure_while_they_are_made_is_not_lost():
    plans = [Plan(np.array([n]), n) for n in range(6)]
    assert [int(shown.images) for shown in fed(plans, lambda plan: Shown(torch.tensor(plan.seed), {}))] == list(
        range(6)
    )

    def fails(plan):
        if plan.seed == 3:
            raise ValueError("no image")
        return Shown(torch.tensor(plan.seed), {})

    with pytest.raises(ValueError, match="no image"):
        list(fed(plans, fails))


@pytest.mark.parametrize("batch", [1, 2, 3, 7, 30])
def test_no_batch_has_a_single_image_and_none_is_larger_than_asked_for_but_threes(batch):
    for count in range(2, 40):
        parts = shared_out(np.arange(count), batch)
        assert np.concatenate(parts).tolist() == list(range(count))
        sizes = [len(part) for part in parts]
        assert min(sizes) > 1 and max(sizes) <= max(batch, 3) and max(sizes) - min(sizes) <= 1


def test_seeds_of_different_batches_differ():
    assert len({seed_of(seed, epoch, batch) for seed in range(3) for epoch in range(20) for batch in range(20)}) == 1200
