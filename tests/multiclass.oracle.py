"""Keras' side of multiclass.keras.test.ts: multiclass.oracle.py FOLDER

Loads FOLDER/ours.keras and says what it gives for FOLDER/pixels.bin. Builds the same classifier anew, saves it as Keras does, and says what
that gives. Trains the head of FOLDER/head.json with `fit`, sparse categorical cross-entropy and ReduceLROnPlateau, and says the losses, the
learning rates, the first gradients and what the parameters became.
"""

import json
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
import numpy as np
import tensorflow as tf

folder = sys.argv[1]
given = json.load(open(f"{folder}/head.json"))
size, classes, hidden = given["imageSize"], given["classes"], given["hiddenLayers"]
pixels = np.fromfile(f"{folder}/pixels.bin", "uint8").reshape(-1, size, size, 3).astype("float32")
x = keras.applications.mobilenet_v2.preprocess_input(pixels)


def numbers(array):
    return np.asarray(array, "float64").ravel().tolist()


def head(features):
    features = keras.layers.Dropout(given["dropout"])(features)
    for layer in hidden:
        features = keras.layers.Dense(layer["units"], activation="relu")(features)
        if layer["dropout"]:
            features = keras.layers.Dropout(layer["dropout"])(features)
    return features


keras.utils.set_random_seed(3)
backbone = keras.applications.MobileNetV2(alpha=0.35, input_shape=(size, size, 3), include_top=False, weights=None)
inputs = keras.Input((size, size, 3))
pooled = keras.layers.GlobalAveragePooling2D()(backbone(inputs, training=False))
last_hidden = head(pooled)  # first, so that Keras counts its layers first
theirs = keras.Model(inputs, keras.layers.Dense(classes, activation="softmax")(last_hidden))
for file in ["theirs.keras", "theirs.h5"]:
    theirs.save(f"{folder}/{file}")

ours = keras.models.load_model(f"{folder}/ours.keras")
configs = [layer.get_config() for layer in ours.layers]
described = [[c["name"], c.get("units") or c.get("rate"), c.get("activation")] for c in configs[3:]]

keras.backend.clear_session()
features = np.array(given["features"], "float32").reshape(-1, given["width"])
labels = np.array(given["labels"])
held_out = np.array(given["heldOut"])
entry = keras.Input((given["width"],))
hidden_output = entry
for layer in hidden:
    hidden_output = keras.layers.Dense(layer["units"], activation="relu")(hidden_output)
model = keras.Model(entry, keras.layers.Dense(classes)(hidden_output))
model.set_weights([np.array(values, "float32").reshape(weight.shape) for values, weight in zip(given["parameters"], model.weights)])
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
with tf.GradientTape() as tape:
    value = loss(labels, model(features))
gradients = tape.gradient(value, [weight.value for weight in model.trainable_weights])
model.compile(keras.optimizers.Adam(given["learningRate"]), loss)
rates = []
plateau = keras.callbacks.ReduceLROnPlateau(**given["plateau"])
watch = keras.callbacks.LambdaCallback(on_epoch_begin=lambda *_: rates.append(float(model.optimizer.learning_rate)))
history = model.fit(
    features, labels, batch_size=len(labels), epochs=given["epochs"], shuffle=False, verbose=0,
    validation_data=(features, held_out), callbacks=[plateau, watch],
)
json.dump(
    {
        "ours": numbers(ours(x, training=False)),
        "layers": described,
        "theirs": numbers(theirs(x, training=False)),
        "loss": float(value),
        "gradients": [numbers(gradient) for gradient in gradients],
        "losses": history.history["loss"],
        "validationLosses": history.history["val_loss"],
        "rates": rates,
        "after": [numbers(weight) for weight in model.weights],
    },
    open(f"{folder}/answer.json", "w"),
)
