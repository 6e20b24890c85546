import { readFile } from 'node:fs/promises';
import { UMAP } from 'umap-js';
import { decodePicture, mapOnCores } from '../data';
import { openOnnx } from '../engine';
import { findModel, readHead, withOutput } from '../models';
import type { OnProgress } from '../progress';
import type { Random } from '../random';
import type { Task } from '../tasks';
import { threadCount } from '../threads';
import type { Workspace } from '../workspace';

/** What a model's last frozen or trained convolution says of pictures, averaged over each: the inputs of its head. */
export interface Embedding {
  readonly count: number;
  readonly width: number;
  /** Shape [count, width]; every row has the length 1, so that distances are those of directions. */
  readonly rows: Float32Array;
}

const batchSize = 8;

/**
 * Pictures as a run's own model sees them: what its head is given (Keras' `global_average_pooling2d`).
 *
 * @throws NO_MODEL, UNREADABLE_PICTURE, BAD_ONNX_MODEL, UNSUPPORTED_HEAD
 */
export async function embedPictures(
  workspace: Workspace,
  task: Task,
  run: string,
  pictures: readonly { readonly path: string }[],
  onProgress?: OnProgress,
): Promise<Embedding> {
  const { onnx, card } = await findModel(workspace, task.name, run);
  const content = await readFile(onnx);
  const { averages } = readHead(content, onnx);
  const model = await openOnnx(withOutput(content, averages), { name: onnx });
  const size = card.imageSize;
  let done = 0;
  try {
    const firsts = Array.from({ length: Math.ceil(pictures.length / batchSize) }, (_, index) => index * batchSize);
    const parts = await mapOnCores(
      firsts,
      async (first) => {
        const batch = pictures.slice(first, first + batchSize);
        const pixels = Buffer.concat(await Promise.all(batch.map((picture) => decodePicture(picture.path, size))));
        const outputs = await model.run({ image: { data: pixels, shape: [batch.length, size, size, 3] } }, [averages]);
        done += batch.length;
        onProgress?.({ label: 'activations', done, total: pictures.length });
        return outputs[averages] as Float32Array;
      },
      threadCount() + 1,
    );
    const width = (parts[0]?.length ?? 0) / Math.min(batchSize, pictures.length || 1);
    const rows = new Float32Array(pictures.length * width);
    parts.forEach((part, index) => {
      rows.set(part, index * batchSize * width);
    });
    return normalised({ count: pictures.length, width, rows });
  } finally {
    await model.release();
  }
}

function normalised({ count, width, rows }: Embedding): Embedding {
  for (let row = 0; row < count; row++) {
    const values = rows.subarray(row * width, (row + 1) * width);
    const length = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0)) || 1;
    values.forEach((value, index) => {
      values[index] = value / length;
    });
  }
  return { count, width, rows };
}

/** As McInnes et al. have it by default. */
const neighbours = 15;

/**
 * A flat map of an embedding by UMAP (McInnes, Healy and Melville 2018, arXiv:1802.03426): what is near in the embedding is near on the map; what is far apart there
 * may be anywhere. The same random numbers give the same map.
 *
 * @returns a place [x, y] for each row
 */
export async function mapEmbedding(
  { count, width, rows }: Embedding,
  random: Random,
  onProgress?: OnProgress,
): Promise<[number, number][]> {
  if (count < 3) return Array.from({ length: count }, (_, index) => [index, 0]);
  const umap = new UMAP({ nComponents: 2, nNeighbors: Math.min(neighbours, count - 1), random: () => random.uniform() });
  const vectors = Array.from({ length: count }, (_, row) => Array.from(rows.subarray(row * width, (row + 1) * width)));
  const total = umap.initializeFit(vectors);
  for (let epoch = 1; epoch <= total; epoch++) {
    umap.step();
    if (epoch % 20 === 0 || epoch === total) onProgress?.({ label: 'map', done: epoch, total });
  }
  return umap.getEmbedding() as [number, number][];
}
