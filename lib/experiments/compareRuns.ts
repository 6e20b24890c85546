import { z } from 'zod';
import { bootstrapDifferences, type Difference, type Judging, rightPictures, type SplitMetricName } from '../metrics';
import { Random } from '../random';
import type { Workspace } from '../workspace';
import { type CommonPictures, commonPictures } from './commonPictures';
import { NotComparable } from './errors';
import { holm, type McNemar, mcnemar } from './mcnemar';
import { type PredictedSplit, readPredictions, type SplitPredictions } from './predictions';
import type { RunRecord } from './record';

/** A run, as far as a comparison names it. */
export type ComparedRun = Pick<RunRecord, 'id' | 'stage'>;

/** How a run does on the pictures of the comparison, beside the reference: `before` is the reference's number, `after` the run's. */
export interface RunDifference {
  readonly run: ComparedRun;
  /** By metric, each with its 95 % interval; none for `auc` where labels are of one kind. */
  readonly differences: Readonly<Partial<Record<SplitMetricName, Difference>>>;
  /** `adjusted` is the p-value by Holm's correction for the number of runs that are compared with the reference. */
  readonly mcnemar: McNemar & { readonly adjusted: number };
}

/** Runs beside a reference, all on the same pictures. */
export interface RunComparison {
  readonly task: string;
  readonly kind: NonNullable<RunRecord['kind']>;
  readonly split: PredictedSplit;
  readonly reference: ComparedRun;
  /** In the order in which they were given. */
  readonly others: readonly RunDifference[];
  /** How many pictures were compared. */
  readonly pictures: number;
  /** What a reader has to know: pictures that were left out or share photographs, a rule that is not the run's own. */
  readonly notes: readonly string[];
}

/** What to compare. */
export interface CompareOptions {
  readonly workspace: Workspace;
  /** The first is the reference, with which each of the others is compared. */
  readonly runs: readonly RunRecord[];
  /** `test` by default. */
  readonly split?: PredictedSplit;
  /** Of the bootstrap; 10,000 by default. */
  readonly resamples?: number;
}

/**
 * Compares runs picture by picture, from the predictions that they kept: every metric's difference with its 95 % interval by the paired bootstrap over
 * photographs, and McNemar's test on the pictures that are wholly right. Runs whose splits differ are compared on the pictures that all of them have; all are
 * judged by the reference's rule. The same runs give the same numbers.
 *
 * Intervals speak of other test photographs, not of another training run, and each of them is one of 95 % by itself, however many runs are compared.
 *
 * @throws NOT_COMPARABLE where there is only one run or one twice, tasks or classes differ, or no picture is common; NO_PREDICTIONS, RUN_UNREADABLE
 * @example
 * const runs = [await readRun(workspace, 'abc123'), await readRun(workspace, 'def456')];
 * const { others } = await compareRuns({ workspace, runs });
 * // others[0].differences.f1Macro: { before: 0.91, after: 0.922, difference: 0.012, interval: { low: 0.004, high: 0.021 } }
 */
export async function compareRuns({ workspace, runs, split = 'test', resamples }: CompareOptions): Promise<RunComparison> {
  const [reference, ...others] = runs;
  if (!reference || others.length === 0) throw NotComparable('it takes two runs or more');
  checkComparable(runs);
  const all = await Promise.all(runs.map(async ({ id }) => (await readPredictions(workspace, id))[split]));
  checkClasses(runs, all);
  const common = commonPictures(all);
  const [before, ...after] = common.predictions as readonly [SplitPredictions, ...SplitPredictions[]];
  if (before.count === 0) throw NotComparable(noneCommon(runs, split, common.relabelled));

  const judging = judgingOf(reference);
  const random = new Random(reference.seed);
  const tests = after.map((predictions) => mcnemar(rightPictures(before, judging), rightPictures(predictions, judging)));
  const adjusted = holm(tests.map(({ pValue }) => pValue));
  return {
    task: reference.task,
    kind: reference.kind ?? 'multilabel',
    split,
    reference: named(reference),
    others: others.map((run, index) => ({
      run: named(run),
      // All are put to the same resamples.
      differences: bootstrapDifferences(before, after[index]!, before.sources, {
        ...judging,
        random: random.fork(`compare ${split}`),
        ...(resamples !== undefined && { resamples }),
      }),
      mcnemar: { ...tests[index]!, adjusted: adjusted[index]! },
    })),
    pictures: before.count,
    notes: notesOn(runs, all, common, split),
  };
}

