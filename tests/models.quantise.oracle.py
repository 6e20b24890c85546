"""ONNX's own side of models.quantise.test.ts.

check FOLDER   runs onnx.checker on every FOLDER/*.onnx, and says what the reference implementation of ONNX gives for FOLDER/pixels.bin
float16 FOLDER says what numpy makes of FOLDER/numbers.bin in float16
"""

import glob
import json
import os
import sys

import numpy as np


def check(folder, size=32):
    import onnx
    from onnx.reference import ReferenceEvaluator
    from onnx.version_converter import convert_version

    pixels = np.fromfile(f"{folder}/pixels.bin", "uint8").reshape(-1, size, size, 3)
    answer = {}
    for file in glob.glob(f"{folder}/*.onnx"):
        onnx.checker.check_model(file, full_check=True)
        model = onnx.load(file)
        # the reference implementation knows DequantizeLinear from operator set 19 on
        name = os.path.basename(file)
        answer[name] = {
            "probabilities": ReferenceEvaluator(convert_version(model, 19)).run(None, {"image": pixels})[0].ravel().tolist(),
            "metadata": {entry.key: entry.value for entry in model.metadata_props},
        }
    json.dump(answer, open(f"{folder}/onnx.json", "w"))


def float16(folder):
    np.fromfile(f"{folder}/numbers.bin", "float32").astype("float16").view("uint16").tofile(f"{folder}/halves.bin")


{"check": check, "float16": float16}[sys.argv[1]](sys.argv[2])
