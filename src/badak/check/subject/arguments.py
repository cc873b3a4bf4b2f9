"""Guesses what a constructor, or a function of layers, is to be called with, from the names of its parameters.

Sizes are distinct primes, so that a ratio of two gradients names the axis that was confused; images are not square,
and channels differ from filters. What a name means depends on the layout of the input: `dim` is a number of features in
rows and one of channels in images. A name with several meanings has several values, likeliest first.
"""

from __future__ import annotations

import ast
import functools
import inspect
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from badak.check.copying import clone
from badak.check.source import Source

Array = np.ndarray[Any, Any]
N, D, H, M = 5, 7, 11, 3  # samples, inputs, hidden units, outputs
C, F, KERNEL = 3, 2, 3  # channels, filters, the filter's size
HEIGHT, WIDTH = 7, 5
STEPS, WORDS = 4, 13  # time steps, words of a vocabulary
GATES = (1, 4, 3, 2)  # that lie side by side in the columns: RNN, LSTM, GRU, and lighter ones
WX = re.compile(r"(?i)w_?(x|xh|ih|in|i)|u")
WH = re.compile(r"(?i)w_?(h|hh|rec|r)|v")
BIAS = re.compile(r"(?i)(b|bias)(_?[xh]+)?")
LARGEST_SIZE = 64  # units, inputs or words: above, a default is made smaller
SIZES = re.compile(r"(n|num)?_?(input|hidden|output|vocab|wordvec|embed(ding)?)(size|dim|num|units|nodes)?")
COMBINATIONS = 24  # of values for names with several meanings
LARGEST_CALL = 4096  # values in an array that a call in the file may hand over


@dataclass(frozen=True)
class Layout:
    """How samples lie in an input, and the sizes that fit it."""

    name: str
    features: int
    outputs: int

    @property
    def image(self) -> bool:
        """Whether inputs have height and width."""
        return self.name in ("images", "images last")


ROWS = Layout("rows", D, M)
IMAGES = Layout("images", C, F)
IMAGES_LAST = Layout("images last", C, F)
SEQUENCES = Layout("sequences", D, H)
COLUMNS = Layout("columns", D, M)

Values = Callable[[Layout], Sequence[Any]]


def normal(*shape: int, seed: int = 0) -> Array:
    """Give random normal numbers without symmetry; only vectors are moved away from 0."""
    values = np.random.default_rng(seed).standard_normal(shape)
    return values + 0.5 if len(shape) == 1 else values


def _weights(layout: Layout) -> list[Any]:
    if layout.name == "images":
        return [normal(F, C, KERNEL, KERNEL), normal(F, KERNEL, KERNEL, C)]
    if layout.name == "images last":
        return [normal(KERNEL, KERNEL, C, F)]
    if layout.name == "columns":
        return [normal(M, D)]
    return [normal(D, layout.outputs), normal(layout.outputs, D)]


def _biases(layout: Layout) -> list[Any]:
    if layout.name == "columns":
        return [normal(M, seed=1).reshape(M, 1)]
    return [normal(layout.outputs, seed=1), normal(layout.outputs, seed=1).reshape(1, -1)]


class HyperbolicTangent:
    """An activation as an object: the function and its derivative, by the names that people give them."""

    def __call__(self, x: Any) -> Any:
        """Give tanh(x)."""
        return np.tanh(x)

    def slope(self, x: Any) -> Any:
        """Give the derivative at x."""
        return 1 - np.tanh(x) ** 2

    func = function = calculate = compute = evaluate = activate = apply = value = forward = f = __call__
    derivative = gradient = grad = prime = deriv = calculate_derivative = calculate_gradient = backward = slope


def _activation(layout: Layout) -> list[Any]:
    return ["tanh", "relu", HyperbolicTangent(), "sigmoid"]


def _sizes(layout: Layout) -> list[Any]:
    return [[D, H, M], (D, H, M)]


def _one(*values: Any) -> Values:
    return lambda layout: list(values)


