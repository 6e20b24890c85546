import { beforeAll, describe, expect, it } from 'vitest';
import { findModel } from '../lib/models';
import { runCommand } from './cli.fixture';
import { copyOfTrained, type TestHome } from './pipeline.fixture';

let home: TestHome;

beforeAll(async () => {
  home = await copyOfTrained();
});

describe('export', () => {
  it('prints sizes and what was lost, and predict then takes the new model', async () => {
    const { card } = await findModel(home.workspace, 'food');
    const { code, stdout } = await runCommand(home, 'export', '--run', card.runId.slice(-6), '--int8', '--f16');
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^model +MB +of float32 +ms a picture +file\nfloat32 .*model\.onnx\nint8 .*model\.int8\.onnx\nfloat16 .*model\.f16\.onnx\n/,
    );
    expect(stdout).toMatch(/\nint8 +lacteos .*\nint8 +arroz .*\nint8 +frutas\/verduras .*\nint8 +all \(36 test pictures\) .* %\n/);
    const predicted = await runCommand(
      home,
      'predict',
      'food',
      `${home.workspace.datasetImages}/test_0000001.jpg`,
      '--json',
      '--variant',
      'int8',
    );
    expect(JSON.parse(predicted.stdout).probabilities).toHaveLength(3);
  });

  it.each<[string, string[], RegExp]>([
    ['an unknown run', ['export', '--run', 'zzzzzz'], /^there is no run "zzzzzz"/],
    ['an unknown task', ['export', 'foot'], /^there is no task "foot"/],
    ['an unknown form', ['predict', 'food', 'a.jpg', '--variant', 'int4'], /Allowed choices are int8, float16/],
  ])('says in a line what is wrong with %s', async (_, args, message) => {
    const { code, stderr } = await runCommand(home, ...args);
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n {4}at /);
  });
});
