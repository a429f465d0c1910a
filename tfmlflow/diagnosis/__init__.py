"""What a training's numbers say of it: rules that take `Evidence` and return findings, and know nothing else."""
