import path from 'node:path';
import type { Dataset, File as HdfFile } from 'h5wasm';
import { VisionbookError } from '../../errors';
import { isMissing } from '../../files';
import { type Hdf, withHdfFile } from '../../hdf';
import { BadGalaxyFile, NoGalaxies, UnknownGalaxyLabels } from './errors';
import { countClasses, type GalaxyPicture, type GalaxySource, type SkyPositions } from './galaxies';

/** Pixels read at a time, in bytes. They are held twice, by the HDF5 library and here. */
const sliceBytes = 64 * 2 ** 20;
/** Pictures read at a time where each lies by itself in the file. */
const fewPictures = 64;
/** Smaller pictures show nothing to tell galaxies by. */
const smallestSide = 32;

/**
 * Opens a file like Galaxy10_DECals.h5 (`images`, `ans`, and `ra`, `dec` and `pxscale` where they are) or like the Galaxy Classifier's
 * train_128.h5 (`images`, `labels`). The file is opened anew for every reading, and only while it is read.
 *
 * @param classes how many there are: labels are numbers below this
 * @throws MISSING_DATA, BAD_GALAXY_FILE, UNKNOWN_GALAXY_LABELS
 */
export async function openHdfFile(file: string, classes: number): Promise<GalaxySource> {
  return reading(file, (opened, hdf) => {
    const images = imagesOf(opened, hdf, file);
    const [count, size] = images.shape as [number, number];
    const labels = labelsOf(opened, hdf, file, count, classes);
    const positions = positionsOf(opened, hdf, count, size);
    return {
      size,
      labels,
      counts: countClasses(labels, classes),
      ...(positions && { positions }),
      pictures: () => readPictures(file, labels, size, sliceLength(images, count, size)),
    };
  });
}

/** Opens the file for every slice, so that nothing is left open where a reader stops half-way. */
async function* readPictures(file: string, labels: Uint8Array, size: number, length: number): AsyncGenerator<GalaxyPicture> {
  const name = path.basename(file);
  const bytes = size * size * 3;
  for (let start = 0; start < labels.length; start += length) {
    const end = Math.min(labels.length, start + length);
    const slice = await reading(file, (opened, hdf) => {
      const values = imagesOf(opened, hdf, file).slice([[start, end], [], [], []]);
      if (values instanceof Uint8Array && values.length === (end - start) * bytes) return values;
      throw BadGalaxyFile(file, `pictures ${start} to ${end - 1} cannot be read from \`images\``);
    });
    for (let index = start; index < end; index++) {
      const at = (index - start) * bytes;
      yield { index, label: labels[index]!, pixels: slice.slice(at, at + bytes), name: `${name}#${index}` };
    }
  }
}

/**
 * How many pictures to read at once. A compressed file is unpacked in chunks, some of which span hundreds of pictures: slices are as long as
 * a chunk, or an even part of it, lest each chunk be unpacked for every few pictures.
 */
function sliceLength(images: Dataset, count: number, size: number): number {
  const most = Math.max(1, Math.floor(sliceBytes / (size * size * 3)));
  const chunk = Math.min(count, images.metadata.chunks?.[0] ?? 1);
  return chunk > most ? Math.ceil(chunk / Math.ceil(chunk / most)) : chunk * Math.max(1, Math.floor(Math.min(most, fewPictures) / chunk));
}

function imagesOf(opened: HdfFile, hdf: Hdf, file: string): Dataset {
  const images = opened.get('images');
  if (!(images instanceof hdf.Dataset)) throw BadGalaxyFile(file, `there is no dataset \`images\` among ${listed(opened)}`);
  const { shape, type, size, signed } = images.metadata;
  if (shape?.length !== 4 || shape[3] !== 3 || shape[1] !== shape[2]) {
    throw BadGalaxyFile(file, `\`images\` has shape [${shape?.join(', ') ?? ''}]`);
  }
  if (shape[1]! < smallestSide || shape[0] === 0)
    throw BadGalaxyFile(file, `\`images\` has ${shape[0]} pictures of ${shape[1]} pixels a side`);
  if (type !== hdfInteger || size !== 1 || signed) throw BadGalaxyFile(file, `\`images\` is ${describeType(images)}, not uint8`);
  return images;
}

/** `H5T_INTEGER` and `H5T_FLOAT` of HDF5's `H5T_class_t`. */
const hdfInteger = 0;
const hdfFloat = 1;

function describeType({ metadata: { type, size, signed } }: Dataset): string {
  const kind = type === hdfInteger ? (signed ? 'int' : 'uint') : type === hdfFloat ? 'float' : '';
  return kind === '' ? 'no number' : `${kind}${8 * size}`;
}

function labelsOf(opened: HdfFile, hdf: Hdf, file: string, count: number, classes: number): Uint8Array {
  const name = ['ans', 'labels'].find((candidate) => opened.keys().includes(candidate));
  const dataset = name === undefined ? null : opened.get(name);
  if (!(dataset instanceof hdf.Dataset)) throw BadGalaxyFile(file, `there is neither \`ans\` nor \`labels\` among ${listed(opened)}`);
  const values = numbersOf(dataset);
  if (!values) throw BadGalaxyFile(file, `\`${name}\` is ${describeType(dataset)}, and a class is a whole number`);
  if (values.length !== count) {
    throw BadGalaxyFile(file, `\`${name}\` has shape [${dataset.shape?.join(', ') ?? ''}], but there are ${count} pictures`);
  }
  const problems: string[] = [];
  const labels = Uint8Array.from(values, (value, index) => {
    if (!Number.isInteger(value) || value < 0 || value >= classes) problems.push(`picture ${index}: ${value}`);
    return value;
  });
  if (problems.length > 0) throw UnknownGalaxyLabels(file, classes, problems);
  return labels;
}

/** A dataset's values, of whatever kind of number they are; undefined where they are none. */
function numbersOf(dataset: Dataset): Float64Array | undefined {
  const { value } = dataset;
  if (value instanceof BigInt64Array || value instanceof BigUint64Array) return Float64Array.from(value, Number);
  return ArrayBuffer.isView(value) && !(value instanceof DataView) ? Float64Array.from(value as Float32Array) : undefined;
}

function positionsOf(opened: HdfFile, hdf: Hdf, count: number, size: number): SkyPositions | undefined {
  const [ra, dec, scale] = ['ra', 'dec', 'pxscale'].map((name) => {
    const dataset = opened.keys().includes(name) ? opened.get(name) : null;
    return dataset instanceof hdf.Dataset ? numbersOf(dataset) : undefined;
  });
  if (ra?.length !== count || dec?.length !== count || scale?.length !== count) return undefined;
  return { ra, dec, side: (size * scale[0]!) / 3600 };
}

function listed(opened: HdfFile): string {
  const names = opened.keys();
  return names.length === 0 ? 'what it holds, which is nothing' : names.map((name) => `\`${name}\``).join(', ');
}

async function reading<Result>(file: string, work: (opened: HdfFile, hdf: Hdf) => Result): Promise<Result> {
  try {
    return await withHdfFile(file, work);
  } catch (error) {
    if (error instanceof VisionbookError) throw error;
    if (isMissing(error)) throw NoGalaxies(file, 'is missing');
    throw BadGalaxyFile(file, (error as Error).message);
  }
}
