"""The run of a training in somebody's own script: opened or adopted, described, and written to without a `fit` too."""
