"""Keras' side of models.keras.test.ts: models.oracle.py FOLDER

Saves every backbone with random weights in the layouts that Keras has, and says what they give for FOLDER/pixels.bin. Then loads
FOLDER/<backbone>.ours.keras and says what it gives, and runs onnx.checker on FOLDER/<backbone>.ours.onnx.
"""

import json
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
import numpy as np
import tensorflow as tf
from keras.src.applications import efficientnet

SIZE, ALPHA, CLASSES = 64, 0.35, 7
FILES = {
    "mobilenet_v2": ["backbone.weights.h5", "backbone.keras", "backbone.h5", "top.h5", "classifier.keras", "classifier.h5"],
    "efficientnet_b0": ["backbone.weights.h5", "backbone.h5", "top.weights.h5", "classifier.keras"],
    "efficientnet_lite0": ["backbone.h5", "top.keras", "classifier.keras"],
}


def pixels(folder):
    return np.fromfile(f"{folder}/pixels.bin", "uint8").reshape(-1, SIZE, SIZE, 3).astype("float32")


def preprocess(name, x):
    return keras.applications.mobilenet_v2.preprocess_input(x.copy()) if name == "mobilenet_v2" else x


def application(name, include_top):
    options = {"input_shape": (SIZE, SIZE, 3), "include_top": include_top, "weights": None, "classes": CLASSES}
    if name == "mobilenet_v2":
        return keras.applications.MobileNetV2(alpha=ALPHA, **options)
    if name == "efficientnet_b0":
        return keras.applications.EfficientNetB0(**options)
    plain = [{**block, "se_ratio": 0} for block in efficientnet.DEFAULT_BLOCKS_ARGS]
    return efficientnet.EfficientNet(1, 1, 224, activation="relu6", blocks_args=plain, name=name, **options)


def randomise(model, name):
    random = np.random.default_rng(5)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            count = layer.gamma.shape[0]
            layer.set_weights([random.uniform(*limits, count) for limits in [(0.6, 1.4), (-0.3, 0.3), (-0.2, 0.2), (0.5, 1.5)]])
        elif isinstance(layer, keras.layers.Normalization):
            # Lite0's own preprocessing is (x - 127) / 128, of pixels that Keras has divided by 255.
            mean, variance = ([127 / 255] * 3, [(128 / 255) ** 2] * 3) if name == "efficientnet_lite0" else ([0.4, 0.5, 0.6], [0.1, 0.2, 0.3])
            layer.set_weights([np.array(mean), np.array(variance), np.array(9)])
            layer.finalize_state()
        elif layer.name.endswith(("se_reduce", "se_expand", "predictions")):
            kernel, bias = layer.get_weights()
            layer.set_weights([kernel, random.uniform(-0.5, 0.5, bias.shape)])


def numbers(array):
    return np.asarray(array, "float64").ravel().tolist()


def make(folder):
    keras.utils.set_random_seed(5)
    for name in FILES:
        x = preprocess(name, pixels(folder))
        backbone, top = application(name, False), application(name, True)
        randomise(backbone, name)
        randomise(top, name)
        inputs = keras.Input((SIZE, SIZE, 3))
        features = keras.layers.GlobalAveragePooling2D()(backbone(inputs, training=False))
        outputs = keras.layers.Dense(3, activation="sigmoid", name="dense")(keras.layers.Dropout(0.2)(features))
        model = keras.Model(inputs, outputs)
        for file in FILES[name]:
            kind, _, extension = file.partition(".")
            each = {"backbone": backbone, "top": top, "classifier": model}[kind]
            (each.save_weights if extension == "weights.h5" else each.save)(f"{folder}/{name}.{file}")
        answer = {
            "layers": [layer.name for layer in backbone.layers],
            "topLayers": [layer.name for layer in top.layers],
            "preprocessed": numbers(x[0, :2]),
            "backbone": numbers(backbone(x, training=False)),
            "top": numbers(top(x, training=False)),
            "classifier": numbers(model(x, training=False)),
            "gradients": gradients(model, backbone, x) if name == "efficientnet_b0" else {},
        }
        json.dump(answer, open(f"{folder}/{name}.json", "w"))
        if name == "efficientnet_b0":
            make_imagenet(folder, backbone)


def gradients(model, backbone, x):
    """Of a loss, the mean of the squared logits, where no batch normalisation stands between our parameters and Keras'."""
    logits = keras.Model(backbone.input, keras.layers.GlobalAveragePooling2D()(backbone.output))
    kernel, bias = model.layers[-1].kernel, model.layers[-1].bias
    chosen = {f"{name}/{kind}": getattr(backbone.get_layer(name), kind) for name in ["block7a_se_reduce", "block7a_se_expand"] for kind in ["kernel", "bias"]}
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(tf.matmul(logits(x, training=False), kernel) + bias))
    found = tape.gradient(loss, [variable.value for variable in chosen.values()])
    return {name: numbers(gradient) for name, gradient in zip(chosen, found)}


def make_imagenet(folder, backbone):
    """EfficientNetB0 as `weights="imagenet"` builds it, with a file in place of the download."""
    backbone.get_layer(index=2).set_weights([np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225]), np.array(9)])
    backbone.save(f"{folder}/imagenet.h5")
    efficientnet.file_utils.get_file = lambda *_, **__: f"{folder}/imagenet.h5"
    trained = keras.applications.EfficientNetB0(include_top=False, weights="imagenet", input_shape=(SIZE, SIZE, 3))
    trained.save_weights(f"{folder}/imagenet.weights.h5")
    json.dump(numbers(trained(pixels(folder), training=False)), open(f"{folder}/imagenet.json", "w"))


def check(folder):
    import onnx

    for name in FILES:
        onnx.checker.check_model(f"{folder}/{name}.ours.onnx", full_check=True)
        model = keras.models.load_model(f"{folder}/{name}.ours.keras")
        x = pixels(folder)
        x = preprocess(name, x) if name != "efficientnet_lite0" else x / 128 - 127 / 128
        answer = {"layers": [layer.name for layer in model.layers], "probabilities": numbers(model(x, training=False))}
        json.dump(answer, open(f"{folder}/{name}.checked.json", "w"))


make(sys.argv[1])
check(sys.argv[1])
