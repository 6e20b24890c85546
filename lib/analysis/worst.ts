import { mapOverlay, openPredictor } from '../prediction';
import type { SheetPicture } from '../report';
import type { Task } from '../tasks';
import type { Workspace } from '../workspace';
import type { JudgedPicture } from './judged';
import { labelsInWords } from './words';

/** Pictures that are wrong, the one with the highest loss first; of those with the same content, one. */
export function worstPictures(pictures: readonly JudgedPicture[], atMost = 12): JudgedPicture[] {
  const worst = pictures.filter(({ isRight }) => !isRight).sort((one, other) => other.loss - one.loss);
  return [...new Map(worst.map((picture) => [picture.sha256, picture])).values()].slice(0, atMost);
}

/**
 * Pictures for `contactSheet`, each followed by where the model looked for the label that is most wrong: a class that it saw and that is not there, or one
 * that is there and was missed.
 *
 * @param run whose model it is
 * @throws NO_MODEL, UNREADABLE_PICTURE, NO_MAPS and what else `openPredictor` throws
 */
export async function withMaps(workspace: Workspace, task: Task, run: string, pictures: readonly JudgedPicture[]): Promise<SheetPicture[]> {
  const predictor = await openPredictor(workspace, task.name, { run, withMaps: true });
  const { classes } = predictor.card;
  const sheet: SheetPicture[] = [];
  try {
    for (const { path, labels, loss } of pictures) {
      const { probabilities, map } = await predictor.predictWithMap(path);
      const classIndex = mostWrong(labels, probabilities);
      const share = probabilities[classIndex]!.toFixed(2);
      const content = await mapOverlay(path, map, { classIndex, size: task.imageSize });
      sheet.push({ path, caption: `${labelsInWords(classes, labels)} · loss ${loss.toFixed(2)}` });
      sheet.push({ path, content, caption: `${labels[classIndex] === 1 ? 'missed' : 'saw'} ${classes[classIndex]} ${share}` });
    }
    return sheet;
  } finally {
    await predictor.release();
  }
}

/** The label whose probability is farthest from it. */
function mostWrong(labels: readonly number[], probabilities: readonly number[]): number {
  const errors = labels.map((label, index) => Math.abs(label - probabilities[index]!));
  return errors.indexOf(Math.max(...errors));
}
