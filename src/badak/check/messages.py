# ruff: noqa: E501 (a sentence is one line, as its translation is)
"""The sentences: for each cause what is wrong, and what to try next. Translated through gettext (domain `check`).

Placeholders are the finding's own fields and its `values`; one that is unknown prints as "?".
"""

from __future__ import annotations

from typing import Any

from badak.check.findings import Finding, Report
from badak.language import fill_in, translator

# label: (what is wrong, what to try)
SENTENCES: dict[str, tuple[str, str]] = {
    "accumulates-instead-of-sets": ("{method} adds to d{quantity} instead of setting it: the second backward gives the sum of both.", "Write = instead of +=, or offer zero_grad()."),
    "activation-applied-twice": ("The derivative is taken at the output: the activation is applied a second time.", "The stored value is already the output; use it as it is."),
    "adds-weight-decay-to-grad": ("d{quantity} carries an extra {rate} * {quantity} that the loss does not contain.", "Add the penalty to the loss too, or leave weight decay to the optimizer."),
    "argmax-wrong-axis": ("accuracy takes argmax along the batch: compared with the network's own predictions it gives {got}, not 1.", "Use np.argmax(y, axis=1): one class for each row."),
    "assumes-one-hot": ("forward accepts class indices, but backward subtracts them as if they were one-hot.", "Turn indices into one-hot, or use dx[np.arange(N), t] -= 1."),
    "backward-order": ("backward goes through the layers in the order of forward.", "Go through them in reverse: for layer in reversed(list(self.layers.values()))."),
    "bias-grad-not-summed": ("d{quantity} has one row for each sample; {quantity} was broadcast in forward, so its gradient is the sum over the batch.", "Use np.sum(dout, axis=0)."),
    "bias-sums-everything": ("d{quantity} is one number, the sum of all of dout; each bias needs the sum of its own column.", "Give the axis: np.sum(dout, axis=0)."),
    "breaks-on-nd-input": ("forward takes input of shape {shape}, backward fails on it: .T reverses all axes.", "Flatten the leading axes first: x.reshape(-1, x.shape[-1]).T @ dout.reshape(-1, dout.shape[-1])."),
    "cache-name-mismatch": ("forward keeps its value as self.{near}, backward reads self.{name}.", "Use one name in both."),
    "clips-gradient": ("d{quantity} is clipped to {limit}: beyond it, it is no longer the gradient of forward.", "Leave clipping to the optimizer."),
    "ddof-mismatch": ("forward and backward divide the variance by different counts (N and N-1).", "Use the same ddof in both: np.var(x, axis=0) divides by N."),
    "dtype-downcast": ("d{quantity} loses precision: it passes through a narrower type ({kind}).", "Keep everything floating: dtype=float, no astype on the way."),
    "divides-by-batch-twice": ("d{quantity} is too small by the batch size: the loss has divided by N already.", "Leave out the division; the mean over the batch is taken once, in the loss."),
    "divides-by-wrong-axis": ("d{quantity} is divided by the number of classes instead of the batch size (ratio {ratio}).", "Divide by t.shape[0]."),
    "division-by-zero": ("{method}: 0/0 for degenerate input ({input}).", "Add a small eps under the root or in the denominator."),
    "double-softmax": ("predict applies softmax, and the loss layer applies it again; backward knows of one only.", "Let predict return the scores."),
    "duplicate-param-grad": ("The gradient given for {quantity} is that of {other}.", "Take it from the layer that {quantity} belongs to."),
    "early-return": ("{method} returns inside the loop: only the first sample gets a gradient.", "Move the return out of the loop."),
    "extra-batch-division": ("The loss is a sum over the batch, its gradient is that of the mean: N times too small.", "Divide the loss by N too, or do not divide the gradient."),
    "extra-sigmoid-derivative": ("The gradient has an extra factor y(1-y): y - t is already the gradient through sigmoid and cross entropy.", "Leave out y * (1 - y)."),
    "factor-two": ("d{quantity} is twice what it should be.", "Look for a 2 too many in this line."),
    "float-iter-per-epoch": ("{name} is {got}, not a whole number: i % {name} == 0 hardly ever holds.", "Divide with //."),
    "forgets-param-grad": ("backward leaves no gradient for {quantity}.", "Assign it to self: self.d{quantity} = …"),
    "forward-backward-constant-mismatch": ("forward uses the slope {right} for {side}, backward uses {got_factor}.", "Use one constant in both, best an attribute."),
    "forward-backward-formula-mismatch": ("Close but not equal (relative error {error}): forward and backward belong to two slightly different functions.", "Differentiate exactly what forward computes."),
    "forward-ignores-param": ("forward does not use {quantity}: its true gradient is 0, yet backward gives one.", "Use {quantity} in forward."),
    "hard-soft-label-mismatch": ("forward takes the argmax of the labels, backward uses them as they are: two different losses.", "Use the soft labels in both, or the argmax in both."),
    "ignores-dout": ("backward ignores dout: its answer does not change with it.", "Multiply the local derivative by dout (chain rule)."),
    "ignores-dout-where-negative": ("Where x < 0, backward returns the bare slope and forgets dout.", "Multiply both branches by dout."),
    "init-takes-data": ("__init__ demands the argument {name} and never uses it.", "Leave it out: data goes to forward."),
    "inverted-mask": ("The mask is inverted: d{quantity} is not zero exactly where it should be.", "Let the gradient pass where forward let the value pass."),
    "keep-drop-confusion": ("The dropout ratio is used as the share to keep, but scaled as the share to drop: on average the output is {train} times the input in training, {test} in evaluation.", "Keep a unit where the random number is above the ratio."),
    "kernel-not-flipped": ("d{quantity} is right for the kernel rotated by 180 degrees.", "Flip the kernel in backward: w[::-1], or W[..., ::-1, ::-1]."),
    "log-of-zero": ("The logarithm of 0 is taken when a probability is exactly 0.", "Compute the loss from the scores (log-sum-exp), or use np.log(y + 1e-7)."),
    "loss-not-scalar": ("The loss has shape {got}: one number for each sample instead of one.", "Take the mean over the batch."),
    "loss-returns-accuracy": ("loss returns the accuracy: it moves in steps, and its slope is 0 everywhere.", "Return self.lastLayer.forward(self.predict(x), t)."),
    "mask-from-dout": ("The gate looks at the sign of dout instead of that of x.", "Keep the mask of x in forward and use it in backward."),
    "mean-instead-of-sum": ("d{quantity} is the mean over the batch; it has to be the sum.", "Use np.sum: the mean is taken once, in the loss."),
    "misspelled-attribute": ("There is no self.{name}: did you mean self.{near}?", "Correct the spelling."),
    "misspelled-method": ("{owner} has no method {name}, but it has {near}: did you mean {name}?", "Spell it {name}, so that callers find it."),
    "missing-batch-mean": ("d{quantity} is {ratio} times too large: the loss is a mean over the batch, the gradient is not divided by it.", "Divide by the batch size."),
    "missing-branch-grad": ("One of the paths from {quantity} to the output gets no gradient ({branch}).", "Add the gradients of all paths: dx = dx + …"),
    "missing-cache": ("backward reads self.{name}, but forward never stores it.", "Write self.{name} = … in forward."),
    "missing-correct-class-grad": ("The column of the correct class gets no gradient, everything else is right.", "Its score enters every margin with a minus sign: dx[np.arange(N), t] = -dx.sum(axis=1)."),
    "missing-factor-two": ("d{quantity} is half of what it should be: the derivative of a square has a 2.", "Multiply by 2, or put 1/2 into the loss."),
    "missing-gamma": ("dout is not multiplied by gamma on the way to dx.", "Start with dout * self.gamma."),
    "missing-mask": ("The gradient flows through units that forward had set to zero.", "Multiply dout by the mask of forward."),
    "missing-mean-path": ("The path through the batch mean is missing.", "Subtract the mean of the gradient over the batch."),
    "missing-method": ("{owner} has no method {name}.", "Write def {name}(self, …)."),
    "missing-product-rule-term": ("One term of the product rule is missing.", "d(u*v) = du*v + u*dv: write both."),
    "missing-scale": ("d{quantity} is {ratio} times the right one everywhere: a factor of forward is missing in backward.", "Multiply by the factor that forward applies."),
    "missing-self": ("def {name}({arguments}) lacks self: Python passes the object first.", "Write def {name}(self, {arguments})."),
    "missing-test-scale": ("Dropout scales neither in training nor in evaluation: on average the output is {train} times the input in training, {test} in evaluation.", "Divide the mask by (1 - ratio), or multiply by (1 - ratio) in evaluation."),
    "missing-variance-path": ("The path through the batch variance is missing.", "Subtract xn * mean(dxn * xn) as well."),
    "missing-weight-transpose": ("dx multiplies by the weight where its transpose belongs.", "Use W.T."),
    "momentum-swapped": ("With {rate} = {momentum} the running statistics keep only the rest: they move {share} of the way at each batch.", "Write running = momentum * running + (1 - momentum) * new."),
    "mutates-cache": ("backward overwrites what forward stored (self.{name}): a second backward gives something else.", "Compute into a new array."),
    "mutates-dout": ("backward writes into the dout it was given: wrong as soon as dout is used elsewhere too.", "Copy first: dx = dout.copy()."),
    "mutates-input": ("{method} changes the array it was given.", "Copy first: out = x.copy()."),
    "mutates-target": ("{method} overwrites the targets: the next epoch learns from other ones.", "Compute into a new array."),
    "nonstandard-backward-signature": ("backward wants ({arguments}) instead of (dout): it cannot be used in `for layer in reversed(layers): dout = layer.backward(dout)`.", "Store in forward what backward needs, and take dout alone."),
    "normalises-wrong-axis": ("Rows are normalised, not columns: that is layer normalisation.", "Use axis=0 for batch normalisation."),
    "one-d-divides-by-classes": ("For a single sample without batch axis, t.shape[0] is the number of classes: the gradient is that many times too small.", "Give x and t a batch axis first: x.reshape(1, -1)."),
    "one-d-input-collapses-grad": ("For one sample without batch axis .T does nothing: d{quantity} has shape {got} instead of {expected}.", "Give x a batch axis first: x.reshape(1, -1)."),
    "overflow-at-large-input": ("{method} overflows at large inputs ({warning}).", "Rewrite the formula so that exp sees no large positive number."),
    "overwrites-instead-of-accumulates": ("Contributions to d{quantity} overwrite each other where they should be added.", "Write += (for repeated indices: np.add.at)."),
    "params-not-shared": ("The layers hold copies of the parameters: changing net.params changes nothing.", "Let the layers keep the very arrays of params, without copying."),
    "redraws-mask": ("backward draws a new mask instead of using that of forward.", "Store the mask in forward."),
    "regulariser-missing-from-grad": ("The loss contains a penalty on {quantity}, its gradient {rate} * {quantity} is missing.", "Add {rate} * {quantity} to the gradient."),
    "removed-numpy-alias": ("np.{name} no longer exists in NumPy.", "Use the built-in {name}."),
    "reshape-instead-of-transpose": ("d{quantity} has the right shape and the wrong order: reshape does not transpose.", "Use .T."),
    "returns-none": ("{name} returns nothing.", "End it with return."),
    "rounds-gradient": ("d{quantity} is rounded to {digits} digits.", "Round when printing only."),
    "rounds-loss": ("The loss is rounded to {digits} digits: a difference quotient sees steps.", "Round when printing only."),
    "routes-to-all-ties": ("Every element equal to the maximum receives the whole dout: at ties too much flows.", "Give it to one of them (argmax), or share it equally."),
    "shared-class-state": ("{name} belongs to the class: a second object overwrites what the first one stored.", "Write self.{name}, not the class's."),
    "shared-dout-mutated": ("An inner backward overwrites the dout that another path still needs.", "Do not write into dout: dx = dout.copy()."),
    "shared-layer-instance": ("One layer object is used at several places ({names}): the last forward overwrites what the earlier ones stored.", "Make one object for each place."),
    "shared-mutable-default": ("{name} is a default argument made once: all objects share it.", "Use None as default and make it in __init__."),
    "sign-flip": ("d{quantity} has the wrong sign.", "Turn the difference round, or drop the minus."),
    "silent-broadcast": ("x has shape {shape_x}, t has {shape_t}: their difference has {shape}, every prediction is compared with every target.", "Give t the shape of x: t.reshape(x.shape)."),
    "skips-activation-in-forward": ("The output of {layer} is not used: forward skips it, backward goes through it.", "Pass its output on to the next layer."),
    "softmax-diagonal-only": ("Only the diagonal y(1-y) of softmax's derivative is used; its outputs depend on each other.", "Use y * (dout - np.sum(dout * y, axis=1, keepdims=True))."),
    "softmax-over-batch-axis": ("softmax runs over the batch: columns sum to 1 instead of rows.", "Use axis=1 (or -1) with keepdims=True."),
    "stale-cache": ("forward keeps the first batch: gradients of the second belong to the first.", "Store at every forward."),
    "stale-weight-copy": ("self.{name} is a copy made in __init__: after an update backward still uses the old weights.", "Compute it from self.W when needed."),
    "stats-treated-as-constants": ("Mean and standard deviation depend on x too; their two paths are missing.", "Subtract both paths, or derive backward step by step."),
    "swapped-height-width": ("Height and width of the output are exchanged: a taller image gives a wider output.", "Reshape to (N, OH, OW, …)."),
    "swapped-inputs": ("d{quantity} uses the wrong one of the two inputs.", "The derivative of x*y with respect to x is y."),
    "swapped-param-grads": ("The gradients of {quantity} and {other} are exchanged.", "Exchange the two keys."),
    "train-flag-ignored": ("In evaluation it still behaves as in training: the answer depends on chance or on the other rows.", "Read {flag}, and use the fixed statistics (or no mask) when it is False."),
    "transposed-weight-grad": ("d{quantity} is the transpose of the right one.", "Use x.T @ dout."),
    "undefined-name": ("{name} is used ({used}) but nowhere defined or imported.", "Import or define it at the top of the file."),
    "underflow-global-max": ("The maximum of the whole batch is subtracted: a row far below it becomes 0/0.", "Subtract each row's own maximum: x.max(axis=1, keepdims=True)."),
    "updates-running-stats-in-eval": ("Evaluating changes {name}: two evaluations of the same batch differ.", "Update the running statistics in training only."),
    "updates-weights-in-backward": ("{method} changes {quantity}.", "Leave the update to the optimizer, after backward."),
    "uses-global-rng": ("forward draws from NumPy's global random state: no result can be repeated.", "Keep a generator: self.rng = np.random.default_rng(seed)."),
    "uses-input-for-output": ("The derivative is evaluated with the input x where the output y belongs.", "Store the output in forward and use it."),
    "uses-output-for-input": ("The derivative is evaluated with the output where the input belongs.", "Store the input in forward and use it."),
    "uses-raw-input-for-normalised": ("d{quantity} uses x before it was normalised.", "Use the normalised input: np.sum(dout * self.xn, axis=0)."),
    "wrong-axis-bias": ("d{quantity} sums over axis {axis}; it has to be axis {right}.", "Sum over all axes along which {quantity} was broadcast."),
    "wrong-axis-reduction": ("backward reduces over axis {axis}, forward over axis {right}.", "Use the same axis in both."),
    "wrong-derivative-formula": ("The local derivative is not that of forward.", "Derive the formula again; compare one element by hand."),
    "wrong-mean-count": ("forward averages over another count than backward (ratio {ratio}).", "Divide by the same count: np.mean divides by y.size."),
    "wrong-shape-dx": ("d{quantity} has shape {got}, {quantity} has {expected}.", "Bring it back to the shape of the input."),
    "zero-init-symmetry": ("All of {name} is {value}: every hidden unit does the same, for ever.", "Start from small random weights."),
    "unnamed": ("d{quantity} is not the gradient: at the worst element {got}, the slope there is {expected}.", "No known cause fits; follow this one element by hand."),
}  # fmt: skip

