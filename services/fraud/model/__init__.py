"""Serving a model: an ONNX file and what was said of it when it was trained. What serving looks like at training time
(features, labels) is `domain/model_features.py`; training is a room of its own."""
