"""Keras' side of models.roundtrip.test.ts: models.roundtrip.oracle.py FOLDER

For each FOLDER/<model>.keras: what it gives for FOLDER/pixels.bin, as FOLDER/<model>.json, and the model as Keras saves it, as
FOLDER/<model>.again.keras. FOLDER/models.json has each model's name, and what its backbone wants its pixels divided by and lessened by.
"""

import json
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
import numpy as np

SIZE = 64


def main(folder):
    pixels = np.fromfile(f"{folder}/pixels.bin", "uint8").reshape(-1, SIZE, SIZE, 3).astype("float32")
    for name, (divisor, subtrahend) in json.load(open(f"{folder}/models.json")).items():
        model = keras.models.load_model(f"{folder}/{name}.keras")
        model.save(f"{folder}/{name}.again.keras")
        probabilities = model.predict(pixels / divisor - subtrahend, verbose=0)
        json.dump(probabilities.astype("float64").ravel().tolist(), open(f"{folder}/{name}.json", "w"))


main(sys.argv[1])