SPECIAL: dict[str, tuple[str, str]] = {
    "error": ("{method} raises {error}", "The line shown is the last one of yours that ran."),
    "shape": ("d{quantity} has shape {got}, {quantity} has {expected}.", "Give each gradient the shape of what it belongs to."),
    "repeat": ("Two backwards after one forward give different d{quantity}.", "Let backward change nothing that it reads."),
    "after_update": ("After the parameters change, d{quantity} is no longer right.", "Keep no copy of a parameter."),
    "batch_of_one": ("With a batch of one, d{quantity} is wrong.", "Try x[:1]; squeeze() and sums without axis are the usual reasons."),
    "expectation": ("On average the output is {train} times the input in training, {test} in evaluation.", "The two should agree."),
    "linear": ("Three times the dout does not give three times d{quantity}.", "Multiply by dout, once."),
    "loss-dout": ("backward ignores dout: right as long as it is 1.", "Multiply by dout, so that the loss can be weighted or added to others."),
    "accuracy": ("accuracy against the network's own predictions is {got}, not 1.", "Compare the argmax of each row with the label."),
    "in-layer": ("Layer {layer}: {text}", ""),
    "crash-repair": ("The shapes do not fit ({error}); with {repair} they do, and the gradient is right.", "Write {repair}."),
}  # fmt: skip

