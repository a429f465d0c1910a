"""What the input pipeline makes batches with: examples by their places, their order, how long steps wait for them."""
