import { decodePicture, encodeJpeg, mapOnCores } from '../data';
import type { MapPoint } from '../report';
import type { JudgedPicture } from './judged';
import { labelsInWords } from './words';

/** Large enough to see what is in a collage, small enough that a thousand fit into a notebook. */
const thumbnail = { side: 64, quality: 75 };

/**
 * Pictures as points for `embeddingMap` and `pictureMap`.
 *
 * @param places one [x, y] for each picture
 * @throws UNREADABLE_PICTURE
 */
export function mapPoints(
  pictures: readonly JudgedPicture[],
  places: readonly (readonly [number, number])[],
  classes: readonly string[],
): Promise<MapPoint[]> {
  return mapOnCores(pictures, async ({ filename, path, labels, answered, split, isRight, loss }, index): Promise<MapPoint> => {
    const [x, y] = places[index]!;
    const jpeg = await encodeJpeg(await decodePicture(path, thumbnail.side), thumbnail.side, thumbnail.quality);
    return {
      x,
      y,
      name: filename,
      labels: labelsInWords(classes, labels),
      answer: labelsInWords(classes, answered),
      split,
      isRight,
      loss,
      thumbnail: `data:image/jpeg;base64,${Buffer.from(jpeg).toString('base64')}`,
    };
  });
}
