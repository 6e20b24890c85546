import { beforeAll, describe, expect, it } from 'vitest';
import { readRuns } from '../lib/experiments';
import { readServed } from '../lib/models';
import { runCommand } from './cli.fixture';
import { type TestHome, trained } from './pipeline.fixture';

let home: TestHome;
beforeAll(async () => {
  home = await trained();
});

describe('errors', () => {
  it('prints the worst pictures of the current model, accuracy by source, and likely label errors', async () => {
    const { code, stdout } = await runCommand(home, 'errors', 'food');
    expect(code).toBe(0);
    expect(stdout.split('\n')[0]).toBe((await readServed(home.workspace, 'food'))!.run);
    expect(stdout).toMatch(/^\d+ of 36 test pictures are wrong$/m);
    expect(stdout).toMatch(/^The worst\npicture +labels +model +loss\ntest_\d+\.jpg /m);
    expect(stdout).toMatch(/^food11\/evaluation\/Rice +\d+ +\d+ +[01](\.\d+)? +[01](\.\d+)? +[01](\.\d+)?$/m);
    expect(stdout).toMatch(/^Likely label errors, \d+ of \d+\n/m);
  });

  it('takes a run by the end of its name, and says what to do where there is none', async () => {
    const { runs } = await readRuns(home.workspace);
    const head = runs.find(({ stage }) => stage === 'head')!.id;
    expect((await runCommand(home, 'errors', 'food', '--model', head.slice(-6))).stdout).toContain(head);
    const { code, stderr } = await runCommand(home, 'errors', 'galaxy');
    expect(code).toBe(1);
    expect(stderr).toMatch(/npm run train -- galaxy/);
  });
});
