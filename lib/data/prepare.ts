import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { sha256 } from '../files';
import type { OnProgress } from '../progress';
import { Random } from '../random';
import { type CollageSettings, type CollageTask, isCollageTask, splits, type Task } from '../tasks';
import { datasetOf, type Workspace } from '../workspace';
import { type HashedRow, keepAdded, refuseTakenNames } from './added';
import { type AuditReport, auditPhotos } from './audit';
import { type CardOf, type DatasetCard, pictureName } from './card';
import { type CollagePlan, drawCollage, planCollage } from './collages';
import { mapOnCores } from './cores';
import { countCollages } from './counts';
import { replaceDataset } from './datasetFolder';
import { describeDataset, licencesOf } from './describe';
import { prepareGalaxies } from './galaxy';
import { decodePicture, encodeJpeg } from './pictures';
import type { DataSource } from './source';
import { bySplit, type PhotoPools, splitPhotos } from './split';

export interface PrepareOptions<Chosen extends Task = Task> {
  readonly workspace: Workspace;
  readonly task: Chosen;
  readonly source: DataSource;
  readonly settings: Chosen['defaults'];
  readonly onProgress?: OnProgress;
  readonly now?: () => Date;
}

interface PicturePlan extends CollagePlan {
  readonly filename: string;
}

/**
 * Makes a task's data set: `images`, `labels.csv`, `dataset.json` and `CARD.md`, by how its raw data comes (`prepareCollages`, `prepareGalaxies`).
 *
 * @throws PREPARE_RUNNING, DISK_FULL, and what each way throws; the former data set is then untouched
 */
export async function prepareDataset<Chosen extends Task>(options: PrepareOptions<Chosen>): Promise<CardOf<Chosen>> {
  const { task } = options as PrepareOptions;
  // TypeScript does not see that settings go with their task, so it is told.
  const prepared = isCollageTask(task)
    ? prepareCollages(options as unknown as CollageOptions)
    : prepareGalaxies(options as unknown as PrepareOptions<typeof task>);
  return prepared as Promise<CardOf<Chosen>>;
}

type CollageOptions = PrepareOptions<CollageTask>;

/**
 * Makes a data set of collages. Images and labels depend on nothing but the photographs
 * and the settings: the same seed gives the same bytes. Pictures that somebody put among the images by hand are kept, with their labels.
 *
 * @throws EMPTY_FOLDER, NAME_TAKEN, PREPARE_RUNNING, DISK_FULL, BAD_LABELS (when pictures put there by hand have labels that cannot be
 *   read); the former data set is then untouched
 */
async function prepareCollages(options: CollageOptions): Promise<DatasetCard> {
  const { workspace, task, source, settings, onProgress, now = () => new Date() } = options;
  return replaceDataset(datasetOf(workspace, task.name), async (folder) => {
    const started = performance.now();
    const report = await auditPhotos(source, task, { onProgress });
    const audited = performance.now();

    const random = new Random(settings.seed);
    const pools = splitPhotos(report, task, settings, random.fork('split'));
    const plans = planPictures(pools, task, settings, random);
    await refuseTakenNames(
      workspace,
      task,
      plans.map(({ filename }) => filename),
    );
    const made = await makePictures(plans, options, path.join(folder, 'images'));
    const added = await keepAdded(workspace, task, path.join(folder, 'images'));

    const rows = [...made, ...added];
    const timings = { audit: seconds(audited - started), pictures: seconds(performance.now() - audited) };
    const licences = await licencesOf(source.folder);
    const card = describe({ options, report, pools, rows, licences, added: added.length, timings, createdAt: now().toISOString() });
    await describeDataset(folder, { task, rows, card });
    return card;
  });
}

/** Every picture draws from a stream of its own, named by its file name, so that they can be made in any order. */
function planPictures(pools: PhotoPools, task: CollageTask, settings: CollageSettings, random: Random): PicturePlan[] {
  return splits.flatMap((split) => {
    const collages = Array.from({ length: settings.collages[split] }, (_, index): PicturePlan => {
      const filename = pictureName(split, 'collages', index + 1);
      return { filename, ...planCollage(pools.photos[split], settings, random.fork(filename)) };
    });
    const negatives = pools.negatives[split].map((photo, index): PicturePlan => {
      const filename = pictureName(split, 'negatives', index + 1);
      return { filename, labels: task.classes.map(() => 0), photos: [photo], cells: [0], side: 1 };
    });
    return [...collages, ...negatives];
  });
}

async function makePictures(plans: readonly PicturePlan[], options: CollageOptions, images: string): Promise<HashedRow[]> {
  const { task, source, settings, onProgress } = options;
  const decode = rememberingTiles(source.folder, task.imageSize);
  let done = 0;
  return mapOnCores(plans, async (plan) => {
    const pixels = await drawCollage(plan, task.imageSize, decode);
    const jpeg = await encodeJpeg(pixels, task.imageSize, settings.jpegQuality);
    await writeFile(path.join(images, plan.filename), jpeg);
    onProgress?.({ label: 'Making pictures', done: ++done, total: plans.length });
    return { filename: plan.filename, labels: plan.labels, source: plan.photos.join('|'), sha256: sha256(jpeg) };
  });
}

/** At 112 px a tile is 37 kB: so many take 150 MB. */
const tilesRemembered = 4000;

/** Decodes photographs and remembers the small ones, since a photograph is in several collages. */
function rememberingTiles(folder: string, imageSize: number): (photo: string, size: number) => Promise<Uint8Array> {
  const tiles = new Map<string, Promise<Uint8Array>>();
  return (photo, size) => {
    const key = `${size} ${photo}`;
    const known = tiles.get(key);
    if (known) return known;
    const pixels = decodePicture(path.join(folder, photo), size);
    if (size < imageSize && tiles.size < tilesRemembered) tiles.set(key, pixels);
    return pixels;
  };
}

interface Outcome {
  readonly options: CollageOptions;
  readonly report: AuditReport;
  readonly pools: PhotoPools;
  readonly rows: readonly HashedRow[];
  readonly licences: Pick<DatasetCard, 'licences'>;
  readonly added: number;
  readonly timings: DatasetCard['timings'];
  readonly createdAt: string;
}

function describe({ options, report, pools, rows, licences, added, timings, createdAt }: Outcome): DatasetCard {
  const { task, source, settings } = options;
  const classes = task.classes.map(({ name }) => name);
  const { seed, includeProbability, refillProbability, collages, negatives, jpegQuality } = settings;
  return {
    version: 1,
    task: task.name,
    data: { name: source.name, isSample: source.isSample },
    ...licences,
    createdAt,
    settings: { seed, imageSize: task.imageSize, includeProbability, refillProbability, collages, negatives, jpegQuality },
    classes,
    made: bySplit((split) => ({ collages: collages[split], negatives: pools.negatives[split].length })),
    added,
    ...countCollages(rows, classes),
    skipped: [...report.unusable, ...pools.dropped],
    timings,
  };
}

function seconds(milliseconds: number): number {
  return Math.round(milliseconds) / 1000;
}
