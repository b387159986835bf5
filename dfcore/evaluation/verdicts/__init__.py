"""From a score to a verdict: calibration, operating points, conformal verdicts, fusion."""