def _shapes(layout: Layout) -> list[Any]:
    """Of a layer's input or of its weights, (inputs, outputs) or (filters, height, width, channels)."""
    if layout.name == "images last":
        return [(F, KERNEL, KERNEL, C), (KERNEL, KERNEL, C, F), C, (C,)]
    if layout.name == "images":
        return [C, (C,), (F, C, KERNEL, KERNEL)]
    return [layout.features, (layout.features,), (layout.features, layout.outputs)]


def _kernel(layout: Layout) -> list[Any]:
    return [2, (2, 2), KERNEL, (KERNEL, KERNEL)]


# A pattern for the name (lower case, without underscores) and the values that it may stand for.
GUESSES: list[tuple[str, Values]] = [
    (r"(w|weights?|weight|kernels?|filters?w|mat|matrix|theta|wmat)", _weights),
    (r"(wx|wxh|win|whx)", lambda at: [normal(D, H)]),
    (r"(wh|whh|u)", lambda at: [normal(H, H, seed=5)]),
    (r"w1", lambda at: [normal(D, H)]),
    (r"(w2|wout|why)", lambda at: [normal(H, M, seed=6)]),
    (r"b1|bh", lambda at: [normal(H, seed=1)]),
    (r"b2|by|bout", lambda at: [normal(M, seed=1)]),
    (r"(b|bias|biases)", _biases),
    (r"(gamma|scale|g)", lambda at: [normal(at.features, seed=2) + 1.0]),
    (r"(beta|shift)", lambda at: [normal(at.features, seed=3)]),
    (r"(running|moving)?(mean|var|std)", lambda at: [None, np.abs(normal(at.features, seed=4)) + 0.5]),
    (
        r"(dropoutratio|dropoutration|dropoutrate|dropratio|droprate|dropout|drop|ratio|rate|p|prob|pdropout|keepprob|"
        r"keeprate|keep|dropprob|pdrop)",
        _one(0.3),
    ),
    (r"(alpha|slope|negativeslope|a|leak|leakyslope|lrelu)", _one(0.2)),
    (r"(momentum|decay|rho|beta1|mom|mu)", _one(0.9)),
    (r"beta2", _one(0.999)),
    (r"(eps|epsilon)", _one(1e-5)),
    (r"delta", _one(1.0)),
    (r"(lr|learningrate|eta|lrate|learnrate|stepsize|stepsize)", _one(0.1)),
    (
        r"(hidden(size|dim|num|units|nodes|layer|s|n)?|n?hidden(units|nodes)?|hid|h|hsize|numhidden|hiddendim(ension)?)",
        _one(H),
    ),
    (r"(wordvecsize|embed(ding)?(size|dim)|embdim|wordvec)", _one(D)),
    (r"(vocabsize|nvocab|vocab|numwords|numembeddings|nwords)", _one(WORDS)),
    (
        r"(output(size|dim|num|nodes|s|n|shape|dimension|features|channels)?|out(features|dim|size|channels|ch|c|units)?|"
        r"n?out(puts?)?|dout|dimout|numout|n?classes|numclasses|nclasses|units|nunits|neurons|nneurons|numneurons|nodes|"
        r"numunits|noutputs?|c|fanout|numoutputs?|nodesout|ny|filters?num)",
        lambda at: [at.outputs],
    ),
    (r"(nfilters?|numfilters?|filters?|nfilter|nkernels?|numkernels?|filternum)", _one(F)),
    (r"(inchannels?|inch|inputchannels?|channels?|nchannels?|chin|channelsin|inc|channel)", _one(C)),
    (r"(inputshape|xdim|inshape|shapein)", lambda at: [(C, HEIGHT, WIDTH), (D,)] if at.image else [(D,), D]),
    (r"inputdim", lambda at: [(C, HEIGHT, WIDTH), C] if at.image else [D, (D,)]),
    (
        r"(input(size|num|nodes|s|n|len|dimension|features)?|in(features|dim|size|units|put)?|n?in(puts?)?|din|dimin|"
        r"numin(puts?)?|ninputs?|nin|fanin|size|dim|dims|features|numfeatures|nfeatures|d|n|nx|nodesin|numunitsin|"
        r"featuredim|normalizedshape|depth|layerdepth)",
        lambda at: [at.features, (at.features,)],
    ),
    (r"shape", _shapes),
    (r"(hiddensizelist|hiddensizes|hiddens|hiddenlayers|hiddendims|hiddenlayersizes)", _one([H])),
    (
        r"(layersizes|sizes|layerdims|layersdims|dimensions|layersdimensions|architecture|structure|nodesperlayer)",
        _sizes,
    ),
    (r"(weightinitstd|weightinit|std|sigma|initstd|weightstd|weightscale|winitstd|scalefactor)", _one(0.5)),
    (r"(filterh|fh|hfilter|filterheight|kh|kernelh)", _one(KERNEL)),
    (r"(filterw|fw|wfilter|filterwidth|kw|kernelw)", _one(KERNEL)),
    (r"(poolh|ph|poolheight)", _one(2)),
    (r"(poolw|pw|poolwidth)", _one(2)),
    (r"(f|fn|func|function)", lambda at: [*_kernel(at), np.tanh]),  # a filter's size, or a function
    (
        r"(kernelsize|filtersize|poolsize|ksize|k|f|fsize|window|windowsize|kernelshape|filtershape|poolshape|kernel|"
        r"filterdim|poolingsize|pooldim)",
        _kernel,
    ),
    (r"strides?|s", _one(1, (1, 1))),
    (r"pad(ding)?(width|size)?", _one(1, "same", (1, 1))),
    (r"(axis|dim_)", _one(-1)),
    (r"axes", _one(None)),
    (r"keepdims?", _one(False, True)),
    (r"activation(function|fn|func|name|type)?|act|nonlin(earity)?|actfn|actfunc", _activation),
    (
        r"(activation(prime|derivative|grad)|fprime|dactivation|actprime|activationfunctionprime|df|derivative)",
        lambda at: [lambda x: 1 - np.tanh(x) ** 2],
    ),
    (r"(usebias|bias_|training|train|trainflg|istraining|trainable|requiresgrad|affine)", _one(True)),
    (
        r"(weightdecay(lambda)?|reg(ularization)?(factor|lambda)?|lam(bda)?|l1|l2|lambd|weightregularizerl[12]|"
        r"biasregularizerl[12])",
        _one(0.0),
    ),
    (r"(trainsize|datasize)", _one(1000)),
    (r"(batchsize|nbatch|batch|m)", _one(N)),
    (r"(itersnum|iterations|maxiter|numiters|epochs?|nepochs?|maxepochs?|niter)", _one(3)),
    (r"(seed|randomstate|randomseed)", _one(0)),
    (r"(t|tsize|timesize|seqlen|sequencelength|steps|bptttrunc)", _one(STEPS)),
    (r"(corpus)", lambda at: [np.arange(40) % WORDS]),
    (r"(samplesize)", _one(5)),
    (r"(power)", _one(0.75, 2)),
    (r"(char(2|to)idx|idx(2|to)char|wordtoid|idtoword)", lambda at: [{i: i for i in range(WORDS)}]),
    (r"(outchannelslist|numlayers|nlayers|layersnum)", _one(2)),
    (r"name|label|id", _one("one", "tanh", "relu", "sigmoid")),
    (r"growthrate", _one(4)),
    (r"stateful|usebatchnorm|usedropout|istest", _one(False, True)),
    (r"(w|b|beta|gamma|weight|bias|kernel)init(ializer)?|optimizer|device", _one(None)),
    (r"paddingvalue|padvalue|fillvalue", _one(0.0)),
    (r"reduction", _one("mean", 2)),
    (r"l1ratio", _one(0.5)),
    (r"dtype", _one(np.float64)),
    (r"(x_?min|low)", _one(-1.0)),
    (r"(x_?max|high)", _one(1.0)),
]


