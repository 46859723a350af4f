"""What the operator's page costs the control loop, and what its death does to it."""
