"""The operators an exported network may use, a closed list, and the layers that stand for them.

What has a layer in `torch.nn` becomes that layer, sums and products become `Add` and `Gate`: relevance rules and hooks
need modules. Everything else stays a call of the operator. Operators outside the list are refused: torch registers
thousands, some of which read files.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from torch import Tensor, nn

from wbtools.model.imported.nodes import ValueName
from wbtools.model.junctions import Add, Gate

_VIEWS = """
alias as_strided broadcast_to chunk contiguous detach diagonal dropout expand expand_as feature_dropout flatten
movedim narrow permute reshape select slice split split_with_sizes squeeze swapaxes swapdims t to transpose
type_as unbind unflatten unfold unsqueeze view view_as
"""
VIEWS = frozenset(_VIEWS.split())
"""Operators whose output may be their input's own memory."""

_ALLOWED = """
_adaptive_avg_pool2d _adaptive_avg_pool3d _log_softmax _native_batch_norm_legit _native_batch_norm_legit_no_training
_safe_softmax _scaled_dot_product_flash_attention_for_cpu _softmax _to_copy _unsafe_view abs adaptive_avg_pool1d
adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d add addcmul addmm
all amax amin aminmax any arange argmax argmin atan2 avg_pool1d avg_pool2d avg_pool3d baddbmm batch_norm bitwise_and
bitwise_not bitwise_or bmm cat ceil celu channel_shuffle clamp clamp_max clamp_min clone concat constant_pad_nd conv1d
conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d convolution copy cos cosine_similarity cumsum div
einsum elu embedding eq erf exp expm1 eye fill flip floor floor_divide fmod full full_like gather ge gelu glu
grid_sampler group_norm gt hardsigmoid hardswish hardtanh index index_put index_select instance_norm layer_norm le
leaky_relu lift_fresh_copy linalg_norm linalg_vector_norm linear linspace log log1p log2 log_softmax logical_and
logical_not logical_or logical_xor logsumexp lt masked_fill matmul max max_pool1d max_pool2d max_pool2d_with_indices
max_pool3d max_pool3d_with_indices maximum mean min minimum mish mm mul native_batch_norm native_group_norm
native_layer_norm ne neg new_full new_ones new_zeros norm ones ones_like pad pixel_shuffle pixel_unshuffle pow prelu
prod reciprocal reflection_pad1d reflection_pad2d reflection_pad3d relu relu6 remainder repeat repeat_interleave
replication_pad1d replication_pad2d replication_pad3d roll round rsqrt rsub scalar_tensor scaled_dot_product_attention
select_scatter selu sigmoid sign silu sin slice_scatter softmax softplus sqrt square stack std std_mean sub sum
sym_size tanh tril triu trunc upsample_bicubic2d upsample_bilinear2d upsample_linear1d upsample_nearest1d
upsample_nearest2d upsample_nearest3d upsample_trilinear3d var var_mean where zero zeros zeros_like
"""
ALLOWED = VIEWS | frozenset(_ALLOWED.split())
"""Names in torch's `aten`; with an underscore at the end, their forms that work in place."""

IGNORED = frozenset(
    {
        "_assert_async",
        "_assert_scalar",
        "_assert_tensor_metadata",
        "sym_constrain_range",
        "sym_constrain_range_for_size",
    }
)
"""Checks of sizes, which have no output."""

_SIZES = ("add", "floordiv", "mod", "mul", "neg", "sub", "truediv", "eq", "ge", "gt", "le", "lt", "ne")
ARITHMETIC = {f"_operator.{name}": getattr(operator, name) for name in _SIZES}
"""Of sizes, by the names they have in files."""


