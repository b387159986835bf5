"""What is learnt from validation videos alone, after training: calibration, ensembles."""
