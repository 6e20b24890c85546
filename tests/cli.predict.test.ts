import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readRun } from '../lib/experiments';
import { findModel } from '../lib/models';
import { runCommand, startCommand } from './cli.fixture';
import { type TestHome, trained } from './pipeline.fixture';

let home: TestHome;
let pictures: string;
let good: string;
let broken: string;

beforeAll(async () => {
  home = await trained();
  pictures = await mkdtemp(path.join(os.tmpdir(), 'visionbook-predict-'));
  await mkdir(path.join(pictures, 'más [2]'));
  good = path.join(pictures, 'good.jpg');
  broken = path.join(pictures, 'broken.jpg');
  await copyFile(path.join(home.workspace.datasetImages, 'test_0000001.jpg'), good);
  await copyFile(path.join(home.workspace.datasetImages, 'test_0000002.jpg'), path.join(pictures, 'más [2]', 'two.jpg'));
  await writeFile(broken, 'no picture');
});
afterAll(() => rm(pictures, { recursive: true, force: true }));

describe('predict', () => {
  it('prints the probabilities and the decision for each picture', async () => {
    const { code, stdout, stderr } = await runCommand(home, 'predict', 'food', good, path.join(pictures, 'más [2]'));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const block =
      '[^\\n]+\\.jpg\\n  lacteos {10,11}[\\d.]+ %.*\\n  arroz {12,13}[\\d.]+ %.*\\n  frutas/verduras {1,3}[\\d.]+ %.*\\n  → .+\\n';
    expect(stdout).toMatch(new RegExp(`^${block}\\n${block}\\n$`));
  });

  it('prints JSON lines, with each unreadable file in its place, and ends with 1', async () => {
    const gone = path.join(pictures, 'gone.jpg');
    const { code, stdout, stderr } = await runCommand(home, 'predict', 'food', '--json', pictures, gone);
    expect(code).toBe(1);
    expect(stderr).toBe('2 of 4 files could not be read\n');
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({ file }) => path.relative(pictures, file))).toEqual(['broken.jpg', 'gone.jpg', 'good.jpg', 'más [2]/two.jpg']);
    expect(lines[0].error).toMatch(/broken\.jpg cannot be read as a picture/);
    expect(lines[1].error).toMatch(/there is no such file/);
    for (const line of lines.slice(2)) {
      expect(line.classes).toEqual(['lacteos', 'arroz', 'frutas/verduras']);
      expect(line.probabilities).toHaveLength(3);
      expect(['classes', 'none', 'uncertain']).toContain(line.decision.kind);
    }
  });

  it('takes another model by the end of its run, and says so when there is none', async () => {
    const { card } = await findModel(home.workspace, 'food');
    const other = (await readRun(home.workspace, card.runId)).parent ?? card.runId;
    const [named, unknown] = await Promise.all([
      runCommand(home, 'predict', 'food', good, '--json', '--model', other.slice(-6)),
      runCommand(home, 'predict', 'food', good, '--model', 'zzzzzz'),
    ]);
    const inFull = await runCommand(home, 'predict', 'food', good, '--json', '--model', other);
    expect(named.code).toBe(0);
    expect(named.stdout).toBe(inFull.stdout);
    expect(unknown.code).toBe(1);
    expect(unknown.stderr).toMatch(/there is no run "zzzzzz": did you mean .* \(RUN_NOT_FOUND\)/);
  });

  it.each<[string, string[], RegExp]>([
    ['an unknown task', ['predict', 'foot', 'GOOD'], /^there is no task "foot": use food or galaxy \(UNKNOWN_TASK\)\n$/],
    ['a picture that is not there', ['predict', 'food', 'gone.jpg'], /^no picture was found at gone\.jpg: .*\(NOTHING_TO_PREDICT\)\n$/],
    ['no picture', ['predict', 'food'], /^error: missing required argument 'path'/],
    ['an unknown option', ['predict', 'food', 'GOOD', '--jsno'], /unknown option '--jsno'[\s\S]*--json/],
    ['an unknown command', ['forecast'], /unknown command 'forecast'[\s\S]*predict/],
  ])('says in a line what is wrong with %s', async (_, args, message) => {
    const { code, stdout, stderr } = await runCommand(home, ...args.map((arg) => (arg === 'GOOD' ? good : arg)));
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n {4}at /);
  });

  it('says how to get a model where there is none', async () => {
    const empty = { env: { VISIONBOOK_HOME: path.join(pictures, 'nothing') } };
    const { code, stderr } = await runCommand(empty, 'predict', 'food', good);
    expect(code).toBe(1);
    expect(stderr).toBe('there is no food model yet: run npm run train -- food (NO_MODEL)\n');
  });

  it('stops in silence when its reader has read enough, as head does', async () => {
    const { child, ended } = startCommand(home, ['predict', 'food', '--json', home.workspace.datasetImages]);
    child.stdout!.once('data', () => child.stdout!.destroy());
    const { code, stderr } = await ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  it('loads no TensorFlow', async () => {
    const list = path.join(pictures, 'modules.json');
    const spy = path.join(pictures, 'spy.cjs');
    await writeFile(
      spy,
      `process.on('exit', () => {
        const { sharedObjects } = process.report.getReport();
        require('node:fs').writeFileSync(${JSON.stringify(list)}, JSON.stringify([...Object.keys(require.cache), ...sharedObjects]));
      });`,
    );
    const { code } = await startCommand(home, ['predict', 'food', good], { NODE_OPTIONS: `--require ${spy}` }).ended;
    expect(code).toBe(0);
    const loaded: string[] = JSON.parse(await readFile(list, 'utf8'));
    expect(loaded.some((file) => file.endsWith('/lib/prediction/predictor.ts'))).toBe(true);
    expect(loaded.some((file) => file.includes('onnxruntime'))).toBe(true);
    expect(
      loaded.filter((file) => /tfjs|tensorflow(?!\.ts$)|danfojs|h5wasm|plotly|jsdom/i.test(file.replace(/^.*node_modules/, ''))),
    ).toEqual([]);
  });
});
