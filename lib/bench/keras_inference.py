"""The time that one picture takes in TensorFlow Lite (float32, XNNPACK), for `bench.ts`: prints one line of JSON."""

import json
import os
import statistics
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402


def convert(model, shape):
    # As a model with a batch of a fixed size its weights become constants, batch normalisation is folded, and XNNPACK takes the whole graph.
    pixels = keras.Input(batch_shape=shape)
    return tf.lite.TFLiteConverter.from_keras_model(keras.Model(pixels, model(pixels, training=False))).convert()


def median_ms(interpreter, pixels, predictions):
    given = interpreter.get_input_details()[0]["index"]
    result = interpreter.get_output_details()[0]["index"]
    times = []
    for _ in range(predictions + predictions // 5):
        began = time.perf_counter()
        interpreter.set_tensor(given, pixels)
        interpreter.invoke()
        interpreter.get_tensor(result)
        times.append(1000 * (time.perf_counter() - began))
    return statistics.median(times[-predictions:])


def main():
    request = json.loads(sys.argv[1])
    side = request["imageSize"]
    model = keras.models.load_model(request["model"])
    content = convert(model, (1, side, side, 3))
    pixels = np.zeros((1, side, side, 3), "float32")
    interpreter = tf.lite.Interpreter(model_content=content, num_threads=request["threads"])
    interpreter.allocate_tensors()
    print(json.dumps({"result": {"tfliteMs": median_ms(interpreter, pixels, request["predictions"])}}))


main()
