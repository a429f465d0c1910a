"""What happens in the training thread: Keras's callback, the steps and epochs it sees, and the run they go to."""
