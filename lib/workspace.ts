import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { relativePath } from './files';

/** Where a task's prepared data set is. */
export interface DatasetPlaces {
  readonly dataset: string;
  readonly datasetImages: string;
  readonly labelsCsv: string;
  readonly labelsPendingCsv: string;
  /** What the data set was made of: settings, counts, fingerprint. */
  readonly datasetCard: string;
  /** The same for people. */
  readonly datasetCardText: string;
}

/** Where everything is. All paths are absolute; no other file of `lib` builds one of these. The data set among them is that of food. */
export interface Workspace extends DatasetPlaces {
  /** The checkout: the folder with visionbook's package.json. */
  readonly root: string;
  /** The folder below which everything is written. */
  readonly home: string;
  /** Downloaded data sets, in their publishers' layout. */
  readonly raw: string;
  /** The generated sample, in the same layout as `raw`. */
  readonly sample: string;
  readonly outputs: string;
  /** The server's database, where it has no other one. */
  readonly database: string;
  /** The database of the jobs, where they have no other one. */
  readonly jobs: string;
  /** Frozen layers' outputs, kept between runs. */
  readonly activations: string;
  /** Downloaded weights. */
  readonly weights: string;
  /** Pictures that were sent to the server, for a while. */
  readonly uploads: string;
  readonly corrections: string;
  readonly correctionImages: string;
  readonly pendingCsv: string;
  /** Where a retraining is: written as it goes, so that one that was cut short can be taken up again. */
  readonly retrainingJournal: string;
  /** The same for people. */
  readonly retrainingStatus: string;
  /** What was learnt, a file a retraining. */
  readonly correctionHistory: string;
  readonly experiments: string;
  readonly reportHtml: string;
  /** Runs that were made elsewhere, fetched from MLflow. */
  readonly foreignRuns: string;
  /** A folder a sweep. */
  readonly sweeps: string;
  readonly venvBin: string;
  /** The Python of the set-up's virtual environment. */
  readonly python: string;
  readonly notebooks: string;
  /** Where `npm start` leaves the notebooks that it ran. */
  readonly executedNotebooks: string;
  /** The folder of one run's record and figures. */
  experiment(runId: string): string;
  /** One run's record; everything else that the run made is named in there. */
  runRecord(runId: string): string;
  /** What a sweep left: its record, or its figure. */
  sweep(id: string, kind: 'json' | 'png'): string;
  /** The file of one run that was made elsewhere. */
  foreignRun(id: string): string;
  /** The corrections of the retraining that began then, in ISO 8601. */
  retrainedCsv(startedAt: string): string;
  /** What a bench that began then, in ISO 8601, left: its record or its figure; `what` names the bench of the server. */
  bench(startedAt: string, kind: 'json' | 'png', what?: 'serve'): string;
  /** The folder of one run's model: `model.onnx`, `model.keras`, `card.json`. */
  model(task: string, runId: string): string;
  /** What jobs said of a batch of pictures, part by part, a JSON object a line. */
  predictions(batch: string, part: number): string;
  /** The file that names the model a task serves now. */
  currentModel(task: string): string;
}

/** What decides where things are; by default the process' environment and working directory. */
export interface WorkspaceOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
}

/**
 * Finds the workspace from whatever folder a notebook or a command runs in: the nearest folder upwards whose package.json is
 * visionbook's. `VISIONBOOK_HOME` moves what is written (dataset, outputs, corrections, experiments and the sample) to another folder;
 * `VISIONBOOK_RAW` moves the downloaded data.
 *
 * @throws Error when no folder upwards is visionbook's
 */
