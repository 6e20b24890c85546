import type { Random } from '../../../random';
import { drawConditions, photograph } from './camera';
import { type Canvas, emptyCanvas } from './canvas';
import { addField } from './field';
import { drawnClasses } from './morphology';
import { pictureSize } from './survey';

/** The galaxy alone, before air, telescope and detector: in nanomaggies a pixel. */
export function drawGalaxy(classIndex: number, random: Random, size: number = pictureSize): Canvas {
  const canvas = emptyCanvas(size);
  drawnClasses[classIndex]!(canvas, random.fork('galaxy'));
  return canvas;
}

/**
 * A picture of a galaxy of a class as the Legacy Surveys' viewer would show it, with what else is in the field.
 *
 * @param classIndex as in Galaxy10's `ans`
 * @returns RGB, shape [256, 256, 3]
 */
export function photographGalaxy(classIndex: number, random: Random): Uint8Array {
  const canvas = drawGalaxy(classIndex, random);
  addField(canvas, random.fork('field'));
  return photograph(canvas, drawConditions(random.fork('conditions')), random.fork('noise'));
}
