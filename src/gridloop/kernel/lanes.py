"""Lanes: one row of scenarios as a single value of numba, held in vector registers.

A kernel that loops over scenarios innermost leaves it to the compiler to find out that rows do not overlap, and pays
for the question at every row. Here a row of `LANES` scenarios is one value: sums over the entries of a sparse row
then stay in registers, and the code reads as if there were one scenario.

    total = load(x, i)
    for e in range(start, end):
        total = fma(factor[e], load(x, col[e]), total)      # total + factor[e] · x[col[e]], in every lane
    store(x, i, total)

Arrays are [row, LANES], contiguous, float32 or float64. A number beside lanes stands for the same number in all of
them. Nothing mixes lanes: what is NaN in one stays in that one.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AbstractTemplate, infer_global
from numba.extending import intrinsic, lower_builtin, models, register_model

# Scenarios of one block. 32 numbers of float64 are four registers of AVX-512 or eight of AVX2: enough independent
# sums to hide the latency of a multiplication, few enough that a row of complex numbers still fits.
LANES = 32


class Lanes(types.Type):
    """Type of one row: `LANES` numbers of float32 or float64."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        super().__init__(name=f"Lanes({dtype}, {LANES})")


def _number(dtype: Any) -> ir.Type:
    return ir.DoubleType() if dtype == types.float64 else ir.FloatType()


def _vector(dtype: Any) -> ir.VectorType:
    return ir.VectorType(_number(dtype), LANES)


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, lanes: Lanes) -> None:
        super().__init__(manager, lanes, _vector(lanes.dtype))


# ----- memory ------------------------------------------------------------------------------------------------------

# A register of AVX-512 that straddles two lines of the cache costs as much as two: rows begin where a line does.
_LINE = 64


def new_rows(*shape: int, dtype: Any = np.float64) -> Any:
    """Room for rows [*shape, LANES], on lines of the cache; not filled."""
    size = np.dtype(dtype).itemsize * LANES * int(np.prod(shape))
    room = np.empty(size + _LINE, np.uint8)
    first = -room.ctypes.data % _LINE
    return room[first : first + size].view(dtype).reshape(*shape, LANES)


# ----- between arrays and registers --------------------------------------------------------------------------------


def _row(context: Any, builder: Any, array_type: Any, array: Any, row: Any) -> Any:
    data = context.make_array(array_type)(context, builder, array).data
    first = builder.gep(data, [builder.mul(row, ir.Constant(row.type, LANES))])
    return builder.bitcast(first, _vector(array_type.dtype).as_pointer())


@intrinsic
def load(_: Any, array: Any, row: Any) -> Any:
    """Row of an array [row, LANES]; of an array [row], its number in all lanes. The row is not checked; an unsigned
    number spares the question if it is negative."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if signature.args[0].ndim == 1:
            data = context.make_array(signature.args[0])(context, builder, args[0]).data
            return _splat(builder, builder.load(builder.gep(data, [args[1]])))
        value = builder.load(_row(context, builder, signature.args[0], *args))
        value.align = signature.args[0].dtype.bitwidth // 8
        return value

    return Lanes(array.dtype)(array, types.uintp), code


@intrinsic
def store(_: Any, array: Any, row: Any, value: Any) -> Any:
    """Write a row of an array [row, LANES]."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        written = builder.store(args[2], _row(context, builder, signature.args[0], *args[:2]))
        written.align = signature.args[0].dtype.bitwidth // 8
        return context.get_dummy_value()

    return types.void(array, types.uintp, Lanes(array.dtype)), code


def _splat(builder: Any, number: Any) -> Any:
    kind = ir.VectorType(number.type, LANES)
    first = builder.insert_element(ir.Constant(kind, ir.Undefined), number, ir.Constant(ir.IntType(32), 0))
    everywhere = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(first, ir.Constant(kind, ir.Undefined), everywhere)


@intrinsic
def splat(_: Any, number: Any) -> Any:
    """The same number in all lanes."""
    return Lanes(number)(number), lambda context, builder, signature, args: _splat(builder, args[0])


# ----- arithmetic --------------------------------------------------------------------------------------------------


def _spread(builder: Any, signature: Any, args: Any) -> list[Any]:
    """Every argument as lanes."""
    return [
        value if isinstance(kind, Lanes) else _splat(builder, value)
        for value, kind in zip(args, signature.args, strict=True)
    ]


def _signature(result: Any, *operands: Any) -> Any:
    """Operands that are not lanes are numbers of the lanes' kind."""
    return result(*(kind if isinstance(kind, Lanes) else result.dtype for kind in operands))