@dataclass(frozen=True, eq=False)
class OperatorCall:
    """An operator with its arguments.

    Parameters
    ----------
    operator : str
        Without `aten` and the underscore of its form that works in place.
    arguments : dict
        All of its schema, in order.
    tensors : mapping
        Weights by name.
    sizes : mapping
        Of every tensor, by name.
    makes_coefficients : callable
        Whether a name is the output of a sigmoid or the like.
    """

    operator: str
    arguments: dict[str, Any]
    tensors: Mapping[str, Tensor]
    sizes: Mapping[str, tuple[int | None, ...]]
    makes_coefficients: Callable[[str], bool]

    def __getitem__(self, argument: str) -> Any:
        return self.arguments[argument]

    @property
    def is_plain(self) -> bool:
        """Whether all but the first argument are weights and values, so that a module can hold them."""
        _, *rest = self.arguments.values()
        flat = [value for given in rest for value in (given if isinstance(given, list) else [given])]
        return all(value.text in self.tensors for value in flat if isinstance(value, ValueName))

    def weight(self, argument: str) -> Tensor | None:
        """A weight, None where there is none."""
        value = self.arguments[argument]
        return self.tensors[value.text] if isinstance(value, ValueName) else None

    def rank(self, argument: str) -> int:
        """Number of axes of an argument."""
        return len(self.sizes[self.arguments[argument].text])

    def count(self, name: ValueName) -> int:
        """Number of values of a tensor for one image, as far as it is known."""
        return math.prod(length or 1 for length in self.sizes.get(name.text, ()))

    def is_signal(self, argument: str) -> bool:
        """Whether an argument is computed, neither a weight nor a number."""
        value = self.arguments[argument]
        return isinstance(value, ValueName) and value.text not in self.tensors


Replacement = tuple[nn.Module, list[ValueName]]
"""A module, and what it is called with."""


def replacement(call: OperatorCall) -> Replacement | None:
    """The layer that stands for an operator; None if there is none for these arguments."""
    first = next(iter(call.arguments.values()), None)
    if call.operator in ("add", "mul"):
        return _junction(call)
    build = _LAYERS.get(call.operator)
    if build is None or not isinstance(first, ValueName) or first.text in call.tensors or not call.is_plain:
        return None
    module = build(call)
    return None if module is None else (module.eval().requires_grad_(False), [first])


def _junction(call: OperatorCall) -> Replacement | None:
    """A sum or product of two signals."""
    if not (call.is_signal("self") and call.is_signal("other")) or call.arguments.get("alpha", 1) != 1:
        return None
    first, other = call["self"], call["other"]
    if call.operator == "add":
        return Add(), [first, other]
    scales = call.makes_coefficients(first.text) or call.count(first) < call.count(other)
    return Gate(), [other, first] if scales else [first, other]


def _given(module: nn.Module, **weights: Tensor | None) -> nn.Module:
    """A module made without values, with these."""
    for name, value in weights.items():
        if value is None:
            continue
        if name in module._parameters:
            setattr(module, name, nn.Parameter(value, requires_grad=False))
        else:
            setattr(module, name, value)
    return module


def _full(values: Any, count: int) -> Any:
    """One number per axis."""
    return values if isinstance(values, str) else tuple(values) * (count if len(values) == 1 else 1)


def _convolution(call: OperatorCall) -> nn.Module | None:
    weight, bias = call.weight("weight"), call.weight("bias")
    if weight is None:
        return None
    count = weight.ndim - 2
    kind = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[count - 1]
    geometry = {name: _full(call[name], count) for name in ("stride", "padding", "dilation")}
    groups = int(call["groups"])
    sizes = (weight.shape[1] * groups, weight.shape[0], tuple(weight.shape[2:]))
    module: nn.Module = cast(Any, kind)(*sizes, **geometry, groups=groups, bias=bias is not None, device="meta")
    return _given(module, weight=weight, bias=bias)


def _general_convolution(call: OperatorCall) -> nn.Module | None:
    return None if call["transposed"] else _convolution(call)


def _linear(call: OperatorCall) -> nn.Module | None:
    weight, bias = call.weight("weight"), call.weight("bias")
    if weight is None:
        return None
    outputs, inputs = weight.shape
    return _given(nn.Linear(inputs, outputs, bias is not None, device="meta"), weight=weight, bias=bias)


def _batch_norm(call: OperatorCall) -> nn.Module | None:
    kind = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}.get(call.rank("input"))
    names = ("weight", "bias", "running_mean", "running_var")
    weights = {name: call.weight(name) for name in names}
    mean, weight = weights["running_mean"], weights["weight"]
    if kind is None or mean is None:
        return None
    module = kind(len(mean), float(call["eps"]), affine=weight is not None, device=mean.device)
    return _given(module, **weights)


