import { beforeAll, describe, expect, it } from 'vitest';
import { compareRuns, type RunRecord, readRuns } from '../lib/experiments';
import { runCommand } from './cli.fixture';
import { type TestHome, trained } from './pipeline.fixture';

let home: TestHome;
let runs: RunRecord[];

beforeAll(async () => {
  home = await trained();
  ({ runs } = await readRuns(home.workspace));
});

const compare = (...args: string[]) => runCommand(home, 'compare', ...args);
const ends = (): string[] => runs.map(({ id }) => id.slice(-6));

describe('compare', () => {
  it('prints the differences, McNemar’s test, a verdict and what to know, of runs named by their ends', async () => {
    const { code, stdout } = await compare(...ends());
    expect(code).toBe(0);
    const [first, second] = runs.map(({ id }) => id);
    expect(stdout).toMatch(new RegExp(`^${second} against ${first}, on 36 test pictures\n`));
    expect(stdout).toMatch(/^AUC ↑ +\d\.\d{3} +\d\.\d{3} +[+−]?0\.\d{4} +[+−]?0\.\d{4} to [+−]?0\.\d{4} +(better|worse|not shown)$/m);
    expect(stdout).toMatch(/^finetune · \w{6} +\d+ +\d+ +exact +[\d.]+$/m);
    expect(stdout).toMatch(/^finetune · \w{6}: (better|worse|no difference) .*points of AUC, 95 % CI .* to /m);
    expect(stdout).toContain('note: the pictures are of the generated sample');
  });

  it('goes by the metric and the split that are asked for', async () => {
    const { stdout } = await compare(...ends(), '--metric', 'f1Macro', '--split', 'validation');
    expect(stdout).toContain('on 36 validation pictures');
    expect(stdout).toMatch(/points of macro F1, 95 % CI/);
  });

  it('writes everything as one JSON object', async () => {
    const { verdicts, ...comparison } = JSON.parse((await compare(...ends(), '--json')).stdout);
    expect(comparison).toEqual(await compareRuns({ workspace: home.workspace, runs }));
    expect(verdicts).toMatchObject([{ run: { id: runs[1]!.id }, verdict: { metric: 'auc', pictures: 36 } }]);
  });

  it.each([
    ['a run that is not there', () => [ends()[0]!, 'zzzzzz'], /no run "zzzzzz".*RUN_NOT_FOUND/s],
    ['one run', () => [ends()[0]!], /two runs or more \(NOT_COMPARABLE\)/],
    ['a metric of another kind of task', () => [...ends(), '--metric', 'kappa'], /no "kappa" of these pictures: choose one of .*auc/],
    ['a metric that is none', () => [...ends(), '--metric', 'beauty'], /Allowed choices are .*f1Macro/],
  ])('refuses %s, and says what to do', async (_, args, reason) => {
    const { code, stderr } = await compare(...args());
    expect(code).toBe(1);
    expect(stderr).toMatch(reason);
  });
});
