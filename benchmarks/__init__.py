"""What the platform costs, measured on a running stack: memory of the idle one, speed and CPU of paid calls."""
