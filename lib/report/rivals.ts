import { existsSync } from 'node:fs';
import { VisionbookError } from '../errors';
import { compareRuns, predictionsFile, type RunComparison, type RunRecord } from '../experiments';
import type { SplitMetricName } from '../metrics';
import type { Workspace } from '../workspace';
import { isTrial, type RunGroup, rankRuns } from './groups';

/** The best run of a group beside those that come closest. */
export interface Rivals {
  /** Undefined where fewer than two runs can be compared. */
  readonly comparison?: RunComparison;
  /** What a reader has to know, such as which runs could not be compared. */
  readonly notes: readonly string[];
}

interface RivalOptions {
  readonly workspace: Workspace;
  readonly metric: SplitMetricName;
  /** How many runs are compared with the best: each takes about a second. 4 by default. */
  readonly atMost?: number;
  /** Of the bootstrap. */
  readonly resamples?: number;
}

/**
 * Compares the run of a group that is best on validation with the next best, picture by picture, on the test split. Runs that kept no predictions are left
 * out and named; if the best is among them, the best that kept some is compared.
 */
export async function compareWithRivals(
  { runs }: Pick<RunGroup, 'runs'>,
  { workspace, metric, atMost = 4, resamples }: RivalOptions,
): Promise<Rivals> {
  const ranked = rankRuns(runs, { metric, split: 'validation' }).filter(
    (run) => run.status === 'finished' && run.metrics.validation && !isTrial(run),
  );
  if (ranked.length < 2) return { notes: ['It takes two finished runs to compare.'] };
  const able = ranked.filter(({ id }) => existsSync(predictionsFile(workspace, id))).slice(0, 1 + atMost);
  const lastPlace = able.length > 1 ? ranked.indexOf(able.at(-1)!) : ranked.length - 1;
  const passedOver = ranked.slice(0, lastPlace + 1).filter((run) => !able.includes(run));
  const notes = passedOver.length > 0 ? [leftOut(passedOver)] : [];
  if (able.length < 2) return { notes };
  try {
    const comparison = await compareRuns({ workspace, runs: able, ...(resamples !== undefined && { resamples }) });
    const weaker = ranked.length - 1 - lastPlace;
    return {
      comparison,
      notes: [
        ...comparison.notes.map(sentence),
        ...notes,
        ...(weaker > 0 ? [`${weaker} runs that did worse on validation are not among them; npm run compare compares any.`] : []),
      ],
    };
  } catch (error) {
    if (!(error instanceof VisionbookError)) throw error;
    return { notes: [...notes, sentence(`they cannot be compared: ${error.message}`)] };
  }
}

const namedAtMost = 5;

function leftOut(runs: readonly RunRecord[]): string {
  const names = runs.slice(0, namedAtMost).map(({ id }) => id);
  const more = runs.length > namedAtMost ? ` and ${runs.length - namedAtMost} more` : '';
  return `Left out, as they kept no predictions: ${names.join(', ')}${more}.`;
}

function sentence(note: string): string {
  return `${note.charAt(0).toUpperCase()}${note.slice(1)}.`;
}
