"""Episodes to outcomes, intervals, reports and model cards."""
