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
/** How soon one looks again for what another machine computes, in ms: each time twice as long, up to the second, since a hundred may be waiting. */
const pauses = { first: 500, longest: 5000 };

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
  const { folder, exchange, signal } = request;
  const limit = storeLimit();
  const shapes = tensorShapes(request.frozen);
  const places = request.tensors.map((tensor) => ({
    tensor,
    folder: path.join(folder, storeKey(request, tensor)),
    shape: shapes.get(tensor)!,
  }));
  let fewest = Number.POSITIVE_INFINITY;
  let pause = pauses.first;
  for (let futile = 0; futile < rounds; ) {
    const { activations, segments, missing } = await openStored(request, places);
    if (activations) {
      await touchSegments(segments);
      await limitStore(folder, { limit, inUse: new Set(segments.map(({ index }) => index)) });
      return activations;
    }
    futile = missing.pictures.length < fewest ? 0 : futile + 1;
    if (futile === 0) pause = pauses.first;
    fewest = missing.pictures.length;
    if (exchange && (await exchange.bring(missing.byFolder)) > 0) continue;
    if ((await computeMissing(request, places, missing.pictures)) > 0) continue;
    await sleep(pause, undefined, signal && { signal });
    pause = Math.min(2 * pause, pauses.longest);
    futile = 0; // to wait for others is not
  }
  throw ActivationsVanish(folder);
}

/** Where a tensor's activations are in the store, and the shape of a row. */
interface TensorPlace {
  readonly tensor: string;
  readonly folder: string;
  readonly shape: readonly number[];
}

/** What the store has of a request. */
interface Stored {
  /** Undefined where something is missing. */
  readonly activations?: Activations;
  readonly segments: readonly Segment[];
  readonly missing: {
    /** Each once. */
    readonly pictures: readonly StoredPicture[];
    /** Rows that a folder lacks. */
    readonly byFolder: ReadonlyMap<string, ReadonlySet<string>>;
  };
}

/** Opens what the store has of all pictures, unless something is missing. */
async function openStored({ precision = 'float16', pictures }: ActivationRequest, places: readonly TensorPlace[]): Promise<Stored> {
  const opened: OpenRows[] = [];
  for (const { folder, shape } of places) {
    opened.push(openRows(await readSegments(folder, precision, bytesOf(shape, precision)), pictures));
  }
  const lacking = opened.map((rows) => pictures.filter((picture) => !rows.places.has(rowKey(picture))));
  const missing = {
    pictures: [...new Map(lacking.flat().map((picture) => [rowKey(picture), picture])).values()],
    byFolder: new Map(places.map(({ folder }, index) => [folder, keysOf(lacking[index]!)])),
  };
  const segments = opened.flatMap((rows) => rows.segments);
  if (missing.pictures.length > 0) {
    for (const { files } of opened) for (const descriptor of files.keys()) closeSync(descriptor);
    return { segments, missing };
  }
  const tensors = places.map(({ tensor, shape }, index): [string, TensorRows] => {
    const { places: rows, files } = opened[index]!;
    const inOrder = pictures.map((picture) => rows.get(rowKey(picture))!);
    return [tensor, new TensorRows(shape, precision, inOrder, files)];
  });
  return { activations: new Activations(new Map(tensors)), segments, missing };
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
  places: readonly TensorPlace[],
  pictures: readonly StoredPicture[],
): Promise<number> {
  const { exchange } = request;
  const folders = places.map(({ folder }) => folder);
  let model: FrozenModel | undefined;
  let parts = 0;
  let done = 0;
  const onBatch = (batch: number): void => {
    done += batch;
    request.onProgress?.({ label: 'frozen layers', done, total: pictures.length });
  };
  try {
    for (const part of chunked(pictures, picturesPerSegment)) {
      const keys = keysOf(part);
      const release = await exchange?.claim(sha256([...folders.map((folder) => path.basename(folder)), ...keys].join()));
      if (exchange && !release) continue;
      try {
        // Whoever was at it until a moment ago may have sent it.
        const came = await exchange?.bring(new Map(folders.map((folder) => [folder, keys])));
        if (!came) {
          model ??= await openFrozen(request);
          await keepPart(request, folders, part, await model.compute(part, onBatch));
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

/** Keeps a part that was computed in the store, and sends it to other machines. */
async function keepPart(
  { precision = 'float16', exchange }: ActivationRequest,
  folders: readonly string[],
  part: readonly StoredPicture[],
  results: Awaited<ReturnType<FrozenModel['compute']>>,
): Promise<void> {
  for (const [index, folder] of folders.entries()) {
    const chunks = results.map((result) => result[index]!);
    const segment = await writeSegment(folder, precision, chunks, part.map(rowKey));
    await exchange?.send(segment);
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
