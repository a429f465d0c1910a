"""A training loop of your own, with `tf.GradientTape`: every step, every epoch and the best model in an MLflow run.

python examples/gradient_tape.py [epochs]
"""

import sys

import keras
import tensorflow as tf
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import tfmlflow


def main(epochs: int = 5) -> None:
    """Train a small model on handwritten digits."""
    pictures, labels = load_digits(return_X_y=True)
    x, x_val, y, y_val = train_test_split((pictures / 16.0).astype("float32"), labels, test_size=0.2, random_state=0)
    batches = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(len(x), seed=0).batch(32)

    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(64, "relu"), keras.layers.Dense(10)])
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.Adam(0.002)
    optimizer.build(model.trainable_variables)

    @tf.function
    def train_step(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = loss_of(y, model(x, training=True))
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        return loss

    params = {"optimizer": optimizer.get_config(), "batch_size": 32, "epochs": epochs}
    with tfmlflow.track("gradient tape", params=params, log_every=10) as run:
        run.log_dataset(x, y)
        step, best = 0, float("inf")
        for epoch in range(1, epochs + 1):
            for batch in batches:
                step += 1
                run.log({"batch/loss": train_step(*batch)}, step=step)  # a tensor: read later, by another thread
            logits = model(x_val)
            loss = float(loss_of(y_val, logits))
            accuracy = float(tf.reduce_mean(tf.cast(tf.argmax(logits, 1) == y_val, tf.float32)))
            run.log({"val/loss": loss, "val/accuracy": accuracy}, step=epoch)
            if loss < best:
                best = loss
                run.log_model(model, "best", step=epoch, metrics={"best/loss": loss}, example=x_val[:1])
            print(f"epoch {epoch}: validation loss {loss:.4f}, accuracy {accuracy:.4f}")
    print(f"run {run.run_id}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
