"""What an argument of an optimizer stands for, by its name."""

from __future__ import annotations

import re

PATTERNS: tuple[tuple[str, str], ...] = (
    ("look", r"(grad|gradient|df)s?_?(func|function|fn|f)|f_?grad|get_grad(ient)?s?"),
    ("zipped", r"(grads?|gradients?)_(and_)?(vars|variables|params|parameters|weights)"),
    ("one", r"batch_?size|n_?samples|num_?samples|minibatch_?size|mini_?batch_?size"),
    ("lr", r"lr|learning_?rate|lrate|learn_?rate|eta|alpha|step_?size|current_(learning_rate|lr)|rate|lr0|initial_lr|"
           r"init_lr|initial_learning_rate|base_lr|learningrate"),
    ("time", r"t|epoch|iter|iteration|iterations|step_?num|timestep|time_?step|step|n_iter|i|it|num_iter|counter|"
             r"epoch_num|current_iter"),
    ("mu", r"momentum|mu|mom|momentum_rate|momentum_coef\w*"),
    ("b1", r"beta_?1|b1|decay_?1|rho_?1"),
    ("b2", r"beta_?2|b2|decay_?2|rho_?2"),
    ("betas", r"betas"),
    ("rho", r"rho|decay_?rate|beta|gamma|forget\w*|smoothing"),
    ("eps", r"eps|epsilon|delta|fuzz|small|tiny"),
    ("wd", r"weight_?decay|wd|lambda_?|lam|lambd|lmbda|l2|reg|weight_?decay_?lambda|lambd?a_?reg"),
    ("decay", r"decay|lr_?decay|learning_?rate_?decay"),
    ("nesterov", r"nesterov|use_?nesterov"),
    ("config", r"config|cfg|conf|opt_?state|opt_?config|optim_config"),
    ("grads", r"\w*grad\w*|d[wxpb]|d_?bias(es)?|d_?params?|d_?weights?|d_?parameters?|derivatives?|d|g|gs|"
              r"dtheta|d_?theta|d[A-Z]\w*|dx"),
    ("params", r"params?|parameters?|w|weights?|theta|thetas|x|p|ps|variables?|values?|weight|model_?params?|"
               r"trainable_(weights|variables|params)|parmas|prams|W|tensor|tensors|params_list"),
    ("layer", r"layer|dense|module|node"),
    ("net", r"net|network|model|nn|nnet|neural_?net|neural_?network|target|layers"),
    ("key", r"key|name|idx|index|id|layer_?(id|name|idx|index|num)|param_?(id|name|key)|k|var_?name"),
    ("state", r"v|m|s|h|r|u|z|velocity|velocities|cache|caches|cache_layers|vel|moments?\w*|g2|eg|sq_?grads?|accum\w*|"
              r"cache_\w+|grad_squared|mean_square|n|mt|vt"),
)  # fmt: skip
COMPILED = [(role, re.compile(pattern)) for role, pattern in PATTERNS]
# A name may be several numbers: `decay` of a running mean, of the weights, or of the learning rate.
SEVERAL: dict[str, tuple[str, ...]] = {
    "decay": ("decay", "rho", "wd"),
    "rho": ("rho", "mu", "decay"),
    "b1": ("b1", "mu", "rho"),
    "b2": ("b2", "rho"),
    "mu": ("mu",),
    "wd": ("wd", "decay"),
    "lr": ("lr",),
    "eps": ("eps",),
}
NUMBERS = {"lr": 0.02, "mu": 0.9, "rho": 0.9, "b1": 0.9, "b2": 0.99, "eps": 1e-8, "wd": 0.0, "decay": 0.0}


def role_of(name: str) -> str:
    """Give what an argument or attribute of this name is: a role of PATTERNS, '' if the name says nothing."""
    bare = name.strip("_")
    for role, pattern in COMPILED:
        if pattern.fullmatch(bare) or (role != "grads" and pattern.fullmatch(bare.lower())):
            return role
    return ""