export function openWorkspace({ env = process.env, cwd = process.cwd() }: WorkspaceOptions = {}): Workspace {
  const root = findRoot(cwd);
  const home = env.VISIONBOOK_HOME ? path.resolve(cwd, env.VISIONBOOK_HOME) : root;
  const raw = env.VISIONBOOK_RAW ? path.resolve(cwd, env.VISIONBOOK_RAW) : path.join(root, 'raw');
  const dataset = path.join(home, 'dataset');
  const outputs = path.join(home, 'outputs');
  const corrections = path.join(home, 'corrections');
  const experiments = path.join(home, 'experiments');
  const isWindows = process.platform === 'win32';
  const venvBin = path.join(root, '.venv', isWindows ? 'Scripts' : 'bin');
  return {
    root,
    home,
    raw,
    sample: path.join(home, 'raw', 'sample'),
    ...datasetIn(dataset),
    outputs,
    database: path.join(outputs, 'database'),
    jobs: path.join(outputs, 'jobs'),
    activations: path.join(outputs, 'activations'),
    weights: path.join(outputs, 'weights'),
    uploads: path.join(outputs, 'uploads'),
    corrections,
    correctionImages: path.join(corrections, 'images'),
    pendingCsv: path.join(corrections, 'pending.csv'),
    retrainingJournal: path.join(corrections, 'retraining.json'),
    retrainingStatus: path.join(corrections, 'retraining_status.txt'),
    correctionHistory: path.join(corrections, 'history'),
    experiments,
    reportHtml: path.join(experiments, 'report.html'),
    foreignRuns: path.join(experiments, 'mlflow'),
    sweeps: path.join(experiments, 'sweeps'),
    venvBin,
    python: path.join(venvBin, isWindows ? 'python.exe' : 'python'),
    notebooks: path.join(root, 'notebooks'),
    executedNotebooks: path.join(outputs, 'notebooks'),
    experiment: (runId) => path.join(experiments, runId),
    runRecord: (runId) => path.join(experiments, runId, 'run.json'),
    sweep: (id, kind) => path.join(experiments, 'sweeps', id, `sweep.${kind}`),
    foreignRun: (id) => path.join(experiments, 'mlflow', `${id}.json`),
    retrainedCsv: (startedAt) => path.join(corrections, 'history', `retrain_${fileTime(startedAt)}.csv`),
    bench: (startedAt, kind, what) => path.join(experiments, 'bench', `${fileTime(startedAt)}${what ? `-${what}` : ''}.${kind}`),
    model: (task, runId) => path.join(outputs, task, runId),
    predictions: (batch, part) => path.join(outputs, 'predictions', batch, `${String(part).padStart(5, '0')}.jsonl`),
    currentModel: (task) => path.join(outputs, task, 'current.json'),
  };
}

/** 2026-03-01T09:05:07.123Z as 20260301T090507Z, as runs' folders are named: it sorts by time, and every file system takes it. */
function fileTime(time: string): string {
  return time.replace(/\.\d+|[-:]/g, '');
}

/** A file's path from the workspace's home, as records and buckets name files. */
export function pathFromHome({ home }: Pick<Workspace, 'home'>, file: string): string {
  return relativePath(home, file);
}

/** Where a task's data set is: food's in `dataset`, as in the project that it comes from, every other one's in a folder of its own below. */
export function datasetOf({ dataset }: Pick<Workspace, 'dataset'>, task: string): DatasetPlaces {
  return datasetIn(task === 'food' ? dataset : path.join(dataset, task));
}

/** What a data set in a folder consists of. */
export function datasetIn(folder: string): DatasetPlaces {
  return {
    dataset: folder,
    datasetImages: path.join(folder, 'images'),
    labelsCsv: path.join(folder, 'labels.csv'),
    labelsPendingCsv: path.join(folder, 'labels_pending.csv'),
    datasetCard: path.join(folder, 'dataset.json'),
    datasetCardText: path.join(folder, 'CARD.md'),
  };
}

function findRoot(from: string): string {
  for (let folder = path.resolve(from); ; folder = path.dirname(folder)) {
    const manifest = path.join(folder, 'package.json');
    if (existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).name === 'visionbook') return folder;
    if (folder === path.dirname(folder))
      throw new Error(`${from} is not inside a visionbook checkout: run this in the folder you cloned, or below it`);
  }
}