def _layer_norm(call: OperatorCall) -> nn.Module:
    weight, bias = call.weight("weight"), call.weight("bias")
    module = nn.LayerNorm(
        call["normalized_shape"], float(call["eps"]), weight is not None, bias is not None, device="meta"
    )
    return _given(module, weight=weight, bias=bias)


def _group_norm(call: OperatorCall) -> nn.Module | None:
    weight = call.weight("weight")
    if weight is None:
        return None
    module = nn.GroupNorm(int(call["num_groups"]), len(weight), float(call["eps"]), device="meta")
    return _given(module, weight=weight, bias=call.weight("bias"))


def _prelu(call: OperatorCall) -> nn.Module | None:
    weight = call.weight("weight")
    return None if weight is None else _given(nn.PReLU(len(weight), device="meta"), weight=weight)


def _pool(*kinds: type[nn.Module]) -> Callable[[OperatorCall], nn.Module]:
    """Maximum and average pools: the same arguments under the same names."""

    def build(call: OperatorCall) -> nn.Module:
        count = call.rank("self") - 2
        rest = {k: v for k, v in call.arguments.items() if k not in ("self", "kernel_size", "stride")}
        rest = {name: _full(value, count) if isinstance(value, list) else value for name, value in rest.items()}
        kernel = _full(call["kernel_size"], count)
        stride = _full(call["stride"], count) if call["stride"] else kernel
        return kinds[count - 1](kernel, stride, **rest)

    return build


def _adaptive(call: OperatorCall) -> nn.Module:
    count = int(call.operator[-2])
    kinds = (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)
    return kinds[count - 1](cast(Any, _full(call["output_size"], count)))


def _mean(call: OperatorCall) -> nn.Module | None:
    """The mean over all voxels is an average pool."""
    count = call.rank("self") - 2
    axes = [axis % (count + 2) for axis in call.arguments.get("dim") or []]
    if call.arguments.get("dtype") is not None or not 1 <= count <= 3 or sorted(axes) != list(range(2, count + 2)):
        return None
    pool = (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)[count - 1](1)
    return pool if call["keepdim"] else nn.Sequential(pool, nn.Flatten())


def _flatten(call: OperatorCall) -> nn.Module | None:
    return nn.Flatten(call["start_dim"], call["end_dim"]) if "start_dim" in call.arguments else None


def _softmax(kind: type[nn.Module]) -> Callable[[OperatorCall], nn.Module | None]:
    return lambda call: kind(call["dim"]) if call.arguments.get("dtype") is None else None


def _elu(call: OperatorCall) -> nn.Module | None:
    return nn.ELU(call["alpha"]) if call["scale"] == call["input_scale"] == 1 else None


_LAYERS: dict[str, Callable[[OperatorCall], nn.Module | None]] = {
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), _convolution),
    **dict.fromkeys(("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d"), _adaptive),
    **dict.fromkeys(("max_pool1d", "max_pool2d", "max_pool3d"), _pool(nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)),
    **dict.fromkeys(("avg_pool1d", "avg_pool2d", "avg_pool3d"), _pool(nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)),
    **dict.fromkeys(("dropout", "feature_dropout"), lambda call: nn.Dropout(call["p"])),
    "batch_norm": _batch_norm,
    "convolution": _general_convolution,
    "elu": _elu,
    "flatten": _flatten,
    "gelu": lambda call: nn.GELU(call["approximate"]),
    "group_norm": _group_norm,
    "hardsigmoid": lambda call: nn.Hardsigmoid(),
    "hardswish": lambda call: nn.Hardswish(),
    "hardtanh": lambda call: nn.Hardtanh(call["min_val"], call["max_val"]),
    "layer_norm": _layer_norm,
    "leaky_relu": lambda call: nn.LeakyReLU(call["negative_slope"]),
    "linear": _linear,
    "log_softmax": _softmax(nn.LogSoftmax),
    "mean": _mean,
    "prelu": _prelu,
    "relu": lambda call: nn.ReLU(),
    "relu6": lambda call: nn.ReLU6(),
    "sigmoid": lambda call: nn.Sigmoid(),
    "silu": lambda call: nn.SiLU(),
    "softmax": _softmax(nn.Softmax),
    "softplus": lambda call: nn.Softplus(call["beta"], call["threshold"]),
    "tanh": lambda call: nn.Tanh(),
}
