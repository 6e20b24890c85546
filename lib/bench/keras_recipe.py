"""The recipe in Keras, for `bench.ts`: trains the model it is given, stage by stage, and prints one line of JSON with the time it took.

Keras gets every advantage that does not change what is learnt: pictures are decoded once, in parallel, and kept in memory; batches are prepared while the last one
is computed; batch normalisation is frozen, which learns better and computes less; XLA (`jit_compile`) is off, which is the faster choice on a processor.
Counted is what a user waits for after the libraries are loaded: loading the model, decoding, training, and the test split's predictions.
"""

import json
import os
import resource
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402


def send(message):
    print(json.dumps(message), flush=True)


def dataset(examples, request, shuffled):
    """Batches of (pixels as the backbone wants them, labels, weights)."""
    labels = [[float(label) for label in example["labels"]] for example in examples]
    negative_weight = float(request["judging"].get("negativeWeight", 1))
    weights = [1.0 if any(row) else negative_weight for row in labels]
    pictures = tf.data.Dataset.from_tensor_slices(([example["path"] for example in examples], labels, weights))
    side = request["imageSize"]
    preprocessing = request["preprocessing"]

    def decode(path, label, weight):
        pixels = tf.io.decode_jpeg(tf.io.read_file(path), channels=3)  # PNG, too
        return tf.ensure_shape(pixels, (side, side, 3)), label, weight

    def preprocess(pixels, label, weight):
        return tf.cast(pixels, tf.float32) / preprocessing["divisor"] - preprocessing["subtrahend"], label, weight

    pictures = pictures.map(decode, num_parallel_calls=request["threads"]).cache()
    if shuffled:
        pictures = pictures.shuffle(len(examples), seed=request["seed"])
    return pictures.batch(request["batchSize"]).map(preprocess, num_parallel_calls=request["threads"]).prefetch(tf.data.AUTOTUNE)


class Epochs(keras.callbacks.Callback):
    """Reports and times epochs."""

    def __init__(self, stage, seconds):
        super().__init__()
        self.stage, self.seconds = stage, seconds

    def report(self, done, note=""):
        send({"progress": {"label": self.stage["name"], "done": done, "total": self.stage["epochs"], "note": note}})

    def on_train_begin(self, logs=None):
        self.report(0)

    def on_epoch_begin(self, epoch, logs=None):
        self.began = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(time.perf_counter() - self.began)
        self.report(epoch + 1, f"validation loss {logs['val_loss']:.4f}")


# Loss and metrics by the task's kind, new ones for every stage.
judged_by = {
    "multilabel": lambda: {"loss": "binary_crossentropy", "weighted_metrics": ["binary_accuracy", keras.metrics.AUC(name="auc")]},
    "multiclass": lambda: {"loss": "categorical_crossentropy", "weighted_metrics": ["categorical_accuracy"]},
}


def layers_of(model):
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from layers_of(layer)
        else:
            yield layer


def train_stage(model, stage, splits, request):
    """Trains the stage's layers, all of its epochs, and keeps the epoch with the lowest validation loss, as the other contender does."""
    trainable = set(stage["trainable"])
    for layer in layers_of(model):
        layer.trainable = layer.name in trainable and not isinstance(layer, keras.layers.BatchNormalization)
    model.compile(
        optimizer=keras.optimizers.Adam(stage["learningRate"]),
        **judged_by[request["judging"].get("kind", "multilabel")](),
        jit_compile=False,
    )
    seconds = []
    keep_best = keras.callbacks.EarlyStopping(patience=stage["epochs"] + 1, restore_best_weights=True)
    model.fit(
        splits["train"],
        validation_data=splits["validation"],
        epochs=stage["epochs"],
        verbose=0,
        callbacks=[Epochs(stage, seconds), keep_best],
    )
    return seconds


def main():
    request = json.loads(sys.argv[1])
    tf.config.threading.set_intra_op_parallelism_threads(request["threads"])
    keras.utils.set_random_seed(request["seed"])
    with open(request["pictures"]) as file:
        examples = json.load(file)
    began = time.perf_counter()
    splits = {name: dataset(members, request, shuffled=name == "train") for name, members in examples.items()}
    model = keras.models.load_model(request["model"])
    epoch_seconds = {stage["name"]: train_stage(model, stage, splits, request) for stage in request["stages"]}
    probabilities = model.predict(splits["test"], verbose=0)
    seconds = time.perf_counter() - began
    # Kilobytes on Linux, bytes on macOS.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    send(
        {
            "result": {
                "seconds": seconds,
                "epochSeconds": epoch_seconds,
                "probabilities": [float(value) for value in probabilities.reshape(-1)],
                "peakMemoryMiB": peak,
                "versions": {"tensorflow": tf.__version__, "keras": keras.__version__},
            }
        }
    )


main()
