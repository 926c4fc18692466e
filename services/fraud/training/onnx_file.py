"""Trees and calibrator as one ONNX graph: features [n, f] in, probability [n, 1] out.

Its numbers are float32. The features that trees are grown on are float32 too; a threshold is rounded down to the next
float32, which sends every such feature the same way.
"""

from typing import Any

import numpy
from onnx import TensorProto, checker, helper

from services.fraud.training.boosting import Forest, Tree
from services.fraud.training.calibration import Platt

_IR_VERSION, _OPSET, _ML_OPSET = 10, 21, 3


def onnx_bytes(forest: Forest, calibrator: Platt, *, features: int) -> bytes:
    """The graph, checked."""
    nodes = [
        helper.make_node(
            "TreeEnsembleRegressor", ["features"], ["log_odds"], domain="ai.onnx.ml", **_attributes(forest)
        ),
        helper.make_node("Mul", ["log_odds", "slope"], ["stretched"]),
        helper.make_node("Add", ["stretched", "offset"], ["calibrated"]),
        helper.make_node("Sigmoid", ["calibrated"], ["probability"]),
    ]
    graph = helper.make_graph(
        nodes,
        "fraud",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, features])],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, [None, 1])],
        [
            helper.make_tensor("slope", TensorProto.FLOAT, [1], [calibrator.slope]),
            helper.make_tensor("offset", TensorProto.FLOAT, [1], [calibrator.offset]),
        ],
    )
    model = helper.make_model(
        graph,
        producer_name="tollgate",
        ir_version=_IR_VERSION,
        opset_imports=[helper.make_opsetid("", _OPSET), helper.make_opsetid("ai.onnx.ml", _ML_OPSET)],
    )
    checker.check_model(model)
    return bytes(model.SerializeToString())


def _attributes(forest: Forest) -> dict[str, Any]:
    """The trees as ONNX has them: parallel lists over all nodes of all trees, and others over the leaves."""
    nodes = [(number, at, tree) for number, tree in enumerate(forest.trees) for at in range(len(tree.is_leaf))]
    leaves = [(number, at, tree) for number, at, tree in nodes if tree.is_leaf[at]]
    return {
        "n_targets": 1,
        "aggregate_function": "SUM",
        "post_transform": "NONE",
        "base_values": [forest.base],
        "nodes_treeids": [number for number, _, _ in nodes],
        "nodes_nodeids": [at for _, at, _ in nodes],
        "nodes_featureids": [0 if tree.is_leaf[at] else tree.feature[at] for _, at, tree in nodes],
        "nodes_values": [_threshold(tree, at) for _, at, tree in nodes],
        "nodes_modes": ["LEAF" if tree.is_leaf[at] else "BRANCH_LEQ" for _, at, tree in nodes],
        "nodes_truenodeids": [0 if tree.is_leaf[at] else tree.left[at] for _, at, tree in nodes],
        "nodes_falsenodeids": [0 if tree.is_leaf[at] else tree.right[at] for _, at, tree in nodes],
        "target_treeids": [number for number, _, _ in leaves],
        "target_nodeids": [at for _, at, _ in leaves],
        "target_ids": [0] * len(leaves),
        "target_weights": [tree.value[at] for _, at, tree in leaves],
    }


def _threshold(tree: Tree, at: int) -> float:
    if tree.is_leaf[at]:
        return 0.0
    exact = tree.threshold[at]
    near = numpy.float32(exact)
    return float(numpy.nextafter(near, numpy.float32(-numpy.inf)) if float(near) > exact else near)