@functools.cache
def _values_of(plain: str) -> Values | None:
    """Give what a name may stand for. The patterns are compiled as they are reached: all of them take 30 ms."""
    return next((values for pattern, values in GUESSES if re.fullmatch(pattern, plain)), None)


def alternatives(name: str, layout: Layout) -> list[Any]:
    """Give the values that a parameter of this name may take, likeliest first; [] for a name that says nothing."""
    plain = name.replace("_", "").lower()
    values = _values_of(plain)
    return list(values(layout)) if values is not None else []


class Unguessable(Exception):
    """A parameter whose name says nothing: `name` tells which."""

    def __init__(self, name: str) -> None:
        """Keep the name."""
        super().__init__(name)
        self.name = name


def combinations(parameters: Sequence[inspect.Parameter], layout: Layout) -> Iterator[dict[str, Any]]:
    """Give keyword arguments for the parameters without default, likeliest first. Raises Unguessable."""
    choices = {}
    for parameter in parameters:
        values = small(parameter, layout)
        if values is None:
            values = alternatives(parameter.name, layout)
            if not values:
                raise Unguessable(parameter.name)
        choices[parameter.name] = values
    for chosen in itertools.islice(itertools.product(*choices.values()), COMBINATIONS):
        yield dict(zip(choices, (clone(value) for value in chosen), strict=True))


