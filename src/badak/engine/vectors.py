"""Numbers in vector registers, written as formulas.

`Lanes` wraps an LLVM vector so that `1 / (1 + exp(-x))` in Python emits the instructions for 4, 8 or 16
numbers at once. The machine's element-wise kernels (kernels.py) are formulas over `Lanes`.

This file is read while the machine is being compiled and never otherwise: it imports llvmlite at its top.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

I1, I8, I16, I32, I64 = (ir.IntType(bits) for bits in (1, 8, 16, 32, 64))


def declared(builder: Any, name: str, result: Any, takes: list[Any]) -> Any:
    """Give one of LLVM's own functions, made known to the module at its first use."""
    if name in builder.module.globals:
        return builder.module.globals[name]
    return ir.Function(builder.module, ir.FunctionType(result, takes), name)


@contextmanager
def repeat(builder: Any, count: Any) -> Iterator[Any]:
    """Write a loop: `with repeat(b, count) as i:` runs what is written inside for i from 0 to count - 1."""
    entry = builder.block
    test, body, after = (builder.append_basic_block(n) for n in ("test", "loop", "after"))
    builder.branch(test)
    builder.position_at_end(test)
    i = builder.phi(I64)
    i.add_incoming(I64(0), entry)
    builder.cbranch(builder.icmp_signed("<", i, count), body, after)
    builder.position_at_end(body)
    yield i
    i.add_incoming(builder.add(i, I64(1)), builder.block)
    builder.branch(test)
    builder.position_at_end(after)


def variable(builder: Any, value: Any) -> Any:
    """Make a place that holds `value` now and can be stored to; LLVM turns it into a register."""
    with builder.goto_entry_block():
        place = builder.alloca(value.type)
    builder.store(value, place)
    return place


@dataclass(frozen=True)
class Kind:
    """What the machine computes with: numbers of `bits` (32 or 64), `lanes` of them in a vector."""

    bits: int
    lanes: int
    rows: int
    fma: bool

    @property
    def itemsize(self) -> int:
        """Bytes in one number."""
        return self.bits // 8

    @property
    def real(self) -> Any:
        """LLVM's type of one number."""
        return ir.FloatType() if self.bits == 32 else ir.DoubleType()

    @property
    def vector(self) -> Any:
        """LLVM's type of one vector of numbers."""
        return ir.VectorType(self.real, self.lanes)

    @property
    def integers(self) -> Any:
        """LLVM's type of one vector of integers as wide as the numbers."""
        return ir.VectorType(ir.IntType(self.bits), self.lanes)

    @property
    def suffix(self) -> str:
        """How LLVM's intrinsics name the vector type."""
        return f"v{self.lanes}f{self.bits}"


class Code:
    """Instructions being written: an LLVM builder and the kind of number."""

    def __init__(self, builder: Any, kind: Kind) -> None:
        self.builder, self.kind = builder, kind

    def call(self, name: str, result: Any, arguments: list[Any]) -> Any:
        """Call the LLVM intrinsic `name` (its full name)."""
        return self.builder.call(declared(self.builder, name, result, [a.type for a in arguments]), arguments)

    def pointer(self, address: Any, of: Any) -> Any:
        """Turn an address into a pointer to `of`."""
        return self.builder.inttoptr(address, of.as_pointer())

    def load(self, address: Any) -> Any:
        """Load one vector from an address, which need not be aligned."""
        value = self.builder.load(self.pointer(address, self.kind.vector))
        value.align = self.kind.itemsize
        return value

    def store(self, value: Any, address: Any) -> None:
        """Store one vector at an address, which need not be aligned."""
        self.builder.store(value, self.pointer(address, self.kind.vector)).align = self.kind.itemsize

    def spread(self, number: Any) -> Any:
        """Give a vector that holds `number` in every lane."""
        vector = ir.VectorType(number.type, self.kind.lanes)
        one = self.builder.insert_element(ir.Constant(vector, ir.Undefined), number, I32(0))
        zeros = ir.Constant(ir.VectorType(I32, self.kind.lanes), [0] * self.kind.lanes)
        return self.builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), zeros)

    def fma(self, a: Any, b: Any, c: Any) -> Any:
        """Give a·b + c, rounded once where the processor can."""
        if not self.kind.fma:
            return self.builder.fadd(self.builder.fmul(a, b), c)
        return self.call(f"llvm.fma.{self.kind.suffix}", self.kind.vector, [a, b, c])

    def add_up(self, vector: Any) -> Any:
        """Give the sum of a vector's lanes by a tree: each half is added to the other, until one lane is left."""
        while vector.type.count > 1:
            half = vector.type.count // 2
            mask = ir.VectorType(I32, half)
            low, high = (ir.Constant(mask, [*range(at, at + half)]) for at in (0, half))
            undefined = ir.Constant(vector.type, ir.Undefined)
            halves = [self.builder.shuffle_vector(vector, undefined, places) for places in (low, high)]
            vector = self.builder.fadd(*halves)
        return self.builder.extract_element(vector, I32(0))

    def lanes(self, value: Any) -> "Lanes":
        """Wrap an LLVM vector as a number of formulas."""
        return Lanes(self, value)

    def constant(self, number: float) -> "Lanes":
        """Give a vector holding `number` in every lane."""
        return Lanes(self, ir.Constant(self.kind.vector, [float(number)] * self.kind.lanes))

    def lane_numbers(self) -> Any:
        """Give the vector 0, 1, 2, … of integers as wide as the numbers."""
        return ir.Constant(self.kind.integers, list(range(self.kind.lanes)))


