import { closeSync, openSync, readSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeView, mapOnCores, type View, viewKey } from '../data';
import { openOnnx } from '../engine';
import { isMissing, sha256 } from '../files';
import { fromFloat16, type Graph, type Preprocessing, pruneGraph, tensorShapes, toOnnx } from '../models';
import type { OnProgress } from '../progress';
import { threadCount } from '../threads';
import { ActivationsVanish, DamagedActivations } from './errors';
import type { ActivationExchange } from './exchange';
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
  /** Other machines' stores: what they have is not computed here. */
  readonly exchange?: ActivationExchange;
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
/** How soon one looks again for what another machine computes, in ms. */
const pollMilliseconds = 500;

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
 * @throws UNREADABLE_PICTURE, where what was computed before it stays in the store; ACTIVATIONS_VANISH, BAD_CACHE_SIZE, BAD_THREADS; what `exchange` throws
 */
export async function openActivations(request: ActivationRequest): Promise<Activations> {
  const { precision = 'float16', tensors, pictures, folder, exchange } = request;
  const limit = storeLimit();
  const shapes = tensorShapes(request.frozen);
  const folders = new Map(tensors.map((tensor) => [tensor, path.join(folder, storeKey(request, tensor))]));
  let fewest = Number.POSITIVE_INFINITY;
  for (let futile = 0; futile < rounds; ) {
    const opened = new Map<string, OpenRows>();
    for (const [tensor, place] of folders) {
      const segments = await readSegments(place, precision, bytesOf(shapes.get(tensor)!, precision));
      opened.set(tensor, openRows(segments, pictures));
    }
    const lacks = (tensor: string, picture: StoredPicture): boolean => !opened.get(tensor)!.places.has(rowKey(picture));
    const missing = new Map(
      pictures.filter((picture) => tensors.some((tensor) => lacks(tensor, picture))).map((picture) => [rowKey(picture), picture]),
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
    futile = missing.size < fewest ? 0 : futile + 1;
    fewest = missing.size;
    const left = [...missing.values()];
    const byFolder = tensors.map((tensor) => [folders.get(tensor)!, keysOf(left.filter((picture) => lacks(tensor, picture)))] as const);
    if (exchange && (await exchange.bring(new Map(byFolder))) > 0) continue;
    if ((await computeMissing(request, folders, left)) > 0) continue;
    await sleep(pollMilliseconds, undefined, request.signal && { signal: request.signal });
    fewest = Number.POSITIVE_INFINITY; // to wait for others is not futile
  }
  throw ActivationsVanish(folder);
}

function keysOf(pictures: readonly StoredPicture[]): Set<string> {
  return new Set(pictures.map(rowKey));
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

/** Computes pictures part by part, but for parts that another machine is at. @returns how many parts there are now that there were not */
async function computeMissing(
  request: ActivationRequest,
  folders: ReadonlyMap<string, string>,
  pictures: readonly StoredPicture[],
): Promise<number> {
  const { precision = 'float16', exchange } = request;
  let model: FrozenModel | undefined;
  let parts = 0;
  let done = 0;
  try {
    for (const part of chunked(pictures, picturesPerSegment)) {
      const keys = keysOf(part);
      const release = await exchange?.claim(
        sha256(
          [...folders.values()]
            .map((folder) => path.basename(folder))
            .concat(...keys)
            .join(),
        ),
      );
      if (exchange && !release) continue;
      try {
        // Whoever was at it until a moment ago may have sent it.
        const brought = await exchange?.bring(new Map([...folders.values()].map((folder) => [folder, keys])));
        if (!brought) {
          model ??= await openFrozen(request);
          const results = await model.compute(part, (batch) => {
            done += batch;
            request.onProgress?.({ label: 'frozen layers', done, total: pictures.length });
          });
          for (const [index, folder] of [...folders.values()].entries()) {
            const chunks = results.map((result) => result[index]!);
            const segment = await writeSegment(folder, precision, chunks, [...keys]);
            await exchange?.send(segment);
          }
        }
        parts++;
      } finally {
        await release?.();
      }
    }
    return parts;
  } finally {
    await model?.release();
  }
}

/** The frozen layers in ONNX Runtime. */
interface FrozenModel {
  /** Activations of pictures: for every batch, one array a tensor. */
  compute(pictures: readonly StoredPicture[], onBatch: (pictures: number) => void): Promise<(Uint16Array | Float32Array)[][]>;
  release(): Promise<void>;
}

async function openFrozen({ frozen, tensors, preprocessing, precision = 'float16', signal }: ActivationRequest): Promise<FrozenModel> {
  const [size] = frozen.inputs[0]!.shape as [number, number, number];
  const outputs = tensors.map((tensor, index) => ({ tensor, name: `activation_${index}` }));
  const onnx = toOnnx(pruneGraph(frozen, tensors), { outputs, preprocessing, halfPrecision: precision === 'float16' });
  // ONNX Runtime for Node runs one batch at a time, on the main thread: it gets all cores, and what it leaves of them decodes the next batches.
  const model = await openOnnx(onnx);
  const computeBatch = async (batch: readonly StoredPicture[]): Promise<(Uint16Array | Float32Array)[]> => {
    signal?.throwIfAborted();
    const pixels = Buffer.concat(await Promise.all(batch.map(({ path: file, view }) => decodeView(file, size, view))));
    const results = await model.run({ image: { data: pixels, shape: [batch.length, size, size, 3] } });
    return outputs.map(({ name }) => results[name]!);
  };
  return {
    compute: (pictures, onBatch) =>
      // One batch more than there are threads, so that pictures are decoded while ONNX Runtime works.
      mapOnCores(
        chunked(pictures, batchSize),
        async (batch) => {
          const results = await computeBatch(batch);
          onBatch(batch.length);
          return results;
        },
        threadCount() + 1,
      ),
    release: () => model.release(),
  };
}

function chunked<Item>(items: readonly Item[], size: number): Item[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) => items.slice(index * size, (index + 1) * size));
}
