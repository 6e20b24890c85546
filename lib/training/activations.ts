import { closeSync, openSync, readSync } from 'node:fs';
import path from 'node:path';
import { decodeView, mapOnCores, type View, viewKey } from '../data';
import { openOnnx } from '../engine';
import { isMissing, sha256 } from '../files';
import { fromFloat16, type Graph, type Preprocessing, pruneGraph, tensorShapes, toOnnx } from '../models';
import type { OnProgress } from '../progress';
import { threadCount } from '../threads';
import { ActivationsVanish, DamagedActivations } from './errors';
import { formats, type Precision, readSegments, type Segment, touchSegments, writeSegment } from './segments';
import { limitStore, storeLimit } from './storeSize';

/**
 * The activation store: what the frozen layers give for a picture, computed once and kept on disk.
 *
 * There is a folder for each tensor of each frozen graph, named by a hash of the graph itself (so of weights, preprocessing and cut), and in
 * it segments (see `segments.ts`), whose rows belong to pictures by the hash of their content, and to views of them also by what the view is:
 * changed pictures are computed again. The store keeps within `VISIONBOOK_CACHE_GIB` by dropping what was not used for the longest time.
 */
export interface ActivationRequest {
  /** The store's folder. */
  readonly folder: string;
  readonly frozen: Graph;
  /** Tensors of `frozen` to keep. */
  readonly tensors: readonly string[];
  readonly preprocessing: Preprocessing;
  readonly pictures: readonly StoredPicture[];
  /** Of the numbers on disk; float16 by default. */
  readonly precision?: Precision;
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
}

/** A picture, or a view of it. */
export interface StoredPicture {
  readonly path: string;
  /** Of the file's content, in hex. */
  readonly sha256: string;
  readonly view?: View;
}

/** What the row of a picture is stored under. */
function rowKey({ sha256: hash, view }: StoredPicture): string {
  return view ? `${hash}/${viewKey(view)}` : hash;
}

/** ONNX Runtime's memory grows with the batch; its speed does not any more. */
const batchSize = 8;
/** A kill loses at most so many pictures' work. */
const picturesPerSegment = 512;
/** How often activations may vanish before they are opened: another process may evict them once, not always. */
const rounds = 3;

/**
 * Activations of pictures, read row by row: they need not fit in memory. Row `index` belongs to the request's picture `index`.
 * Call `close` when done.
 */
export class Activations {
  constructor(private readonly tensors: ReadonlyMap<string, TensorRows>) {}

  /** Rows of one tensor, one after the other, as float32. */
  read(tensor: string, indices: readonly number[]): Float32Array {
    return this.tensors.get(tensor)!.read(indices);
  }

  /** Shape of a row, without the batch. */
  shape(tensor: string): readonly number[] {
    return this.tensors.get(tensor)!.shape;
  }

  close(): void {
    for (const rows of this.tensors.values()) rows.close();
  }
}

/** Where a row lies: in which open file, and which row of it. */
interface RowPlace {
  readonly descriptor: number;
  readonly row: number;
}

class TensorRows {
  constructor(
    readonly shape: readonly number[],
    private readonly precision: Precision,
    private readonly places: readonly RowPlace[],
    private readonly files: ReadonlyMap<number, string>,
  ) {}

  read(indices: readonly number[]): Float32Array {
    const rowBytes = bytesOf(this.shape, this.precision);
    const bytes = Buffer.allocUnsafeSlow(indices.length * rowBytes);
    indices.forEach((index, position) => {
      const { descriptor, row } = this.places[index]!;
      const got = readSync(descriptor, bytes, position * rowBytes, rowBytes, row * rowBytes);
      if (got !== rowBytes) throw DamagedActivations(this.files.get(descriptor)!);
    });
    if (this.precision === 'float32') return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
    return fromFloat16(new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2));
  }

  close(): void {
    for (const descriptor of this.files.keys()) closeSync(descriptor);
  }
}

function bytesOf(shape: readonly number[], precision: Precision): number {
  return shape.reduce((product, side) => product * side, formats[precision].bytes);
}

/**
 * Makes sure that the store holds the activations of every picture, computing what is missing, and opens them. From then on it does not matter what
 * other processes remove: open files can be read to the end.
 *
 * @throws UNREADABLE_PICTURE, where what was computed before it stays in the store; ACTIVATIONS_VANISH, BAD_CACHE_SIZE, BAD_THREADS
 */
