"""Everything that goes from a training into an MLflow run.

    Keras fit -> TrackingCallback -> Session -> Sink (one small interface) -> sender -> MLflow store

The training thread only puts records into the sink; a thread of the sender talks to the store.
"""
