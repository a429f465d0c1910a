"""The networks of keras.applications: how each was trained, and what it takes. Read without loading Keras."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Application:
    """A network.

    Attributes:
        preprocessing: What its weights expect: tf ([-1, 1]), torch (ImageNet's mean and deviation), caffe (0 to 255,
            blue first, less the mean) or pixels (0 to 255).
        least: Smallest height and width, pixels.
    """

    preprocessing: str
    least: int = 32


_NAMES = {  # by preprocessing, as keras.applications.<module>.preprocess_input does it
    "caffe": "VGG16 VGG19 ResNet50 ResNet101 ResNet152",
    "tf": "MobileNet MobileNetV2 ResNet50V2 ResNet101V2 ResNet152V2 NASNetMobile NASNetLarge Xception InceptionV3 "
    "InceptionResNetV2",
    "torch": "DenseNet121 DenseNet169 DenseNet201",
    "pixels": "EfficientNetB0 EfficientNetB1 EfficientNetB2 EfficientNetB3 EfficientNetB4 EfficientNetB5 "
    "EfficientNetB6 EfficientNetB7 EfficientNetV2B0 EfficientNetV2B1 EfficientNetV2B2 EfficientNetV2B3 "
    "EfficientNetV2S EfficientNetV2M EfficientNetV2L MobileNetV3Small MobileNetV3Large ConvNeXtTiny ConvNeXtSmall "
    "ConvNeXtBase ConvNeXtLarge ConvNeXtXLarge",
}
_LEAST = {"Xception": 71, "InceptionV3": 75, "InceptionResNetV2": 75}

APPLICATIONS = {
    name: Application(preprocessing, _LEAST.get(name, 32))
    for preprocessing, names in _NAMES.items()
    for name in names.split()
}
