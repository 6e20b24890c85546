import { readdir } from 'node:fs/promises';
import { type RunRecord, readRuns } from '../experiments';
import { isMissing } from '../files';
import type { Workspace } from '../workspace';
import type { RemoteRun } from './api';
import { type MlflowClient, openClient } from './client';
import { isServerAway } from './errors';
import { sendModel } from './sendModel';
import { sendRun } from './sendRun';
import { readSent, writeSent } from './sent';
import { type MlflowSettings, mlflowSettings } from './settings';

/** A process whose work is done is kept no longer than one call may take. */
const patience = { seconds: 10, retries: 2 };
/** After a failure the server is left alone for so long, in ms. */
const rest = 30_000;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Whom to tell every record of a run, so that MLflow shows it while it goes on. Nobody waits for the server: records are sent in the background, the
 * newest of each run, and what cannot be sent stays on disk for the next run or `npm run mlflow -- push`.
 *
 * @returns undefined where MLFLOW_TRACKING_URI is not set, or names no server, which is said once
 */
export function followRuns(workspace: Workspace, env: Environment = process.env): ((record: Readonly<RunRecord>) => void) | undefined {
  const sender = senderOf(workspace, env);
  return sender && ((record) => sender.follow(record));
}

/** Tells MLflow, in the background, which model serves a task: to be called when that has changed. */
export function announceModel(workspace: Workspace, task: string, env: Environment = process.env): void {
  senderOf(workspace, env)?.announce(task);
}

/** Settles when the background has sent what it had to, or has given up for now. */
export async function mlflowSettled(workspace: Workspace, env: Environment = process.env): Promise<void> {
  await senderOf(workspace, env)?.settled;
}

/** One a workspace and server in this process: it knows what was sent. */
const senders = new Map<string, Sender>();
const warned = new Set<string>();

function senderOf(workspace: Workspace, env: Environment): Sender | undefined {
  let settings: MlflowSettings | undefined;
  try {
    settings = mlflowSettings(env);
  } catch (error) {
    warnOnce((error as Error).message);
  }
  if (!settings) return undefined;
  const key = JSON.stringify([workspace.experiments, settings]);
  const sender = senders.get(key) ?? new Sender(workspace, settings);
  senders.set(key, sender);
  return sender;
}

function warnOfFailure(error: unknown): void {
  warnOnce(`${(error as Error).message}. Work goes on; the next run, or npm run mlflow -- push, sends what was not sent`);
}

function warnOnce(message: string): void {
  if (warned.has(message)) return;
  warned.add(message);
  console.warn(message);
}

/** What the server refuses must not hold up the rest; it stays in the queue on disk. */
async function unlessRefused(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (isServerAway(error)) throw error;
    warnOfFailure(error);
  }
}

class Sender {
  settled: Promise<void> = Promise.resolve();
  /** The newest record of each run that has news. */
  private readonly records = new Map<string, Readonly<RunRecord>>();
  private readonly tasks = new Set<string>();
  /** What the server has of this process' runs. */
  private readonly remotes = new Map<string, RemoteRun>();
  /** Settles when the disk says that a run is to be sent. */
  private readonly queued = new Map<string, Promise<void>>();
  private client: MlflowClient | undefined;
  private isSending = false;
  private isResting = false;
  private hasLookedBack = false;

  constructor(
    private readonly workspace: Workspace,
    private readonly settings: MlflowSettings,
  ) {}

  follow(record: Readonly<RunRecord>): void {
    if (!this.queued.has(record.id)) this.queued.set(record.id, this.queue(record.id));
    this.records.set(record.id, record);
    this.wake();
  }

  announce(task: string): void {
    this.tasks.add(task);
    this.wake();
  }

  private async queue(runId: string): Promise<void> {
    try {
      await writeSent(this.workspace, runId, { server: this.settings.url, complete: false });
    } catch (error) {
      warnOfFailure(error);
    }
  }

  private wake(): void {
    if (this.isSending || this.isResting) return;
    this.isSending = true;
    this.settled = this.sendAll();
  }

  private async sendAll(): Promise<void> {
    try {
      this.client ??= await openClient(this.settings, patience);
      await this.lookBack();
      while (this.records.size + this.tasks.size > 0) await this.sendNext(this.client);
    } catch (error) {
      this.isResting = true;
      setTimeout(() => {
        this.isResting = false;
        if (this.records.size + this.tasks.size > 0) this.wake();
      }, rest).unref();
      warnOfFailure(error);
    } finally {
      this.isSending = false;
    }
  }

  /** Runs go before models: a version belongs to its run. */
  private async sendNext(client: MlflowClient): Promise<void> {
    const [record] = this.records.values();
    if (record) {
      await this.queued.get(record.id);
      const known = this.remotes.get(record.id);
      // After a failure nobody knows what has arrived, so the server is asked.
      this.remotes.delete(record.id);
      await unlessRefused(async () => {
        const { remote } = await sendRun(client, this.workspace, record, known);
        this.remotes.set(record.id, remote);
      });
      if (this.records.get(record.id) === record) this.records.delete(record.id);
      return;
    }
    const [task] = this.tasks;
    await unlessRefused(() => sendModel(client, this.workspace, task!));
    this.tasks.delete(task!);
  }

  /** Takes up, once a process, what earlier ones could not send to this server. */
  private async lookBack(): Promise<void> {
    if (this.hasLookedBack) return;
    const waiting = await waitingRuns(this.workspace, this.settings.url);
    const others = waiting.filter((id) => !this.queued.has(id));
    if (others.length > 0) {
      const { runs } = await readRuns(this.workspace);
      // The oldest first, before those of this process: children name their parents.
      const earlier = runs.filter(({ id, status }) => others.includes(id) && status !== 'running');
      const own = [...this.records];
      this.records.clear();
      for (const record of earlier) {
        this.records.set(record.id, record);
        this.tasks.add(record.task);
      }
      for (const [id, record] of own) this.records.set(id, record);
    }
    this.hasLookedBack = true;
  }
}

/** Runs that are in the queue for a server. */
async function waitingRuns(workspace: Workspace, server: string): Promise<string[]> {
  let names: string[];
  try {
    names = await readdir(workspace.experiments);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
  const sent = await Promise.all(names.map((name) => readSent(workspace, name)));
  return names.filter((_, index) => sent[index]?.server === server && !sent[index].complete);
}