function named({ id, stage }: RunRecord): ComparedRun {
  return { id, stage };
}

function checkComparable([reference, ...others]: readonly RunRecord[]): void {
  for (const [index, run] of others.entries()) {
    if ([reference!, ...others.slice(0, index)].some(({ id }) => id === run.id)) throw NotComparable(`run ${run.id} was named twice`);
    if (run.task !== reference!.task)
      throw NotComparable(`${reference!.id} is of the task ${reference!.task}, and ${run.id} of ${run.task}: name runs of one task`);
  }
}

function checkClasses([reference, ...others]: readonly RunRecord[], [first, ...rest]: readonly SplitPredictions[]): void {
  for (const [index, { classes }] of rest.entries()) {
    if (classes.join() !== first!.classes.join())
      throw NotComparable(
        `${reference!.id} tells apart ${first!.classes.join(', ')}, and ${others[index]!.id} ${classes.join(', ')}: their numbers mean different things`,
      );
  }
}

function noneCommon(runs: readonly RunRecord[], split: PredictedSplit, relabelled: number): string {
  if (relabelled > 0)
    return `all ${relabelled} ${split} pictures that they share have other labels in one of them: prepare the data once, and train again`;
  const data = runs.map((run) => `${run.id} is on ${dataOf(run)}`).join(', ');
  return `no ${split} picture is common to them: ${data}; train them on the same data`;
}

function dataOf({ data }: RunRecord): string {
  return data.isSample ? 'the sample' : `${data.name} (version ${data.fingerprint.slice(0, 8)})`;
}

function notesOn(
  runs: readonly RunRecord[],
  all: readonly SplitPredictions[],
  { predictions, relabelled }: CommonPictures,
  split: PredictedSplit,
): string[] {
  const [reference, ...others] = runs;
  const shared = predictions[0]!.count + relabelled;
  const counts = runs.map((run, index) => `${all[index]!.count} of ${run.id}`).join(', ');
  const otherRule = others.filter((run) => JSON.stringify(judgingOf(run)) !== JSON.stringify(judgingOf(reference!)));
  const unfinished = runs.filter(({ status }) => status !== 'finished');
  return [
    ...(all.some(({ count }) => count !== shared)
      ? [`their ${split} pictures differ: ${counts}; the ${shared} that all have are compared`]
      : []),
    ...(relabelled > 0 ? [`${relabelled} pictures that all have were left out, as their labels have changed in between`] : []),
    ...otherRule.map(({ id }) => `${id} was trained to be judged by another rule; here it is judged by that of ${reference!.id}`),
    ...unfinished.map(({ id, status }) => `${id} is ${status}: it is compared as it was when it ended`),
    ...(sharePhotographs(predictions[0]!.sources)
      ? [
          "pictures share photographs, so McNemar's test, which takes them for independent, finds too much: the intervals, over photographs, are right",
        ]
      : []),
    ...(runs.every(({ data }) => data.isSample) ? ['the pictures are of the generated sample: this says nothing of real photographs'] : []),
  ];
}

function sharePhotographs(sources: readonly (readonly string[])[]): boolean {
  const all = sources.flatMap((ofPicture) => [...new Set(ofPicture)]);
  return new Set(all).size < all.length;
}

const rule = z.object({ decision: z.object({ threshold: z.number() }), negativeWeight: z.number() });

/** What a run was judged by, as its record has it. */
function judgingOf({ id, kind = 'multilabel', config }: RunRecord): Judging {
  if (kind === 'multiclass') return { kind };
  const found = rule.safeParse(config);
  if (!found.success) throw NotComparable(`the record of ${id} lacks decision.threshold or negativeWeight, by which it is judged`);
  return { kind, threshold: found.data.decision.threshold, negativeWeight: found.data.negativeWeight };
}
