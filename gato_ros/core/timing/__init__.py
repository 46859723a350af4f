"""Ages, rates and the pace of a control loop."""