class Lanes:
    """A vector of numbers with the operators of a formula; `True` and `False` lanes come from comparisons."""

    def __init__(self, code: Code, value: Any) -> None:
        self.code, self.value = code, value

    def _other(self, other: Any) -> Any:
        return other.value if isinstance(other, Lanes) else self.code.constant(other).value

    def _do(self, instruction: str, *values: Any) -> "Lanes":
        return Lanes(self.code, getattr(self.code.builder, instruction)(*values))

    def __add__(self, other: Any) -> "Lanes":
        return self._do("fadd", self.value, self._other(other))

    def __sub__(self, other: Any) -> "Lanes":
        return self._do("fsub", self.value, self._other(other))

    def __mul__(self, other: Any) -> "Lanes":
        return self._do("fmul", self.value, self._other(other))

    def __truediv__(self, other: Any) -> "Lanes":
        return self._do("fdiv", self.value, self._other(other))

    def __radd__(self, other: Any) -> "Lanes":
        return self._do("fadd", self._other(other), self.value)

    def __rsub__(self, other: Any) -> "Lanes":
        return self._do("fsub", self._other(other), self.value)

    def __rmul__(self, other: Any) -> "Lanes":
        return self._do("fmul", self._other(other), self.value)

    def __rtruediv__(self, other: Any) -> "Lanes":
        return self._do("fdiv", self._other(other), self.value)

    def __neg__(self) -> "Lanes":
        return self._do("fneg", self.value)

    # Comparisons are ordered: false where either side is NaN.
    def __lt__(self, other: Any) -> "Lanes":
        return self._do("fcmp_ordered", "<", self.value, self._other(other))

    def __gt__(self, other: Any) -> "Lanes":
        return self._do("fcmp_ordered", ">", self.value, self._other(other))

    def __le__(self, other: Any) -> "Lanes":
        return self._do("fcmp_ordered", "<=", self.value, self._other(other))


def where(condition: Lanes, yes: Any, no: Any) -> Lanes:
    """Choose lane by lane, as numpy.where does."""
    code = condition.code
    chosen = [v.value if isinstance(v, Lanes) else code.constant(v).value for v in (yes, no)]
    return Lanes(code, code.builder.select(condition.value, *chosen))


def sqrt(x: Lanes) -> Lanes:
    """Give the square root."""
    kind = x.code.kind
    return Lanes(x.code, x.code.call(f"llvm.sqrt.{kind.suffix}", kind.vector, [x.value]))


def multiply_add(a: Lanes, b: Any, c: Any) -> Lanes:
    """Give a·b + c, rounded once where the processor can."""
    return Lanes(a.code, a.code.fma(a.value, a._other(b), a._other(c)))


def _polynomial(x: Lanes, coefficients: tuple[float, ...]) -> Lanes:
    result = x.code.constant(coefficients[0])
    for coefficient in coefficients[1:]:
        result = multiply_add(result, x, coefficient)
    return result


# Per width: lowest and highest argument, ln 2 in two parts, and the exponent's bias and place.
_EXP = {
    32: (-87.3365, 88.3, 0.693359375, -2.12194440e-4, 127, 23),
    64: (-708.396, 709.0, 6.93145751953125e-1, 1.42860682030941723212e-6, 1023, 52),
}


