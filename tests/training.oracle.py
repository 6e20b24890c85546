"""Keras' side of training.gradients.test.ts: training.oracle.py FOLDER

Builds MobileNetV2 with the folded parameters of FOLDER/model.json: a batch normalisation of mean 0, variance 1 and scale 1 is the bias of its convolution.
Takes five steps of Adam on FOLDER/pixels.bin and says the losses, the first gradients and what the parameters became.
"""

import json
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
import numpy as np
import tensorflow as tf

folder = sys.argv[1]
given = json.load(open(f"{folder}/model.json"))
size = given["imageSize"]
pixels = np.fromfile(f"{folder}/pixels.bin", "uint8").reshape(-1, size, size, 3).astype("float32")
x = keras.applications.mobilenet_v2.preprocess_input(pixels)
labels = tf.constant(given["labels"], "float32")
weights = tf.constant(given["weights"], "float32")

backbone = keras.applications.MobileNetV2(alpha=given["alpha"], input_shape=(size, size, 3), include_top=False, weights=None)
features = keras.layers.GlobalAveragePooling2D()(backbone.output)
model = keras.Model(backbone.input, keras.layers.Dense(labels.shape[1], name="dense")(features))
for layer in model.layers:
    if isinstance(layer, keras.layers.BatchNormalization):
        count = layer.gamma.shape[0]
        layer.set_weights([np.ones(count), np.zeros(count), np.zeros(count), np.full(count, 1 - layer.epsilon)])


def variable(name):
    layer, kind = name.split("/")
    if layer == "dense":
        return getattr(model.get_layer(layer), kind)
    if kind in ("scale", "offset"):
        return getattr(model.get_layer(layer), {"scale": "gamma", "offset": "beta"}[kind])
    if kind == "bias":
        return model.get_layer({"Conv1": "bn_Conv1", "Conv_1": "Conv_1_bn"}.get(layer, f"{layer}_BN")).beta
    return model.get_layer(layer).kernel


for name, values in given["parameters"].items():
    target = variable(name)
    target.assign(np.array(values, "float32").reshape(target.shape))
learning = [variable(name) for name in given["learning"]]
optimizer = keras.optimizers.Adam(given["learningRate"])
losses, first = [], None
for _ in range(given["steps"]):
    with tf.GradientTape() as tape:
        logits = model(x, training=False)
        loss = tf.reduce_mean(keras.losses.binary_crossentropy(labels, logits, from_logits=True) * weights)
    found = tape.gradient(loss, [each.value for each in learning])
    first = first or [np.asarray(gradient, "float64").ravel().tolist() for gradient in found]
    optimizer.apply(found, learning)
    losses.append(float(loss))
after = [np.asarray(each, "float64").ravel().tolist() for each in learning]
names = given["learning"]
json.dump({"losses": losses, "gradients": dict(zip(names, first)), "after": dict(zip(names, after))}, open(f"{folder}/answer.json", "w"))
