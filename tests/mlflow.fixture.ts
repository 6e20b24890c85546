import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { openWorkspace } from '../lib/workspace';

const { root } = openWorkspace({ env: {} });

/** MLflow's command, in a Python environment of its own; undefined where there is none, and its tests are skipped. */
export const mlflowCommand = [process.env.VISIONBOOK_MLFLOW, path.join(root, '.venv-mlflow/bin/mlflow')].find(
  (command) => command && existsSync(command),
);

/** What the way to the server does with requests. */
export type Way = 'open' | 'closed' | 'out of order' | 'garbage' | 'silent' | 'loses answers';

/** A real MLflow server, and a way to it that a test can disturb. */
export interface MlflowServer {
  /** The address of the way. */
  readonly url: string;
  way: Way;
  /** The requests that have come, such as `POST runs/create`. */
  readonly requests: string[];
  kill(): Promise<void>;
  start(): Promise<void>;
  close(): Promise<void>;
  /** What a call of the REST API answers, sent past the way. */
  ask<Answer>(call: string, body?: object): Promise<Answer>;
  /** What a Python program prints as JSON; its MLflow speaks to the server. */
  python<Answer>(program: string): Promise<Answer>;
}

export async function startMlflow(command: string): Promise<MlflowServer> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'visionbook-mlflow-'));
  const port = await freePort();
  const direct = `http://127.0.0.1:${port}`;
  let child: ChildProcess;
  const requests: string[] = [];
  const front = http.createServer((request, response) => {
    requests.push(`${request.method} ${request.url!.replace(/^\/api\/2\.0\/(mlflow\/)?/, '').replace(/\?.*/, '')}`);
    handle(server.way, direct, request, response);
  });
  front.listen(0, '127.0.0.1');
  await once(front, 'listening');
  const server: MlflowServer = {
    url: `http://127.0.0.1:${(front.address() as AddressInfo).port}`,
    way: 'open',
    requests,
    start: async () => {
      const options = ['--backend-store-uri', `sqlite:///${folder}/mlflow.db`, '--artifacts-destination', `${folder}/artifacts`];
      child = spawn(command, ['server', ...options, '--host', '127.0.0.1', '--port', String(port), '--workers', '1'], {
        cwd: folder,
        env: { ...process.env, MLFLOW_SERVER_ENABLE_JOB_EXECUTION: 'false', MLFLOW_DISABLE_TELEMETRY: 'true' },
        stdio: 'ignore',
        detached: true, // a group of its own, which ends as a whole
      });
      while (!(await fetch(`${direct}/health`).catch(() => undefined))?.ok) {
        if (child.exitCode !== null) throw new Error(`mlflow server ended with ${child.exitCode}`);
        await sleep(50);
      }
    },
    kill: async () => {
      const ended = once(child, 'exit');
      process.kill(-child.pid!, 'SIGKILL');
      await ended;
    },
    close: async () => {
      await server.kill();
      front.closeAllConnections();
      front.close();
      rmSync(folder, { recursive: true, force: true });
    },
    ask: async (call, body) => {
      const response = await fetch(`${direct}/api/2.0/mlflow/${call}`, {
        ...(body && { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      });
      return response.json() as Promise<never>;
    },
    python: async (program) => {
      const python = path.join(path.dirname(command), 'python');
      const env = { ...process.env, MLFLOW_TRACKING_URI: direct, MLFLOW_DISABLE_TELEMETRY: 'true' };
      const { stdout } = await promisify(execFile)(python, ['-c', program], { cwd: folder, env });
      return JSON.parse(stdout.trim().split('\n').at(-1)!);
    },
  };
  await server.start();
  return server;
}

function handle(way: Way, direct: string, request: http.IncomingMessage, response: http.ServerResponse): void {
  if (way === 'closed') return void request.socket.destroy();
  if (way === 'silent') return;
  if (way === 'out of order') return void response.writeHead(500).end('out of order');
  if (way === 'garbage') return void response.writeHead(200).end('<html>please log in</html>');
  const { method, headers, url } = request;
  const onward = http.request(`${direct}${url}`, { method, headers }, (answer) => {
    if (way === 'loses answers') {
      answer.resume().on('end', () => request.socket.destroy());
      return;
    }
    response.writeHead(answer.statusCode!, answer.headers);
    answer.pipe(response);
  });
  onward.on('error', () => request.socket.destroy());
  request.pipe(onward);
}

async function freePort(): Promise<number> {
  const probe = net.createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  return port;
}
