"""Model builders, one a file: `build(data, **own arguments) -> keras.Model`."""
