import { mkdir, mkdtemp, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  endTrial,
  findModel,
  type ModelCard,
  promote,
  readServed,
  reject,
  rollback,
  type ServedModel,
  startTrial,
  writeCard,
} from '../lib/models';
import { openWorkspace, type Workspace } from '../lib/workspace';

let home: string;
let workspace: Workspace;

beforeEach(async () => {
  home = await mkdtemp(path.join(os.tmpdir(), 'visionbook-versions-'));
  workspace = openWorkspace({ env: { VISIONBOOK_HOME: home } });
  for (const run of ['a', 'b', 'c']) await saveModel(run);
});
afterEach(() => rm(home, { recursive: true, force: true }));

async function saveModel(runId: string, classes = ['rice', 'fruit']): Promise<void> {
  const card: ModelCard = {
    schemaVersion: 1,
    runId,
    task: 'food',
    stage: 'head',
    classes,
    imageSize: 224,
    backbone: { name: 'efficientnet_lite0' },
    dropout: 0.2,
    preprocessing: 'tf',
    decision: { threshold: 0.5, noneBelow: 0.45 },
    weights: { source: 'a test', sha256: '', isStandIn: true },
    data: { name: 'sample', isSample: true },
    createdAt: '2026-03-01T09:05:07Z',
  };
  await writeCard(workspace, card);
}

const deleteModel = (run: string): Promise<void> => rm(workspace.model('food', run), { recursive: true });
/** `kind run<previous` of each event. */
const story = ({ history }: ServedModel): string[] =>
  history.map(({ kind, run, previous }) => `${kind} ${run}${previous ? `<${previous}` : ''}`);

describe('which model serves', () => {
  it('is unknown before the first promotion, and nothing can be done to it', async () => {
    expect(await readServed(workspace, 'food')).toBeUndefined();
    const all = [
      reject(workspace, 'food', 'a', ''),
      rollback(workspace, 'food'),
      startTrial(workspace, 'food', 'a', 0.5),
      endTrial(workspace, 'food'),
      findModel(workspace, 'food'),
    ];
    for (const one of await Promise.allSettled(all))
      expect(one).toMatchObject({ status: 'rejected', reason: { code: 'NO_MODEL', message: expect.stringContaining('npm run train') } });
  });

  it('changes by a promotion, which says when and why', async () => {
    const start = new Date().toISOString();
    const first = await promote(workspace, 'food', 'a', 'the first');
    expect(first).toMatchObject({ run: 'a', history: [{ kind: 'promoted', run: 'a', reason: 'the first' }] });
    expect(first.history[0]).not.toHaveProperty('previous');
    const second = await promote(workspace, 'food', 'b', 'better');
    expect(second.since >= start && second.since === second.history[1]!.at).toBe(true);
    expect(story(second)).toEqual(['promoted a', 'promoted b<a']);
    expect(await readServed(workspace, 'food')).toEqual(second);
    expect((await findModel(workspace, 'food')).card.runId).toBe('b');
  });

  it('does not change by promoting it again', async () => {
    const served = await promote(workspace, 'food', 'a', 'the first');
    expect(await promote(workspace, 'food', 'a', 'again')).toEqual(served);
  });

  it('is never a run without a model', async () => {
    await promote(workspace, 'food', 'a', 'the first');
    await expect(promote(workspace, 'food', 'gone', '')).rejects.toMatchObject({ code: 'NO_MODEL' });
    await writeFile(path.join(workspace.model('food', 'b'), 'card.json'), '{');
    await expect(promote(workspace, 'food', 'b', '')).rejects.toMatchObject({ code: 'UNREADABLE_MODEL' });
    expect((await readServed(workspace, 'food'))!.run).toBe('a');
  });

  it('is not replaced when it is another than was expected', async () => {
    await promote(workspace, 'food', 'a', 'the first');
    await promote(workspace, 'food', 'b', 'measured beside a', { replacing: 'a' });
    await expect(promote(workspace, 'food', 'c', 'measured beside a', { replacing: 'a' })).rejects.toMatchObject({
      code: 'MODEL_CHANGED',
      message: expect.stringMatching(/^b serves food by now, and no longer a/),
    });
    expect((await readServed(workspace, 'food'))!.run).toBe('b');
  });

  it('is read from files that name only a run, as they did before there was a history', async () => {
    const file = workspace.currentModel('food');
    await writeFile(file, '{"run":"a"}\n');
    const { mtime } = await stat(file);
    expect(await readServed(workspace, 'food')).toEqual({ run: 'a', since: mtime.toISOString(), history: [] });
    expect(story(await promote(workspace, 'food', 'b', ''))).toEqual(['promoted b<a']);
    expect((await rollback(workspace, 'food')).run).toBe('a');
  });

  it.each([
    ['cut off', '{"run":'],
    ['of another kind', '{"model":"a"}'],
    ['of a history that is none', '{"run":"a","history":[{"at":1}]}'],
  ])('cannot be told from a file that is %s, until a promotion sets it aside', async (_, text) => {
    await writeFile(workspace.currentModel('food'), text);
    await expect(readServed(workspace, 'food')).rejects.toMatchObject({
      code: 'UNREADABLE_MODEL',
      message: expect.stringContaining('current.json cannot be used'),
    });
    await expect(rollback(workspace, 'food')).rejects.toMatchObject({ code: 'UNREADABLE_MODEL' });
    expect(story(await promote(workspace, 'food', 'b', ''))).toEqual(['promoted b']);
    expect(await readFile(`${workspace.currentModel('food')}.damaged`, 'utf8')).toBe(text);
  });

  it('stays when a model is rejected, which is told once', async () => {
    await promote(workspace, 'food', 'a', 'the first');
    await reject(workspace, 'food', 'b', 'worse');
    const served = await reject(workspace, 'food', 'b', 'worse');
    expect(served.run).toBe('a');
    expect(story(served)).toEqual(['promoted a', 'rejected b']);
    expect(served.history[1]!.reason).toBe('worse');
  });

  it('is remembered for a thousand events', async () => {
    const at = '2026-03-01T09:05:07.000Z';
    const history = Array.from({ length: 1000 }, (_, index) => ({ at, kind: 'rejected', run: `old ${index}`, reason: '' }));
    await writeFile(workspace.currentModel('food'), JSON.stringify({ run: 'a', since: at, history }));
    const served = await promote(workspace, 'food', 'b', '');
    expect(served.history).toHaveLength(1000);
    expect([served.history[0]!.run, served.history.at(-1)!.run]).toEqual(['old 1', 'b']);
  });
});

