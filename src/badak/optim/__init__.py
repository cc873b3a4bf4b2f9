"""Optimizers, and the schedules of their learning rate."""

from badak.optim.optimizers import OPTIMIZERS as OPTIMIZERS
from badak.optim.optimizers import SGD as SGD
from badak.optim.optimizers import AdaGrad as AdaGrad
from badak.optim.optimizers import Adam as Adam
from badak.optim.optimizers import AdamW as AdamW
from badak.optim.optimizers import Momentum as Momentum
from badak.optim.optimizers import Nesterov as Nesterov
from badak.optim.optimizers import Optimizer as Optimizer
from badak.optim.optimizers import RMSprop as RMSprop
from badak.optim.optimizers import make_optimizer as make_optimizer
from badak.optim.schedules import SCHEDULES as SCHEDULES
from badak.optim.schedules import CosineSchedule as CosineSchedule
from badak.optim.schedules import Schedule as Schedule
from badak.optim.schedules import StepSchedule as StepSchedule
from badak.optim.schedules import WarmUp as WarmUp
from badak.optim.schedules import make_schedule as make_schedule