def small(parameter: inspect.Parameter, layout: Layout) -> list[Any] | None:
    """Give a smaller value in place of a large default: an image of 28 x 28, thirty filters."""
    default = parameter.default
    if default is inspect.Parameter.empty:
        return None
    if isinstance(default, dict) and "filter_num" in default:
        return [{**default, "filter_num": min(default["filter_num"], 4), "filter_size": min(default["filter_size"], 3)}]
    if isinstance(default, tuple) and len(default) == 3 and min(default[1:]) > 12 and parameter.name == "input_dim":
        return [(default[0], 10, 10)]
    if type(default) is int and default > LARGEST_SIZE and SIZES.fullmatch(parameter.name.replace("_", "").lower()):
        return [value for value in alternatives(parameter.name, layout) if type(value) is int] or None
    return None


def gate_array(name: str, gates: int) -> Array | None:
    """Give what a constructor takes for the arrays of a recurrent layer with so many gates side by side."""
    if WH.fullmatch(name):
        return normal(H, gates * H, seed=10) * 0.3
    if WX.fullmatch(name):
        return normal(D, gates * H, seed=9) * 0.3
    if BIAS.fullmatch(name):
        return normal(gates * H, seed=11) * 0.3
    return None


def is_gated(names: Sequence[str]) -> bool:
    """Tell whether a constructor takes the arrays of a recurrent layer."""
    return any(WX.fullmatch(n) for n in names) and any(WH.fullmatch(n) for n in names)


def needed(function: Callable[..., Any], smaller: bool = False) -> list[inspect.Parameter]:
    """Give a callable's parameters without default (bound: without self); `smaller` adds those with a large default.

    [] where Python cannot tell.
    """
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (ValueError, TypeError):
        return []
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    plain = [p for p in parameters if p.kind in kinds]
    return [p for p in plain if p.default is inspect.Parameter.empty or (smaller and small(p, ROWS) is not None)]


def calls_in_file(name: str, source: Source, namespace: dict[str, Any]) -> Iterator[tuple[list[Any], dict[str, Any]]]:
    """Give the arguments of the file's own calls of a class, where the file's top level has their values."""
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id != name:
            continue
        if not all(_is_plain(part) for part in [*node.args, *(k.value for k in node.keywords)]):
            continue
        try:
            arguments = [_value(part, namespace) for part in node.args]
            keywords = {k.arg: _value(k.value, namespace) for k in node.keywords if k.arg is not None}
        except Exception:  # whatever the user's values do
            continue
        if all(np.size(a) <= LARGEST_CALL for a in [*arguments, *keywords.values()] if isinstance(a, np.ndarray)):
            yield arguments, keywords


def _is_plain(node: ast.expr) -> bool:
    """Tell whether an expression has neither calls nor anything of a method's own."""
    return not any(
        isinstance(n, (ast.Call, ast.Await, ast.Yield, ast.NamedExpr, ast.Starred))
        or (isinstance(n, ast.Name) and n.id == "self")
        for n in ast.walk(node)
    )


def _value(node: ast.expr, namespace: dict[str, Any]) -> Any:
    return clone(eval(compile(ast.Expression(node), "<argument>", "eval"), dict(namespace)))
