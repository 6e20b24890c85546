import { randomInt } from 'node:crypto';
import { mkdir, stat } from 'node:fs/promises';
import { sha256File, writeAtomic } from '../files';
import { pathFromHome, type Workspace } from '../workspace';
import { describeHardware, peakMemoryMiB, readGit, readVersions } from './environment';
import { ArtifactMissing, RunEnded } from './errors';
import { thisProcess } from './process';
import { type Artifact, type EpochRecord, type RunRecord, schemaVersion } from './record';

/** What a run is about; the rest of its record is found out. */
export interface RunStart {
  readonly workspace: Workspace;
  readonly task: string;
  readonly stage: string;
  /** Of the task: multi-label by default. */
  readonly kind?: RunRecord['kind'];
  /** The stage's hyper-parameters and the task's settings. */
  readonly config: RunRecord['config'];
  readonly seed: number;
  readonly data: RunRecord['data'];
  readonly weights: RunRecord['weights'];
  readonly hardware: { readonly backend: string };
  /** Id of the run that this one continues. */
  readonly parent?: string;
  /** Id of the run that this one repeats. */
  readonly reproduces?: string;
  /** Of which sweep it is a trial. Its id is then `<sweep>.<trial>`: begun again, as after a kill, it takes its own place. */
  readonly sweep?: RunRecord['sweep'];
  /** Called with each record when it is on disk, the first and the last too: for whoever shows runs elsewhere. It must not throw. */
  readonly onRecord?: (record: Readonly<RunRecord>) => void;
  readonly clock?: () => Date;
}

/** What may change while a run goes on. Entries of `config`, `metrics` and `extra` are added to those there; the rest is replaced. */
export type RunUpdate = Partial<Pick<RunRecord, 'config' | 'data' | 'weights' | 'metrics' | 'bestEpoch' | 'extra'>>;

/**
 * Starts a run: makes `experiments/<time>-<task>-<stage>-<id>/` and writes the first `run.json`. Folders of runs that start at the same
 * moment differ.
 *
 * @throws the file system's error
 * @example
 * const run = await startRun({ workspace, task: 'food', stage: 'head', config, seed: 42, data, weights, hardware: { backend: 'wasm' } });
 * try {
 *   await run.phase('features', () => computeFeatures());
 *   await run.epoch({ epoch: 1, seconds: 3, train, validation });
 *   await run.finish({ metrics: { test }, bestEpoch: 1 });
 * } catch (error) {
 *   await run.fail(error);
 *   throw error;
 * }
 */
export async function startRun({ workspace, onRecord, clock = () => new Date(), ...start }: RunStart): Promise<Run> {
  const startedAt = clock();
  const [versions, git] = await Promise.all([readVersions(workspace.root), readGit(workspace.root)]);
  const id = start.sweep ? sweepRunId(start.sweep) : await makeFolder(workspace, `${fileTime(startedAt)}-${start.task}-${start.stage}`);
  const first: RunRecord = {
    schemaVersion,
    id,
    task: start.task,
    stage: start.stage,
    kind: start.kind,
    status: 'running',
    parent: start.parent,
    reproduces: start.reproduces,
    sweep: start.sweep,
    startedAt: startedAt.toISOString(),
    updatedAt: startedAt.toISOString(),
    process: thisProcess(),
    config: start.config,
    seed: start.seed,
    data: start.data,
    weights: start.weights,
    versions,
    hardware: describeHardware(start.hardware.backend),
    git,
    epochs: [],
    metrics: {},
    timings: {},
    artifacts: [],
  };
  const run = new Run(workspace, first, clock, onRecord);
  await run.update({});
  return run;
}

/** The id of a run of a sweep. */
export function sweepRunId({ id, trial }: NonNullable<RunRecord['sweep']>): string {
  return `${id}.${trial}`;
}

