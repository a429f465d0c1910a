"""What `compress=` does in the place of a training: the flow around the methods of `tfmlflow.compress`."""
