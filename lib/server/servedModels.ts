import { stat } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { VisionbookError } from '../errors';
import { isMissing } from '../files';
import { findModel, modelFiles, NoModel, readServed, type ServedModel } from '../models';
import { openPredictor } from '../prediction';
import { threadCount } from '../threads';
import type { Workspace } from '../workspace';
import { ModelSlot } from './modelSlot';
import { ModelUnavailable } from './pictureErrors';

/** What of a logger is used here. */
export interface ServerLog {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
}

export interface ServedModelsOptions {
  readonly workspace: Workspace;
  readonly task: string;
  readonly log: ServerLog;
  /** Pictures with more pixels are refused. */
  readonly maximumPixels: number;
}

/** The models that answer now: replaced as a whole, so that no request meets half of a switch. */
export interface Serving {
  readonly main: ModelSlot;
  /** A second model, and the share of pictures that it answers. */
  readonly trial?: { readonly slot: ModelSlot; readonly share: number };
}

/** How often the files that say what answers are looked at, in ms: another process may have changed them. Looking is a `stat` or two. */
const pollEvery = 1000;
/** How long before a model that could not be loaded is tried again, in ms. */
const retryEvery = 30_000;

/**
 * The loaded models of a task, which follow `current.json`. A model that cannot be loaded never takes the place of one that works: that one
 * stays, and `problem` says why.
 */
export class ServedModels {
  private loaded: Serving | undefined;
  private failure: VisionbookError | undefined;
  private seen = '';
  private lookedAt = 0;
  private turn: Promise<void> = Promise.resolve();
  private readonly timer = setInterval(() => void this.poll(), pollEvery).unref();
  private isClosed = false;

  constructor(private readonly options: ServedModelsOptions) {}

  /** @throws NO_MODEL before there is any; MODEL_UNAVAILABLE when the only one cannot be loaded */
  get serving(): Serving {
    const { task } = this.options;
    if (this.loaded) return this.loaded;
    throw !this.failure || this.failure.code === 'NO_MODEL'
      ? (this.failure ?? NoModel(task))
      : ModelUnavailable(task, this.failure.message);
  }

  /** What serves, if anything does. */
  get current(): Serving | undefined {
    return this.loaded;
  }

  /** Why the model that `current.json` names, or the second one, is not the one that serves. */
  get problem(): string | undefined {
    return this.failure?.message;
  }

  /** Loads what `current.json` names, switches to it at once, and releases what served before after its last request. Never fails. */
  refresh(): Promise<void> {
    this.turn = this.turn.then(() => this.update());
    return this.turn;
  }

  /** Releases everything after the last request. */
  async close(): Promise<void> {
    clearInterval(this.timer);
    this.isClosed = true;
    await this.turn;
    const slots = slotsOf(this.loaded);
    this.loaded = undefined;
    await Promise.all(slots.map((slot) => slot.retire()));
  }

  private async poll(): Promise<void> {
    const isChanged = (await this.signature()) !== this.seen;
    const isDue = this.failure !== undefined && Date.now() - this.lookedAt > retryEvery;
    if (isChanged || isDue) await this.refresh();
  }

  /** Changes whenever a file is replaced that says what answers: `current.json`, or the card of a model that is loaded. */
  private async signature(): Promise<string> {
    const { workspace, task } = this.options;
    const cards = slotsOf(this.loaded).map(({ card }) => modelFiles(workspace, task, card.runId).card);
    return (await Promise.all([workspace.currentModel(task), ...cards].map(signatureOf))).join();
  }

  private async update(): Promise<void> {
    if (this.isClosed) return;
    const { workspace, task, log } = this.options;
    this.lookedAt = Date.now();
    this.seen = await this.signature();
    const before = this.loaded;
    const failures: VisionbookError[] = [];
    try {
      const served = await readServed(workspace, task);
      if (!served) throw NoModel(task);
      this.loaded = await this.load(served, failures);
    } catch (error) {
      failures.push(asProblem(error));
    }
    const after = slotsOf(this.loaded);
    for (const slot of slotsOf(before)) {
      if (!after.includes(slot)) slot.retire().catch((error: unknown) => log.warn({ task, err: error }, 'a model could not be released'));
    }
    const [failure] = failures;
    if (failure && failure.message !== this.failure?.message) log.warn({ task, code: failure.code, problem: failure.message }, 'no model');
    this.failure = failure;
    const names = describeServing(this.loaded);
    if (!isDeepStrictEqual(names, describeServing(before))) log.info({ task, ...names }, 'model serves');
  }

  /** Whether the card says something else than when the model was loaded: a calibration changes the card alone. */
  private async hasNewCard({ card }: ModelSlot): Promise<boolean> {
    const { workspace, task } = this.options;
    try {
      return !isDeepStrictEqual((await findModel(workspace, task, card.runId)).card, card);
    } catch {
      return false;
    }
  }

  /** What is to serve: models that are loaded already are taken over. */
  private async load({ run, trial }: ServedModel, failures: VisionbookError[]): Promise<Serving | undefined> {
    const { workspace, task, maximumPixels } = this.options;
    const threads = Math.max(1, Math.floor(threadCount() / 2));
    const open = async (id: string): Promise<ModelSlot | undefined> => {
      const known = slotsOf(this.loaded).find(({ card }) => card.runId === id);
      if (known && !(await this.hasNewCard(known))) return known;
      try {
        return new ModelSlot(await openPredictor(workspace, task, { run: id, withMaps: true, maximumPixels, threads }));
      } catch (error) {
        failures.push(asProblem(error));
        return known;
      }
    };
    const main = (await open(run)) ?? this.loaded?.main;
    const second = trial && main && (await open(trial.run));
    return main && { main, ...(second && { trial: { slot: second, share: trial.share } }) };
  }
}

async function signatureOf(file: string): Promise<string> {
  try {
    const { ino, size, mtimeMs } = await stat(file);
    return `${ino} ${size} ${mtimeMs}`;
  } catch (error) {
    return isMissing(error) ? 'missing' : (error as Error).message;
  }
}

function slotsOf(serving: Serving | undefined): ModelSlot[] {
  if (!serving) return [];
  return serving.trial ? [serving.main, serving.trial.slot] : [serving.main];
}

/** Names of what serves, for people. */
export function describeServing(serving: Serving | undefined): { run?: string; trial?: { run: string; share: number } } {
  if (!serving) return {};
  const { main, trial } = serving;
  return { run: main.card.runId, ...(trial && { trial: { run: trial.slot.card.runId, share: trial.share } }) };
}

function asProblem(error: unknown): VisionbookError {
  return error instanceof VisionbookError ? error : new VisionbookError('UNREADABLE_MODEL', 500, (error as Error).message);
}
