"""Names of Keras that may be given, a line of words each."""

ACTIVATIONS = (
    "celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_tanh leaky_relu linear log_sigmoid mish "
    "relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign sparse_plus sparsemax sparse_sigmoid "
    "squareplus swish tanh tanh_shrink threshold"
)
INITIALIZERS = (
    "constant glorot_normal glorot_uniform he_normal he_uniform identity lecun_normal lecun_uniform ones orthogonal "
    "random_normal random_uniform truncated_normal variance_scaling zeros"
)
LOSSES = (
    "bce binary_crossentropy binary_focal_crossentropy categorical_crossentropy categorical_focal_crossentropy "
    "categorical_hinge circle cosine_similarity ctc dice hinge huber kl_divergence kld log_cosh mae mape "
    "mean_absolute_error mean_absolute_percentage_error mean_squared_error mean_squared_logarithmic_error mse msle "
    "poisson sparse_categorical_crossentropy squared_hinge tversky"
)
LOSS_CLASSES = (
    "BCE BinaryCrossentropy BinaryFocalCrossentropy CTC CategoricalCrossentropy CategoricalFocalCrossentropy "
    "CategoricalHinge Circle CosineSimilarity Dice Hinge Huber KLD KLDivergence LogCosh MAE MAPE MSE MSLE "
    "MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredError MeanSquaredLogarithmicError Poisson "
    "SparseCategoricalCrossentropy SquaredHinge Tversky"
)
METRICS = "accuracy auc f1 mae mape mse precision r2 recall rmse top_2 top_3 top_5 top_10"