/** A run that goes on. Every call writes the whole record, atomically and one call after another; what is on disk is never half of one. */
export class Run {
  private current: RunRecord;
  /** Settles when all writing asked for so far is done. */
  private written: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly workspace: Workspace,
    first: RunRecord,
    private readonly clock: () => Date,
    private readonly onRecord?: RunStart['onRecord'],
  ) {
    this.current = first;
  }

  get id(): string {
    return this.current.id;
  }

  /** The record as it was last written. */
  get record(): Readonly<RunRecord> {
    return this.current;
  }

  /** Where the run's record and figures are. */
  get folder(): string {
    return this.workspace.experiment(this.id);
  }

  /** Adds an epoch's numbers. @throws RUN_ENDED, and the file system's errors, as all that follow */
  epoch(epoch: EpochRecord): Promise<void> {
    return this.change(({ epochs }) => ({ epochs: [...epochs, epoch] }));
  }

  /** Does a piece of work and adds its seconds to the phase's, also when the work fails. */
  async phase<Result>(name: string, work: () => Result | Promise<Result>): Promise<Result> {
    const start = performance.now();
    try {
      return await work();
    } finally {
      const seconds = (performance.now() - start) / 1000;
      await this.change(({ timings }) => ({ timings: { ...timings, [name]: (timings[name] ?? 0) + seconds } }));
    }
  }

  update(update: RunUpdate): Promise<void> {
    return this.change((record) => merge(record, update));
  }

  /**
   * Notes a file that the run made: its path from the workspace's home, size and SHA-256. A path that was noted before is noted anew.
   *
   * @throws ARTIFACT_MISSING
   */
  async artifact(file: string): Promise<Artifact> {
    const bytes = await stat(file).then(
      (found) => (found.isFile() ? found.size : undefined),
      () => undefined,
    );
    if (bytes === undefined) throw ArtifactMissing(file);
    const fromHome = pathFromHome(this.workspace, file);
    const artifact = { path: fromHome, sha256: await sha256File(file), bytes };
    await this.change(({ artifacts }) => ({ artifacts: [...artifacts.filter((other) => other.path !== fromHome), artifact] }));
    return artifact;
  }

  /** Ends the run well. */
  finish(results: Pick<RunUpdate, 'metrics' | 'bestEpoch' | 'extra'>): Promise<void> {
    return this.change((record) => ({ ...merge(record, results), ...this.ending('finished') }));
  }

  /** Ends the run with an error. It does nothing on a run that has ended, so that a `catch` around everything may call it. */
  fail(error: unknown): Promise<void> {
    const words = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return this.change(() => ({ ...this.ending('failed'), error: words }), true);
  }

  /** Ends the run because the user wants so. It does nothing on a run that has ended. */
  interrupt(): Promise<void> {
    return this.change(() => this.ending('interrupted'), true);
  }

  private ending(status: RunRecord['status']): Partial<RunRecord> {
    return { status, finishedAt: this.clock().toISOString() };
  }

  private change(changeOf: (record: RunRecord) => Partial<RunRecord>, unlessEnded = false): Promise<void> {
    const turn = this.written.then(async () => {
      const { status } = this.current;
      if (status !== 'running') {
        if (unlessEnded) return;
        throw RunEnded(this.id, status);
      }
      const updatedAt = this.clock().toISOString();
      const next = { ...this.current, ...changeOf(this.current), updatedAt, peakMemoryMiB: peakMemoryMiB() };
      await writeAtomic(this.workspace.runRecord(this.id), recordText(next));
      this.current = next;
      this.onRecord?.(next);
    });
    // A failed write fails its caller, not the calls after it.
    this.written = turn.catch(() => undefined);
    return turn;
  }
}

function merge(record: RunRecord, { config, metrics, extra, ...rest }: RunUpdate): Partial<RunRecord> {
  return {
    ...rest,
    config: { ...record.config, ...config },
    metrics: { ...record.metrics, ...metrics },
    ...((record.extra || extra) && { extra: { ...record.extra, ...extra } }),
  };
}

/** Indented JSON with each list of numbers on one line: a curve would take 400. */
function recordText(record: RunRecord): string {
  const lists = /\[\n\s+([^[\]{}"]*?)\n\s+\]/g;
  return `${JSON.stringify(record, null, 2).replace(lists, (_, numbers: string) => `[${numbers.replace(/\s+/g, ' ')}]`)}\n`;
}

/** 2026-03-01T09:05:07.123Z as 20260301T090507Z: it sorts by time, and every file system takes it. */
function fileTime(time: Date): string {
  return time.toISOString().replace(/\.\d+/, '').replace(/[-:]/g, '');
}

async function makeFolder(workspace: Workspace, name: string): Promise<string> {
  await mkdir(workspace.experiments, { recursive: true });
  for (;;) {
    // Not from the run's seed: runs of the same seed must differ.
    const id = `${name}-${randomInt(36 ** 6)
      .toString(36)
      .padStart(6, '0')}`;
    try {
      await mkdir(workspace.experiment(id));
      return id;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}
