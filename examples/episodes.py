"""Learning without epochs, as in reinforcement learning: a run whose steps are episodes.

    python examples/episodes.py [episodes]

A policy network learns by REINFORCE which of four slot machines pays best, as a function of what it sees.
"""

import sys

import keras
import numpy as np
import tensorflow as tf

import tfmlflow

ARMS, LENGTH = 4, 32


def main(episodes: int = 200) -> None:
    """Play and learn."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    pays = rng.normal(size=(ARMS, ARMS)).astype("float32")  # what each machine pays in each situation
    policy = keras.Sequential([keras.Input((ARMS,)), keras.layers.Dense(16, "tanh"), keras.layers.Dense(ARMS)])
    optimizer = keras.optimizers.Adam(0.02)
    optimizer.build(policy.trainable_variables)

    @tf.function
    def learn(seen: tf.Tensor, chosen: tf.Tensor, advantage: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            surprise = tf.nn.sparse_softmax_cross_entropy_with_logits(chosen, policy(seen, training=True))
            loss = tf.reduce_mean(surprise * advantage)
        optimizer.apply(tape.gradient(loss, policy.trainable_variables), policy.trainable_variables)
        return loss

    with tfmlflow.track("episodes", params={"arms": ARMS, "length": LENGTH}) as run:
        usual = 0.0
        for episode in range(1, episodes + 1):
            seen = np.eye(ARMS, dtype="float32")[rng.integers(ARMS, size=LENGTH)]
            chosen = tf.random.categorical(policy(seen), 1)[:, 0]
            reward = (seen @ pays)[np.arange(LENGTH), chosen] + rng.normal(size=LENGTH).astype("float32") * 0.1
            loss = learn(seen, chosen, reward - usual)
            usual += 0.05 * (float(reward.mean()) - usual)
            run.log({"episode/reward": reward.mean(), "episode/loss": loss}, step=episode)
        run.log({"test/reward": usual, "test/best_possible": pays.max(axis=1).mean()})
        run.log_model(policy, "policy", step=episodes)
    print(f"run {run.run_id}, usual reward {usual:.2f} of {pays.max(axis=1).mean():.2f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
