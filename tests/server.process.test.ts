import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { request } from 'undici';
import { beforeAll, describe, expect, it } from 'vitest';
import { picturesBySplit, readDataset } from '../lib/data';
import { readServed } from '../lib/models';
import { food } from '../lib/tasks';
import { type Command, startCommand } from './cli.fixture';
import { copyOfTrained, type TestHome } from './pipeline.fixture';
import { multipart, photo } from './server.fixture';

/** A server as `npm run serve` starts it, and where it listens. */
async function serve(home: TestHome, more: Record<string, string> = {}): Promise<{ command: Command; address: string; pid: number }> {
  const command = startCommand(home, ['serve', '--port', '0'], more);
  const address = await new Promise<string>((resolve, reject) => {
    let said = '';
    command.child.stderr!.on('data', (text: string) => {
      said += text;
      const [, found] = /visionbook is at (\S+)/.exec(said) ?? [];
      if (found) resolve(found);
    });
    command.child.on('close', () => reject(new Error(`the server ended: ${said}`)));
  });
  await expect
    .poll(async () => (await get(`${address}/health`)) as object, { timeout: 60_000 })
    .toMatchObject({ database: { reachable: true } });
  return { command, address, pid: command.child.pid! };
}

async function post(url: string, body: Buffer | string, headers: Record<string, string>): Promise<{ status: number; json: never }> {
  const response = await request(url, { method: 'POST', body, headers });
  return { status: response.statusCode, json: (await response.body.json()) as never };
}

async function predict(address: string, content: Buffer): Promise<{ status: number; json: never }> {
  const { payload, headers } = multipart({ content });
  return post(`${address}/food/predict`, payload as Buffer, headers as Record<string, string>);
}

const get = async (url: string): Promise<never> => (await (await request(url)).body.json()) as never;

let home: TestHome;
beforeAll(async () => {
  home = await copyOfTrained();
});

// A start and a stop take some seconds each, and more on a busy machine.
const patience = 180_000;

describe('npm run serve', { timeout: patience }, () => {
  it('loads no TensorFlow and no HDF5, and stays small', async () => {
    const { command, address, pid } = await serve(home);
    for (let seed = 0; seed < 40; seed++) expect((await predict(address, await photo(seed, 640, 480))).status).toBe(200);
    const maps = readFileSync(`/proc/${pid}/maps`, 'utf8');
    expect(maps).not.toMatch(/tensorflow|tfjs|h5wasm/i);
    expect(maps).toContain('onnxruntime');
    const { memoryMb } = (await get(`${address}/health`)) as { memoryMb: number };
    expect(memoryMb).toBeLessThan(350);
    command.child.kill('SIGTERM');
    expect((await command.ended).code).toBe(0);
  });

  it('answers what is under way when it is told to stop, and loses no prediction', async () => {
    const { command, address } = await serve(home);
    const { total: before } = (await get(`${address}/predictions`)) as { total: number };
    const under = Array.from({ length: 20 }, async (_, seed) => predict(address, await photo(200 + seed, 640, 480)));
    await under[0];
    command.child.kill('SIGTERM');
    const answers = await Promise.allSettled(under);
    const answered = answers.filter((one) => one.status === 'fulfilled' && one.value.status === 200).length;
    expect((await command.ended).code).toBe(0);
    expect(answered).toBeGreaterThan(0);
    // Whoever was not answered was refused a connection, and none was cut off in the middle of an answer.
    const again = await serve(home);
    const { total } = (await get(`${again.address}/predictions`)) as { total: number };
    expect(total - before).toBe(answered);
    again.command.child.kill('SIGTERM');
    await again.command.ended;
  });

  it('says in a line what is wrong with a port that is taken, and with settings', async () => {
    const { command, address } = await serve(home);
    const other = await copyOfTrained();
    const second = await startCommand(other, ['serve', '--port', new URL(address).port]).ended;
    expect([second.code, second.stderr]).toEqual([
      1,
      expect.stringMatching(/another program listens on 127\.0\.0\.1:\d+: .*--port \(PORT_TAKEN\)/),
    ]);
    const third = await startCommand(other, ['serve'], { ADMIN_TOKEN: 'short' }).ended;
    expect([third.code, third.stderr]).toEqual([1, expect.stringContaining('ADMIN_TOKEN')]);
    command.child.kill('SIGTERM');
    await command.ended;
  });
});

describe('ten corrections', { timeout: patience }, () => {
  it('start a retraining in a process of its own, which is followed live, judged, and noted, while predictions go on', async () => {
    const own = await copyOfTrained();
    const { command, address } = await serve(own);
    const before = (await readServed(own.workspace, 'food'))!.run;
    const seen: { status: string; stage?: string; last?: { verdict: string } }[] = [];
    const events = await request(`${address}/retrain_events`);
    expect(events.headers['content-type']).toMatch(/^text\/event-stream/);
    const following = (async () => {
      let rest = '';
      for await (const chunk of events.body) {
        rest += chunk;
        const blocks = rest.split('\n\n');
        rest = blocks.pop()!;
        for (const block of blocks) if (block.startsWith('data: ')) seen.push(JSON.parse(block.slice(6)));
        if (seen.at(-1)?.last && seen.at(-1)?.status !== 'running') return;
      }
    })();

    const { train } = picturesBySplit(await readDataset(own.workspace, food));
    // The same picture twice would be one correction.
    const different = [...new Map(train.map((picture) => [picture.sha256, picture])).values()];
    for (const [index, { path: file }] of different.slice(0, 10).entries()) {
      const { json } = await predict(address, readFileSync(file));
      const { id } = (json as { predictions: { id: number }[] }).predictions[0]!;
      const wrong = JSON.stringify({ prediction: id, labels: ['arroz'] });
      const corrected = await post(`${address}/correct_labels`, wrong, { 'content-type': 'application/json' });
      expect(corrected).toMatchObject({ status: 200, json: { pending: index + 1 } });
    }
    let during = 0;
    while ((((await get(`${address}/retrain_status`)) as { status: string }).status as string) === 'running') {
      expect((await predict(address, await photo(during++))).status).toBe(200);
    }
    await following;
    const stages = new Set(seen.flatMap(({ stage }) => stage ?? []));
    expect([...stages]).toEqual(expect.arrayContaining(['training', 'gate']));
    const { verdict } = seen.at(-1)!.last!;
    const after = (await readServed(own.workspace, 'food'))!;
    expect(after.history.at(-1)!.kind).toBe(verdict);
    expect(after.run === before).toBe(verdict === 'rejected');
    await expect.poll(() => readFileSync(own.workspace.retrainingStatus, 'utf8')).toMatch(/^STATUS:idle\n.+/);
    if (verdict === 'promoted') {
      expect(readdirSync(path.join(own.workspace.corrections, 'history')).filter((name) => name.endsWith('.csv'))).toHaveLength(1);
      await expect
        .poll(async () => ((await predict(address, await photo(1))).json as { predictions: { model: string }[] }).predictions[0]!.model)
        .toBe(after.run);
    }
    command.child.kill('SIGTERM');
    expect((await command.ended).code).toBe(0);
  });
});
