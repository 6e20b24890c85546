import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { type Dataset, picturesBySplit, spread } from '../data';
import { Random } from '../random';

/** A picture to send. */
export interface ServePicture {
  /** A JPEG file. */
  readonly file: string;
  readonly bytes: number;
  /** One 0 or 1 for each class; absent for a picture that was made up. */
  readonly labels?: readonly number[];
}

/** What a telephone's picture is made smaller to. */
export const pictureSize = { width: 640, height: 480 } as const;
const quality = 85;
const count = 64;

/** Makes JPEGs of 640 × 480 of the data set's test pictures, or without a data set of blurred blots: always the same ones. */
export async function makePictures(folder: string, dataset: Dataset | undefined): Promise<ServePicture[]> {
  await mkdir(folder, { recursive: true });
  const sources: { picture: Sharp; labels?: readonly number[] }[] = dataset
    ? spread(picturesBySplit(dataset).test, count).map(({ path: file, labels }) => ({ picture: sharp(file), labels }))
    : Array.from({ length: count }, (_, index) => ({ picture: blots(new Random('bench').fork(index)) }));
  const made: ServePicture[] = [];
  for (const [index, { picture, labels }] of sources.entries()) {
    const file = path.join(folder, `${index}.jpg`);
    const { width, height } = pictureSize;
    const jpeg = await picture.resize(width, height, { fit: 'fill' }).jpeg({ quality }).toBuffer();
    await writeFile(file, jpeg);
    made.push({ file, bytes: jpeg.length, ...(labels && { labels }) });
  }
  return made;
}

function blots(random: Random): Sharp {
  const [width, height] = [16, 12];
  const pixels = Buffer.from(Array.from({ length: width * height * 3 }, () => random.integer(256)));
  return sharp(pixels, { raw: { width, height, channels: 3 } });
}

/** The same picture in another file: a JPEG with a comment, so that no server has seen it before. */
export function withComment(jpeg: Uint8Array, comment: string): Buffer {
  const text = Buffer.from(comment);
  // After the first marker (SOI) may come a comment (COM): its own marker, its length with the two bytes of that, and the text.
  const header = Buffer.from([0xff, 0xfe, 0, 0]);
  header.writeUInt16BE(text.length + 2, 2);
  return Buffer.concat([jpeg.subarray(0, 2), header, text, jpeg.subarray(2)]);
}