export async function openActivations(request: ActivationRequest): Promise<Activations> {
  const { precision = 'float16', tensors, pictures, folder } = request;
  const limit = storeLimit();
  const shapes = tensorShapes(request.frozen);
  const folders = new Map(tensors.map((tensor) => [tensor, path.join(folder, storeKey(request, tensor))]));
  for (let round = 1; round <= rounds; round++) {
    const opened = new Map<string, OpenRows>();
    for (const [tensor, place] of folders) {
      const segments = await readSegments(place, precision, bytesOf(shapes.get(tensor)!, precision));
      opened.set(tensor, openRows(segments, pictures));
    }
    const missing = new Map(
      pictures
        .filter((picture) => tensors.some((tensor) => !opened.get(tensor)!.places.has(rowKey(picture))))
        .map((picture) => [rowKey(picture), picture]),
    );
    if (missing.size === 0) {
      const used = [...opened.values()].flatMap(({ segments }) => segments);
      await touchSegments(used);
      await limitStore(folder, { limit, inUse: new Set(used.map(({ index }) => index)) });
      const rows = [...opened].map(([tensor, { places, files }]): [string, TensorRows] => {
        const inOrder = pictures.map((picture) => places.get(rowKey(picture))!);
        return [tensor, new TensorRows(shapes.get(tensor)!, precision, inOrder, files)];
      });
      return new Activations(new Map(rows));
    }
    for (const { files } of opened.values()) for (const descriptor of files.keys()) closeSync(descriptor);
    await computeMissing(request, folders, [...missing.values()]);
  }
  throw ActivationsVanish(folder);
}

interface OpenRows {
  readonly places: ReadonlyMap<string, RowPlace>;
  /** File names by descriptor. */
  readonly files: ReadonlyMap<number, string>;
  readonly segments: readonly Segment[];
}

/** Opens the segments that hold rows of the pictures. One that was removed meanwhile is as if it had never been there. */
function openRows(segments: readonly Segment[], pictures: readonly StoredPicture[]): OpenRows {
  const wanted = new Set(pictures.map(rowKey));
  const places = new Map<string, RowPlace>();
  const files = new Map<number, string>();
  const used: Segment[] = [];
  for (const segment of segments) {
    const rows = [...segment.rows.entries()].filter(([, key]) => wanted.has(key) && !places.has(key));
    if (rows.length === 0) continue;
    let descriptor: number;
    try {
      descriptor = openSync(segment.data, 'r');
    } catch (error) {
      if (isMissing(error)) continue;
      throw error;
    }
    for (const [row, key] of rows) places.set(key, { descriptor, row });
    files.set(descriptor, segment.data);
    used.push(segment);
  }
  return { places, files, segments: used };
}

/** A hash of everything that decides the numbers. */
function storeKey({ frozen, preprocessing, precision = 'float16' }: ActivationRequest, tensor: string): string {
  const outputs = [{ tensor, name: 'activation' }];
  const model = toOnnx(pruneGraph(frozen, [tensor]), { outputs, preprocessing, halfPrecision: precision === 'float16' });
  return `${tensor.replaceAll('/', '_')}-${sha256(model).slice(0, 16)}`;
}

async function computeMissing(
  { frozen, tensors, preprocessing, precision = 'float16', onProgress, signal }: ActivationRequest,
  folders: ReadonlyMap<string, string>,
  pictures: readonly StoredPicture[],
): Promise<void> {
  const [size] = frozen.inputs[0]!.shape as [number, number, number];
  const outputs = tensors.map((tensor, index) => ({ tensor, name: `activation_${index}` }));
  const onnx = toOnnx(pruneGraph(frozen, tensors), { outputs, preprocessing, halfPrecision: precision === 'float16' });
  // ONNX Runtime for Node runs one batch at a time, on the main thread: it gets all cores, and what it leaves of them decodes the next batches.
  const model = await openOnnx(onnx);
  let done = 0;
  const compute = async (batch: readonly StoredPicture[]): Promise<(Uint16Array | Float32Array)[]> => {
    signal?.throwIfAborted();
    const pixels = Buffer.concat(await Promise.all(batch.map(({ path: file, view }) => decodeView(file, size, view))));
    const results = await model.run({ image: { data: pixels, shape: [batch.length, size, size, 3] } });
    done += batch.length;
    onProgress?.({ label: 'frozen layers', done, total: pictures.length });
    return outputs.map(({ name }) => results[name]!);
  };
  try {
    for (const part of chunked(pictures, picturesPerSegment)) {
      // One batch more than there are threads, so that pictures are decoded while ONNX Runtime works.
      const results = await mapOnCores(chunked(part, batchSize), compute, threadCount() + 1);
      const keys = part.map(rowKey);
      for (const [index, { tensor }] of outputs.entries()) {
        const chunks = results.map((result) => result[index]!);
        await writeSegment(folders.get(tensor)!, precision, chunks, keys);
      }
    }
  } finally {
    await model.release();
  }
}

function chunked<Item>(items: readonly Item[], size: number): Item[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) => items.slice(index * size, (index + 1) * size));
}
