"""onnxruntime: the net as Gemm and Relu, one session, all optimisations."""

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from .turns import Calls


def model_of(job):
    nodes, weights, name = [], [], "x"
    for i in range(1, job.depth + 1):
        weights += [numpy_helper.from_array(job.params[f"{letter}{i}"], f"{letter}{i}") for letter in "Wb"]
        out = f"h{i}" if i < job.depth else "scores"
        nodes.append(helper.make_node("Gemm", [name, f"W{i}", f"b{i}"], [out]))
        if i < job.depth:
            nodes.append(helper.make_node("Relu", [out], [f"r{i}"]))
        name = f"r{i}"
    rows = job.case.batch
    graph = helper.make_graph(
        nodes,
        "mlp",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [rows, job.case.sizes[0]])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [rows, job.case.sizes[-1]])],
        weights,
    )
    return helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 20)])


def predict(job):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = job.threads
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    model = model_of(job)
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    feed, names = {"x": np.array(job.x[: job.case.batch])}, ["scores"]
    return Calls(lambda: session.run(names, feed)[0], "session.run, Gemm + Relu")
