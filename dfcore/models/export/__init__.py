"""Specialists as ONNX files: operators that can be exported, the export itself, running what was exported."""
