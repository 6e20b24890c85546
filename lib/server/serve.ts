import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { FastifyInstance } from 'fastify';
import pino, { type Logger } from 'pino';
import { takesCorrections } from '../corrections';
import { tasks } from '../tasks';
import type { Workspace } from '../workspace';
import { openAdmission } from './admission';
import { buildApp } from './app';
import { bundleClient } from './client';
import { type ServerConfig, serverConfig } from './config';
import type { ServedTask, ServerContext } from './context';
import { openDatabase } from './database';
import { PortTaken } from './errors';
import { openInference } from './inference';
import { openRetraining } from './retraining';
import { mirrorVersions } from './routes/models';
import { openUploads } from './uploads';

/** A server that listens. */
export interface RunningServer {
  /** Such as `http://127.0.0.1:5000`. */
  readonly address: string;
  readonly app: FastifyInstance;
  readonly context: ServerContext;
  /** Ends requests under way, writes what is buffered, and frees everything. */
  close(): Promise<void>;
}

export interface ServeOptions {
  readonly workspace: Workspace;
  readonly config?: ServerConfig;
  readonly log?: Logger;
}

/** Connections that may wait to be taken up: with Node's 511, some of 1,000 at once are reset. The system's own limit counts too. */
const backlog = 4096;

const sweepMilliseconds = 10 * 60 * 1000;

/**
 * Starts the server: models in ONNX Runtime, the database, retraining, pages and API.
 *
 * @throws PORT_TAKEN, BAD_SERVER_SETTINGS, DATABASE_BUSY
 */
export async function serve({ workspace, config = serverConfig(), log = openLog(config) }: ServeOptions): Promise<RunningServer> {
  const closers: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    const [bundle, database] = await Promise.all([
      bundleClient(),
      openDatabase({ workspace, log, ...(config.databaseUrl && { url: config.databaseUrl }) }),
    ]);
    closers.push(() => database.close());
    const uploads = openUploads({ folder: workspace.uploads, keepHours: config.uploadHours });
    const served: ServedTask[] = [];
    for (const task of tasks) {
      const inference = await openInference({ workspace, task: task.name, log, maximumPixels: config.limits.pixels });
      closers.push(() => inference.close());
      const onEnded = async (): Promise<void> => {
        await inference.refresh();
        await mirrorVersions({ workspace, database }, task);
      };
      const retraining = takesCorrections(task) ? openRetraining({ workspace, task, log, onEnded }) : undefined;
      if (retraining) closers.push(() => retraining.close());
      served.push({ task, inference, ...(retraining && { retraining }) });
    }
    const { bytesInFlight: maximumBytes, uploadsInFlight: maximumRequests } = config.limits;
    const context: ServerContext = {
      config,
      workspace,
      database,
      uploads,
      tasks: served,
      admission: openAdmission({ maximumBytes, maximumRequests, maximumPerRequest: config.limits.pictureBytes }),
    };

    const app = await buildApp({ context, bundle, version: versionOf(workspace), log });
    closers.push(() => app.close());
    const address = await app.listen({ host: config.host, port: config.port, backlog }).catch((error: NodeJS.ErrnoException) => {
      throw error.code === 'EADDRINUSE' ? PortTaken(config.host, config.port) : error;
    });

    const sweep = (): void => void uploads.sweep().catch((error: unknown) => log.error({ err: error }, 'old uploads could not be removed'));
    sweep();
    const sweeping = setInterval(sweep, sweepMilliseconds);
    closers.push(async () => clearInterval(sweeping));
    for (const { task, retraining } of served) {
      await mirrorVersions(context, task);
      await retraining?.startIfDue();
    }
    return { address, app, context, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Structured logs: JSON lines, or for a person's terminal lines to read. */
function openLog({ logLevel: level }: ServerConfig): Logger {
  const redact = { paths: ['req.headers.authorization', 'req.headers.cookie'], remove: true };
  if (!process.stdout.isTTY) return pino({ level, redact });
  return pino({
    level,
    redact,
    transport: { target: 'pino-pretty', options: { ignore: 'pid,hostname,reqId', translateTime: 'HH:MM:ss' } },
  });
}

function versionOf({ root }: Workspace): string {
  return JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')).version;
}
