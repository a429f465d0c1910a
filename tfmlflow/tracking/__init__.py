"""Everything that goes from a training into an MLflow run, each room importing only those below it.

experiment, evaluated   a run of `train.py`, of `tfmlflow evaluate`
beginning, diagnosed    what is known of it before and after
sweep                   the run of a whole sweep
recording               Keras's callback, in the training thread
checkpoints             of the training
operations              what `tfmlflow sync`, `runs` and `doctor` look at
run                     a run being written
models, provenance      what a run keeps beside its numbers
shipper                 the process that brings journals to their store
store                   what is said to MLflow
journal                 what was said, on this machine's disk
"""