describe('a rollback', () => {
  beforeEach(async () => {
    for (const run of ['a', 'b', 'c']) await promote(workspace, 'food', run, '');
  });

  it('goes back a version at a time, and at the end says that there is none', async () => {
    const served = await rollback(workspace, 'food', { reason: 'it sees cheese everywhere' });
    expect(served.run).toBe('b');
    expect(served.history.at(-1)).toMatchObject({ kind: 'rolled back', run: 'b', previous: 'c', reason: 'it sees cheese everywhere' });
    expect((await rollback(workspace, 'food')).run).toBe('a');
    await expect(rollback(workspace, 'food')).rejects.toMatchObject({ code: 'NO_EARLIER_VERSION', status: 409 });
    expect((await readServed(workspace, 'food'))!.run).toBe('a');
  });

  it('goes to any earlier version by name, forth again too', async () => {
    expect((await rollback(workspace, 'food', { to: 'a' })).run).toBe('a');
    expect((await rollback(workspace, 'food', { to: 'c' })).run).toBe('c');
    expect((await rollback(workspace, 'food')).run).toBe('a');
  });

  it('goes back to what served before a promotion that came after another rollback', async () => {
    await saveModel('d');
    await rollback(workspace, 'food');
    await promote(workspace, 'food', 'd', '');
    expect((await rollback(workspace, 'food')).run).toBe('b');
    expect((await rollback(workspace, 'food')).run).toBe('a');
  });

  it('passes over versions that were deleted, unless they are asked for', async () => {
    await deleteModel('b');
    await expect(rollback(workspace, 'food', { to: 'b' })).rejects.toMatchObject({ code: 'NO_MODEL' });
    expect((await rollback(workspace, 'food')).run).toBe('a');
  });

  it.each([
    ['the one that serves', 'c', /c serves already/],
    ['one that has never served', 'never', /never has never served, but npm run models -- promote/],
    ['a rejected one', 'rejected', /has never served/],
  ])('does not go to %s', async (_, to, message) => {
    await saveModel('rejected');
    await reject(workspace, 'food', 'rejected', '');
    await expect(rollback(workspace, 'food', { to })).rejects.toMatchObject({
      code: 'NO_EARLIER_VERSION',
      message: expect.stringMatching(message),
    });
    expect((await readServed(workspace, 'food'))!.run).toBe('c');
  });
});

