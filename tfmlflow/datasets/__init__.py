"""The data sets that are shipped: each module has a `load` that gives a `tfmlflow.Data`."""
