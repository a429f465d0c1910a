"""A `fit` of your own, recorded by one callback.

    python examples/own_fit.py [epochs]

Then `mlflow ui`, and the address that is printed.
"""

import sys

import keras
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import tfmlflow


def main(epochs: int = 5) -> None:
    """Train a small model on handwritten digits."""
    pictures, labels = load_digits(return_X_y=True)
    x, x_val, y, y_val = train_test_split(pictures / 16.0, labels, test_size=0.2, random_state=0)

    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(64, "relu"), keras.layers.Dense(10, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])

    tracking = tfmlflow.TrackingCallback(monitor="val_accuracy", checkpoint_every=2, keep_best=2)
    model.fit(x, y, validation_data=(x_val, y_val), epochs=epochs, callbacks=[tracking])
    print(f"run {tracking.run_id}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