describe('a trial', () => {
  beforeEach(async () => {
    await promote(workspace, 'food', 'a', '');
  });

  it('gives a second model a share, until it is ended', async () => {
    expect(await startTrial(workspace, 'food', 'b', 0.2)).toMatchObject({ run: 'a', trial: { run: 'b', share: 0.2 } });
    expect((await readServed(workspace, 'food'))!.trial).toEqual({ run: 'b', share: 0.2 });
    const ended = await endTrial(workspace, 'food');
    expect(ended).not.toHaveProperty('trial');
    expect(story(ended)).toEqual(['promoted a', 'trial started b', 'trial ended b']);
    expect(ended.history[1]!.reason).toBe('answers 20 % of the requests');
    await expect(endTrial(workspace, 'food')).rejects.toMatchObject({ code: 'NO_TRIAL' });
  });

  it('ends when another begins, or its model comes to serve, and not when a third one does', async () => {
    await startTrial(workspace, 'food', 'b', 0.2);
    expect(story(await startTrial(workspace, 'food', 'c', 1)).slice(1)).toEqual(['trial started b', 'trial ended b', 'trial started c']);
    expect((await promote(workspace, 'food', 'b', '')).trial).toEqual({ run: 'c', share: 1 });
    const served = await promote(workspace, 'food', 'c', '');
    expect(served).not.toHaveProperty('trial');
    expect(story(served).slice(-2)).toEqual(['trial ended c', 'promoted c<b']);
  });

  it.each<[string, string, number, string]>([
    ['nothing', 'b', 0, 'BAD_TRIAL'],
    ['less than nothing', 'b', -0.1, 'BAD_TRIAL'],
    ['more than all', 'b', 1.01, 'BAD_TRIAL'],
    ['no number', 'b', Number.NaN, 'BAD_TRIAL'],
    ['the model that serves', 'a', 0.5, 'BAD_TRIAL'],
    ['a model of other classes', 'other', 0.5, 'BAD_TRIAL'],
    ['no model', 'gone', 0.5, 'NO_MODEL'],
  ])('is refused for %s', async (_, run, share, code) => {
    await saveModel('other', ['rice', 'fruit', 'fish']);
    const before = await readFile(workspace.currentModel('food'), 'utf8');
    await expect(startTrial(workspace, 'food', run, share)).rejects.toMatchObject({ code });
    expect(await readFile(workspace.currentModel('food'), 'utf8')).toBe(before);
  });
});

describe('current.json', () => {
  it('keeps every event of 50 changes at once, in the order in which they were asked for', async () => {
    await promote(workspace, 'food', 'a', '');
    const names = Array.from({ length: 50 }, (_, index) => `run ${index}`);
    await Promise.all(names.map((name) => reject(workspace, 'food', name, '')));
    expect((await readServed(workspace, 'food'))!.history.slice(1).map(({ run }) => run)).toEqual(names);
  });

  it('is whole whenever it is read while models are promoted', async () => {
    await promote(workspace, 'food', 'a', '');
    let promoting = true;
    let reads = 0;
    const seen = new Set<string>();
    const reader = (async () => {
      while (promoting) {
        seen.add((await findModel(workspace, 'food')).card.runId);
        reads++;
      }
    })();
    for (let round = 0; round < 60; round++) await promote(workspace, 'food', ['b', 'c', 'a'][round % 3]!, '');
    promoting = false;
    await reader;
    expect(reads).toBeGreaterThan(60);
    expect([...seen].sort()).toEqual(['a', 'b', 'c']);
  });

  it('can be written when whoever locked it was killed', async () => {
    const lock = `${workspace.currentModel('food')}.lock`;
    await mkdir(lock);
    const longAgo = new Date(Date.now() - 60_000);
    await utimes(lock, longAgo, longAgo);
    expect((await promote(workspace, 'food', 'a', '')).run).toBe('a');
  });
});
