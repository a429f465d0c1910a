"""The shipper: the process that brings journals to their store. It never imports TensorFlow.

launch     starts one on demand, from a training; waits for it at the end
process    its loop over the runs of one store in one spool
follower   one run: reads the journal, delivers it, watches the trainer
requests   what is said to MLflow, so that saying it twice has the effect of once
uploads    files and models, in a thread of their own
"""
