"""Two models that train each other, with `train_on_batch`: their losses, and pictures that MLflow shows by step.

python examples/gan.py [steps]
"""

import sys

import keras
import numpy as np
from sklearn.datasets import load_digits

import tfmlflow

LATENT = 16


def build() -> tuple[keras.Model, keras.Model, keras.Model]:
    """The generator, the discriminator, and the one under the other."""
    dense = keras.layers.Dense
    generator = keras.Sequential([keras.Input((LATENT,)), dense(64, "relu"), dense(64, "sigmoid")], name="generator")
    layers = [keras.Input((64,)), dense(64, "leaky_relu"), dense(1, "sigmoid")]
    discriminator = keras.Sequential(layers, name="discriminator")
    discriminator.compile(keras.optimizers.Adam(1e-3, 0.5), "binary_crossentropy")
    judged = keras.Sequential([generator, discriminator])
    judged.compile(keras.optimizers.Adam(1e-3, 0.5), "binary_crossentropy")
    return generator, discriminator, judged


def main(steps: int = 300, batch: int = 64) -> None:
    """Train both to draw digits of 8 by 8 pixels."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    real = (load_digits(return_X_y=True)[0] / 16.0).astype("float32")
    generator, discriminator, judged = build()
    with tfmlflow.track("gan", params={"latent": LATENT, "batch_size": batch, "steps": steps}) as run:
        run.log_dataset(real)
        for step in range(1, steps + 1):
            noise = rng.normal(size=(batch, LATENT)).astype("float32")
            fake = generator.predict_on_batch(noise)
            x = np.concatenate([real[rng.integers(len(real), size=batch)], fake])
            y = np.repeat([1.0, 0.0], batch)[:, None]
            for model in (discriminator, judged):
                model.reset_metrics()  # else Keras gives the mean since the beginning
            discriminator.trainable = True
            found = discriminator.train_on_batch(x, y)
            discriminator.trainable = False
            fooled = judged.train_on_batch(noise, np.ones((batch, 1)))
            run.log({"batch/discriminator_loss": found, "batch/generator_loss": fooled}, step=step)
            if step % 100 == 0 or step == steps:
                drawn = fake[:16].reshape(4, 4, 8, 8).transpose(0, 2, 1, 3).reshape(32, 32)
                run.log_image(drawn, "generated", step=step)
        run.log_model(generator, "generator", step=steps)
        run.log_model(discriminator, "discriminator", step=steps)
    print(f"run {run.run_id}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
