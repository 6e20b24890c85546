import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readRuns } from '../lib/experiments';
import { readServed, reject } from '../lib/models';
import { runCommand } from './cli.fixture';
import { copyOfTrained, type TestHome } from './pipeline.fixture';

let home: TestHome;
/** The runs of the head and of the fine-tuning, and the one of them that serves. */
let runs: string[];
let serving: string;
let other: string;

beforeAll(async () => {
  home = await copyOfTrained();
  runs = (await readRuns(home.workspace)).runs.map(({ id }) => id);
  serving = (await readServed(home.workspace, 'food'))!.run;
  other = runs.find((run) => run !== serving)!;
});

const models = (...args: string[]) => runCommand(home, 'models', ...args);
const end = (run: string): string => run.slice(-6);
const served = async () => (await readServed(home.workspace, 'food'))!;

describe('models', () => {
  it('lists all versions with what they reached and what they are', async () => {
    const { code, stdout } = await models('ls');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^run +state +created +validation AUC +test AUC +test exact match +trained on\n/);
    expect(stdout).toMatch(
      new RegExp(
        `^${serving} +serving +\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d +0\\.\\d{3} +0\\.\\d{3} +0\\.\\d{3} +88 pictures of sample$`,
        'm',
      ),
    );
    expect(stdout).toMatch(new RegExp(`^${other} +candidate `, 'm'));
    expect(stdout).toContain(`\n${serving} (serving)\n  trained: the `);
  });

  it('cannot go back where nothing served before', async () => {
    const { code, stderr } = await models('rollback');
    expect(code).toBe(1);
    expect(stderr).toMatch(/is the only version that has served \(npm run models -- ls shows all\) \(NO_EARLIER_VERSION\)\n$/);
  });

  it('promotes a version by the end of its name, goes back, and forth again by name', async () => {
    const promoted = await models('promote', end(other));
    expect(promoted).toMatchObject({ code: 0, stdout: `the food model that serves is ${other}\n` });
    expect((await served()).history.at(-1)).toMatchObject({ kind: 'promoted', run: other, previous: serving, reason: 'promoted by hand' });
    const back = await models('rollback');
    expect(back).toMatchObject({ code: 0, stdout: `the food model that serves is ${serving} again, and no longer ${other}\n` });
    expect((await models('ls')).stdout).toMatch(new RegExp(`^${other} +rolled back `, 'm'));
    expect(await models('rollback', '--to', end(other))).toMatchObject({ code: 0 });
    expect((await served()).run).toBe(other);
    expect((await models('ls')).stdout).toMatch(new RegExp(`^${other} +serving `, 'm'));
    await models('rollback');
    expect((await served()).run).toBe(serving);
  });

  it('puts a second version on trial, and ends it', async () => {
    const begun = await models('trial', end(other), '--share', '0.25');
    expect(begun).toMatchObject({ code: 0, stdout: `${other} answers 25 % of the requests, and ${serving} the others\n` });
    expect((await served()).trial).toEqual({ run: other, share: 0.25 });
    const { stdout } = await models('ls');
    expect(stdout).toMatch(new RegExp(`^${other} +trial `, 'm'));
    expect(stdout).toContain(`${other} (trial)\n  answers 25 % of the requests`);
    expect(await models('trial', '--end')).toMatchObject({ code: 0, stdout: `the trial has ended: ${serving} answers every request\n` });
    expect(await served()).not.toHaveProperty('trial');
  });

  it('shows why a version was rejected', async () => {
    await reject(home.workspace, 'food', other, 'it sees cheese everywhere');
    const { stdout } = await models('ls');
    expect(stdout).toMatch(new RegExp(`^${other} +rejected `, 'm'));
    expect(stdout).toContain(`${other} (rejected)\n  it sees cheese everywhere\n`);
  });

  it.each<[string, string[], RegExp]>([
    ['a version that is not there', ['promote', 'zzzzzz'], /there is no run "zzzzzz".*\(RUN_NOT_FOUND\)\n$/],
    ['no version to promote', ['promote'], /^error: missing required argument 'run'/],
    ['no version to try', ['trial'], /^error: missing argument 'run': name one, or write --end/],
    ['a share that is none', ['trial', 'OTHER', '--share', 'half'], /a share of NaN is not in \(0, 1\] \(BAD_TRIAL\)\n$/],
    ['no trial to end', ['trial', '--end'], /no second food model is on trial.*\(NO_TRIAL\)\n$/],
    ['an unknown task', ['ls', '--task', 'foot'], /there is no task "foot".*\(UNKNOWN_TASK\)\n$/],
  ])('says in a line what is wrong with %s', async (_, args, message) => {
    const { code, stdout, stderr } = await models(...args.map((arg) => (arg === 'OTHER' ? other : arg)));
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n {4}at /);
  });

  it('says how to get a model where there is none', async () => {
    const { code, stderr } = await runCommand({ env: { VISIONBOOK_HOME: path.join(home.home, 'empty') } }, 'models', 'ls');
    expect(code).toBe(1);
    expect(stderr).toBe('there is no food model yet: run npm run train -- food (NO_MODEL)\n');
  });

  it('may be told by two processes at once', async () => {
    const before = (await served()).history.length;
    const [one, two] = await Promise.all([models('trial', other, '--share', '0.1'), models('promote', other)]);
    expect([one.code, two.code]).toContain(0);
    const { run, history } = await served();
    expect(run).toBe(other);
    expect(history.length).toBeGreaterThan(before);
  });
});