def _call(builder: Any, name: str, values: list[Any]) -> Any:
    kind = values[0].type
    suffix = f"v{LANES}{'f64' if isinstance(kind.element, ir.DoubleType) else 'f32'}"
    signature = ir.FunctionType(kind, [kind] * len(values))
    return builder.call(cgutils.get_or_insert_function(builder.module, signature, f"llvm.{name}.{suffix}"), values)


@intrinsic
def fma(_: Any, a: Any, b: Any, c: Any) -> Any:
    """a · b + c with one rounding; c is lanes."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _call(builder, "fma", _spread(builder, signature, args))

    return _signature(c, a, b, c), code


def _give_lanes(symbol: Callable[..., Any], instruction: str) -> None:
    """Let an operator of Python work on lanes.

    Typed and written here instead of overloaded: an overload is a function of its own, looked up after all that numba
    knows for the symbol, at every use. "cpu" is looked up before those of no target.
    """

    @infer_global(symbol)
    class OfLanes(AbstractTemplate):
        metadata = {"target": "cpu"}  # noqa: RUF012  # as numba declares it

        def generic(self, args: Any, kws: Any) -> Any:
            a, b = args[0], args[-1]
            if len(args) != 2 or not (isinstance(a, Lanes) or isinstance(b, Lanes)):
                return None
            return _signature(a if isinstance(a, Lanes) else b, a, b)

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return getattr(builder, instruction)(*_spread(builder, signature, args))

    for kinds in ((Lanes, Lanes), (Lanes, types.Float), (types.Float, Lanes)):
        lower_builtin(symbol, *kinds)(code)


for _symbol, _instruction in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _give_lanes(_symbol, _instruction)


@intrinsic
def root(_: Any, a: Any) -> Any:
    """Square root."""
    return a(a), lambda context, builder, signature, args: _call(builder, "sqrt", list(args))


@intrinsic
def single(_: Any, a: Any) -> Any:
    """Rounded to float32."""
    return Lanes(types.float32)(a), lambda context, builder, signature, args: builder.fptrunc(
        args[0], _vector(types.float32)
    )


@intrinsic
def double(_: Any, a: Any) -> Any:
    """As float64."""
    return Lanes(types.float64)(a), lambda context, builder, signature, args: builder.fpext(
        args[0], _vector(types.float64)
    )


# ----- comparisons -------------------------------------------------------------------------------------------------


@intrinsic
def largest(_: Any, a: Any, b: Any) -> Any:
    """The larger of a, which is not negative, and |b|; a NaN of either stays.

    Positive numbers stand in the order of their bits, and NaN above infinity: one comparison of integers does it all.
    """

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = args[0].type
        size = signature.return_type.dtype.bitwidth
        whole = ir.VectorType(ir.IntType(size), LANES)
        bits, other = builder.bitcast(args[0], whole), builder.bitcast(args[1], whole)
        other = builder.and_(other, ir.Constant(whole, [2 ** (size - 1) - 1] * LANES))
        return builder.bitcast(builder.select(builder.icmp_signed(">", bits, other), bits, other), kind)

    return a(a, a), code


@intrinsic
def where(_: Any, chosen: Any, a: Any, b: Any) -> Any:
    """a where `chosen` is above zero, b elsewhere."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        yes = builder.fcmp_ordered(">", args[0], ir.Constant(args[0].type, [0.0] * LANES))
        return builder.select(yes, *_spread(builder, signature, args)[1:])

    lanes = a if isinstance(a, Lanes) else b
    return lanes(chosen, *(_signature(lanes, a, b).args)), code


@intrinsic
def bounded(_: Any, a: Any, most: Any) -> Any:
    """a, brought into −most … most; NaN stays."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        value, limit = _spread(builder, signature, args)
        value = builder.select(builder.fcmp_ordered(">", value, limit), limit, value)
        below = builder.fsub(ir.Constant(limit.type, [-0.0] * LANES), limit)
        return builder.select(builder.fcmp_ordered("<", value, below), below, value)

    return _signature(a, a, most), code


@intrinsic
def anywhere_outside(_: Any, a: Any, low: Any, high: Any) -> Any:
    """Whether any lane lies below `low` or above `high`; NaN does not."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        value, lowest, highest = _spread(builder, signature, args)
        out = builder.or_(builder.fcmp_ordered("<", value, lowest), builder.fcmp_ordered(">", value, highest))
        bits = builder.bitcast(out, ir.IntType(LANES))
        return builder.icmp_unsigned("!=", bits, ir.Constant(bits.type, 0))

    return types.boolean(*_signature(a, a, low, high).args), code