HEADINGS = {
    "right": "right", "hazard": "hazard", "wrong": "wrong", "unknown": "could not check",
    "error": "wrong", "note": "note", "expected": "expected", "got": "got", "try": "try",
    "line": "line {line}", "cell": "cell {cell}, line {line}", "also": "Also: {names}.",
    "written": "With {repair} instead of {before} it would be right.",
}  # fmt: skip


class _Values(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "?"


def _shown(value: Any) -> Any:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return f"({', '.join(map(str, value))}{',' if len(value) == 1 else ''})"
    return value


def sentence_of(finding: Finding) -> tuple[str, str]:
    """Give the two untranslated sentences of a finding: what is wrong, and what to try."""
    values = finding.values
    if finding.label == "ignores-dout" and values.get("loss"):
        return SPECIAL["loss-dout"]
    if finding.check == "runs" and values.get("repair"):
        return SPECIAL["crash-repair"]
    if finding.label == "unnamed":
        for key, special in (
            ("error", "error"), ("shape_fault", "shape"), ("repeat", "repeat"), ("after_update", "after_update"),
            ("batch_of_one", "batch_of_one"), ("expectation", "expectation"), ("linear", "linear"), ("accuracy", "accuracy"),
        ):  # fmt: skip
            if values.get(key):
                return SPECIAL[special]
    return (finding.text and (finding.text, finding.advice or "")) or SENTENCES.get(finding.label, SENTENCES["unnamed"])


def place(line: int, cell: list[int] | None, lang: str | None = None) -> str:
    """Name a line as its file counts it: of a notebook, the cell (number, line in it) and the line within it."""
    say = translator("check", lang).gettext
    if cell:
        return fill_in(say(HEADINGS["cell"]), {"cell": cell[0], "line": cell[1]})
    return fill_in(say(HEADINGS["line"]), {"line": line})


def speak(finding: Finding, lang: str | None = None) -> tuple[str, str]:
    """Give message and hint of a finding in a language ('en', 'ko', None for the user's own)."""
    say = translator("check", lang).gettext
    message, hint = sentence_of(finding)
    values = _Values({k: _shown(v) for k, v in finding.values.items() if k != "got"})
    if finding.values.get("used_line"):
        values["used"] = place(finding.values["used_line"], finding.values.get("used_cell"), lang)
    values["got_factor"] = _shown(finding.values.get("got", "?"))
    for name in ("method", "quantity", "line"):
        values[name] = getattr(finding, name) if getattr(finding, name) is not None else values.get(name, "?")
    for name in ("got", "expected"):
        values[name] = _shown(getattr(finding, name)) if getattr(finding, name) is not None else "?"
    text = fill_in(say(message), values)
    if finding.values.get("layer") and finding.label not in ("skips-activation-in-forward", "double-softmax"):
        text = fill_in(say(SPECIAL["in-layer"][0]), {**values, "text": text})
    if finding.values.get("also"):
        text += " " + fill_in(say(HEADINGS["also"]), {"names": ", ".join(f"d{q}" for q in finding.values["also"])})
    advice = fill_in(say(hint), values) if hint else ""
    if finding.values.get("repair") and finding.check == "gradients":
        clean = _Values({name: str(finding.values.get(name, "?")).replace("self._lent_x", "x")
                         .replace("self._lent_y", "y") for name in ("repair", "before")})  # fmt: skip
        if (
            clean["before"] and clean["before"] != clean["repair"]
        ):  # else a whole function was replaced: no words for that
            advice += " " + fill_in(say(HEADINGS["written"]), clean)
    return text, advice.strip()


def reason(report: Report, lang: str | None = None) -> str:
    """Give the sentence why an object could not be checked, '' where it could."""
    if report.reason is None:
        return ""
    return fill_in(translator("check", lang).gettext(report.reason), report.reason_values)
