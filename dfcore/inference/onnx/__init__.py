"""Exporting trained specialists to ONNX, and judging with what was exported."""
