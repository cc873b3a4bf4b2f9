"""The styles in the order in which they are asked. A new style is one file and one entry here."""

from __future__ import annotations

from typing import Any

from badak.check.subject.autofunction import AutogradDistance, AutogradFunction, AutogradFunctionOfTwo, AutogradLoss
from badak.check.subject.base import Subject
from badak.check.subject.cached import CachedLayer, MethodPair
from badak.check.subject.called import CalledLayer, CalledLoss
from badak.check.subject.candidate import Candidate, Evidence
from badak.check.subject.cell import Cell
from badak.check.subject.chained import ChainedModel
from badak.check.subject.costs import CostFunctions
from badak.check.subject.derivative import ValueAndDerivative, ValueLoss
from badak.check.subject.differences import NumericalGradient
from badak.check.subject.examinee import Examinee
from badak.check.subject.functions import FunctionPair
from badak.check.subject.layer import Layer, TwoInputLayer
from badak.check.subject.loop import TrainingLoop
from badak.check.subject.loss import Loss
from badak.check.subject.lossfunctions import ActivationWithPrime, LossFunction, LossWithPrime
from badak.check.subject.lossnet import LossNetwork
from badak.check.subject.network import BookNetwork
from badak.check.subject.nielsen import NielsenNetwork
from badak.check.subject.numerical import HelpedNetwork, NumericalNetwork
from badak.check.subject.ofoutput import BuiltLoss, DerivativeOfOutput
from badak.check.subject.optimizer import Optimizer
from badak.check.subject.renamed import RenamedLayer
from badak.check.subject.steps import LossAndGradients, TrainStep
from badak.check.subject.stored import CombinedLoss, StoredLayer, StoredLoss
from badak.check.subject.trainer import Trainer
from badak.check.subject.unknown import Unknown
from badak.check.subject.updating import UpdatingLayer
from badak.check.subject.value import AutogradValue

# Most particular first: a style that takes nearly everything (Layer) stands behind those that ask for more.
STYLES: list[type[Examinee]] = [
    CostFunctions,
    FunctionPair,
    AutogradValue,
    TrainingLoop,
    TrainStep,
    NielsenNetwork,
    Cell,
    LossNetwork,
    LossAndGradients,
    AutogradDistance,
    AutogradLoss,
    AutogradFunctionOfTwo,
    AutogradFunction,
    ChainedModel,
    CombinedLoss,
    StoredLoss,
    StoredLayer,
    UpdatingLayer,
    MethodPair,
    CachedLayer,
    BuiltLoss,
    DerivativeOfOutput,
    ValueLoss,
    ValueAndDerivative,
    RenamedLayer,
    CalledLoss,
    CalledLayer,
    LossFunction,
    LossWithPrime,
    ActivationWithPrime,
    Loss,
    TwoInputLayer,
    NumericalNetwork,
    HelpedNetwork,
    BookNetwork,
    Layer,
    Trainer,
    Optimizer,
    NumericalGradient,
    Unknown,
]


def style_of(candidate: Candidate) -> tuple[type[Examinee], Evidence]:
    """Give the first style that recognises the candidate, and why; `Unknown` where none does."""
    for style in STYLES:
        evidence = style.recognise(candidate)
        if evidence is not None:
            return style, evidence
    return Unknown, Evidence()


def function_style(obj: Any) -> type[Subject] | None:
    """Give the style of an object that is a function with a gradient, None for anything else."""
    style, _ = style_of(Candidate.of(obj))
    return style if issubclass(style, Subject) else None


def wrap(obj: Any, x: Any, second: Any = None, **given: Any) -> Subject:
    """Give the subject of an object at hand, by its style; `given` as for `Subject`.

    Raises TypeError where the object is no function with a gradient in any known style.
    """
    style, evidence = style_of(Candidate.of(obj, given.get("source"), given.get("namespace")))
    if not issubclass(style, Subject):
        raise TypeError(f"{type(obj).__name__} is no layer, loss or network in a style that is known")
    subject = style(obj, x, second, **given)
    subject.evidence = evidence
    return subject