def exp(x: Lanes) -> Lanes:
    """Give e to the x; 0 below the smallest normal result (source: S. Moshier, Cephes, expf and exp)."""
    code, kind = x.code, x.code.kind
    lowest, highest, ln2_high, ln2_low, bias, place = _EXP[kind.bits]
    # `where`, not a minimum instruction: those drop NaN.
    inside = where(x < lowest, lowest, where(x > highest, highest, x))
    scaled = inside * 1.4426950408889634
    power = code.call(f"llvm.roundeven.{kind.suffix}", kind.vector, [scaled.value])
    n = Lanes(code, power)
    r = multiply_add(n, -ln2_high, inside)
    r = multiply_add(n, -ln2_low, r)
    if kind.bits == 32:
        p = _polynomial(
            r,
            (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 0.5),
        )
        fraction = multiply_add(p, r * r, r + 1.0)
    else:
        square = r * r
        p = r * _polynomial(square, (1.26177193074810590878e-4, 3.02994407707441961300e-2, 9.99999999999999999910e-1))
        q = _polynomial(
            square,
            (3.00198505138664455042e-6, 2.52448340349684104192e-3, 2.27265548208155028766e-1, 2.0),
        )
        fraction = 1.0 + 2.0 * (p / (q - p))
    b = code.builder
    integers = kind.integers
    exponent = b.add(b.fptosi(power, integers), ir.Constant(integers, [bias] * kind.lanes))
    power_of_two = b.bitcast(b.shl(exponent, ir.Constant(integers, [place] * kind.lanes)), kind.vector)
    return where(x < lowest, 0.0, fraction * Lanes(code, power_of_two))


def log(x: Lanes) -> Lanes:
    """Give the natural logarithm of a positive normal number (source: S. Moshier, Cephes, logf and log)."""
    code, kind = x.code, x.code.kind
    *_, bias, place = _EXP[kind.bits]
    b, integers = code.builder, kind.integers

    def each(number: int) -> Any:
        return ir.Constant(integers, [number] * kind.lanes)

    bits = b.bitcast(x.value, integers)
    exponent = Lanes(code, b.sitofp(b.sub(b.lshr(bits, each(place)), each(bias - 1)), kind.vector))
    fraction = b.or_(b.and_(bits, each((1 << place) - 1)), each((bias - 1) << place))
    m = Lanes(code, b.bitcast(fraction, kind.vector))  # in [1/2, 1)
    small = m < 0.70710678118654752440
    e = where(small, exponent - 1.0, exponent)
    m = where(small, m + m, m) - 1.0
    square = m * m
    if kind.bits == 32:
        p = _polynomial(
            m,
            (
                *(7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1),
                *(-1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1),
            ),
        )
        correction = m * square * p
    else:
        p = _polynomial(
            m,
            (
                *(1.01875663804580931796e-4, 4.97494994976747001425e-1, 4.70579119878881725854e0),
                *(1.44989225341610930846e1, 1.79368678507819816313e1, 7.70838733755885391666e0),
            ),
        )
        q = _polynomial(
            m,
            (
                *(1.0, 1.12873587189167450590e1, 4.52279145837532221105e1),
                *(8.29875266912776603211e1, 7.11544750618563894466e1, 2.31251620126765340583e1),
            ),
        )
        correction = m * (square * p / q)
    correction = multiply_add(e, -2.121944400546905827679e-4, correction) - 0.5 * square
    return multiply_add(e, 0.693359375, m + correction)


def log1p(x: Lanes) -> Lanes:
    """Give log(1 + x) for x from 0 to 1, right for the smallest too (source: HP-15C handbook, W. Kahan)."""
    u = 1.0 + x
    difference = u - 1.0
    return where(difference <= 0.0, x, log(u) * (x / where(difference <= 0.0, 1.0, difference)))


def tanh(x: Lanes) -> Lanes:
    """Give the hyperbolic tangent (source: S. Moshier, Cephes, tanhf and tanh)."""
    size = where(x < 0.0, -x, x)
    far = 1.0 - 2.0 / (exp(size + size) + 1.0)
    z = x * x
    if x.code.kind.bits == 32:
        near = (-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1)
        series = _polynomial(z, near)
    else:
        p = _polynomial(z, (-9.64399179425052238628e-1, -9.92877231001918586564e1, -1.61468768441708447952e3))
        q = (1.0, 1.12811678491632931402e2, 2.23548839060100448583e3, 4.84406305325125486048e3)
        series = p / _polynomial(z, q)
    return where(size < 0.625, multiply_add(x * z, series, x), where(x < 0.0, -far, far))
