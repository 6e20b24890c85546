import { existsSync, readdirSync, readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { type BenchConfig, type BenchRecord, benchConfig, benchFigure, benchRecordSchema, measureRows, runBench } from '../lib/bench';
import { type ChildRequest, runCommand, runJob } from '../lib/bench/children';
import { hasKeras } from '../lib/bench/keras';
import { isMet, ratio } from '../lib/bench/ratios';
import { chooseData, type DataSource } from '../lib/data';
import { buildGalaxySample } from '../lib/data/galaxy';
import { readRuns } from '../lib/experiments';
import { isAlive } from '../lib/experiments/process';
import type { Progress } from '../lib/progress';
import { figureToPng } from '../lib/report';
import { food, galaxy, type SettingsOverrides, settingsFor } from '../lib/tasks';
import { median } from '../lib/timing';
import type { Workspace } from '../lib/workspace';
import { startCommand } from './cli.fixture';
import { fillSource, put, temporaryFolder, temporaryWorkspace } from './data.fixtures';

describe('a median', () => {
  it.each([
    [[3], 3],
    [[9, 1, 5], 5],
    [[4, 1, 3, 2], 2.5],
    [[10, 9, 100], 10],
  ])('of %j is %d', (values, expected) => {
    expect(median(values)).toBe(expected);
  });

  it('of nothing is an error, and of a list leaves the list as it was', () => {
    expect(() => median([])).toThrow(RangeError);
    const values = [3, 1, 2];
    median(values);
    expect(values).toEqual([3, 1, 2]);
  });
});

describe('a target', () => {
  it.each([
    [5, 'higher', 5, true],
    [4.99, 'higher', 5, false],
    [1.3, 'lower', 1.3, true],
    [1.31, 'lower', 1.3, false],
    [null, 'lower', 1.3, undefined],
  ] as const)('%s, where %s than %d is better', (value, better, limit, met) => {
    expect(isMet(value, { limit, better })).toBe(met);
  });

  it('is of no ratio where one side was not measured', () => {
    expect([ratio(6, 3), ratio(null, 3), ratio(6, null)]).toEqual([2, null, null]);
  });
});

/** A child that runs JavaScript. */
function child(script: string, more: Partial<ChildRequest> = {}): ChildRequest {
  return { what: 'a job', command: process.execPath, args: ['-e', script], cwd: os.tmpdir(), ...more };
}

describe('a child', () => {
  const schema = z.object({ answer: z.number() });

  it('reports progress and one result among the noise of libraries', async () => {
    const progress: Progress[] = [];
    const script = `
      console.log('INFO: loaded');
      console.log('{ not JSON');
      console.log('{"something": "else"}');
      console.log(JSON.stringify({ progress: { label: 'epochs', done: 1, total: 2, note: 'loss 0.5' } }));
      process.stdout.write(JSON.stringify({ result: { answer: 42 } }));`;
    expect(await runJob(child(script, { onProgress: (step) => progress.push(step) }), schema)).toEqual({ answer: 42 });
    expect(progress).toEqual([{ label: 'a job: epochs', done: 1, total: 2, note: 'loss 0.5' }]);
  });

  it.each([
    ['fails', child('console.error("the disk is full"); process.exit(3)'), /"a job" ended with code 3; nothing was .*:\nthe disk is full$/],
    ['is killed', child('process.kill(process.pid, "SIGKILL")'), /"a job" ended with SIGKILL; nothing was recorded$/],
    ['gives no result', child('console.log("hello")'), /"a job" gave no result that can be used/],
    [
      'gives another result',
      child('console.log(JSON.stringify({ result: { answer: "no" } }))'),
      /gave no result that can be used \(answer: .*expected number/,
    ],
    ['is not there', { ...child(''), command: '/nowhere/python' }, /"a job" could not be started \(spawn \/nowhere\/python ENOENT\)/],
  ])('that %s is named in the error', async (_, request, message) => {
    await expect(runJob(request, schema)).rejects.toMatchObject({ code: 'BENCH_FAILED', message: expect.stringMatching(message) });
  });

  it('shows only the end of what it said', async () => {
    const script = 'for (let line = 1; line <= 99; line++) console.error("line " + line); process.exitCode = 1;';
    const error = await runCommand(child(script)).catch((failure: Error) => failure);
    expect(error?.message).toMatch(/It last said:\nline 85\n(line \d+\n)*line 99$/);
  });

  it.each(['a process that waits', 'a process that has ended'])(
    'ends with all that it started when it is stopped, from %s',
    async (parent) => {
      const controller = new AbortController();
      const stays = parent.endsWith('waits') ? 'setInterval(() => {}, 1000)' : 'grandchild.unref()';
      const script = `
      const grandchild = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' });
      console.log(grandchild.pid);
      ${stays};`;
      let pid = 0;
      const running = runCommand(child(script, { signal: controller.signal }), (line) => {
        pid = Number(line);
        setTimeout(() => controller.abort(new Error('enough')), 200);
      });
      await expect(running).rejects.toThrow('enough');
      await expect.poll(() => isAlive({ pid, host: os.hostname() })).toBe(false);
    },
  );

  it('is not even started when it was stopped before', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(runCommand({ ...child(''), command: '/nowhere', signal })).rejects.toThrow('enough');
  });
});

/** A record with plausible numbers; some fields replaced. */
function benchRecord(changes: Partial<BenchRecord> = {}): BenchRecord {
  return {
    schemaVersion: 1,
    startedAt: '2026-03-01T09:05:07.123Z',
    finishedAt: '2026-03-01T10:05:07.123Z',
    quick: false,
    data: { name: 'food11', isSample: false, counts: { train: 4600, validation: 600, test: 600 } },
    weights: { source: 'mobilenet_v2.h5', sha256: 'ab', isStandIn: false },
    backbone: 'mobilenet_v2',
    config: {},
    threads: 2,
    hardware: { cpu: 'Intel(R) Xeon(R) Platinum 8370C CPU @ 2.80GHz', cores: 2, memoryGiB: 8, platform: 'linux x64', backend: 'native' },
    loadAverage: 0.1,
    versions: { node: '20.20.2' },
    git: null,
    ratios: { recipe_vs_keras: 6.128, recipe_warm_vs_keras: 9.402, model_vs_tflite: 1.04, int8_vs_fp32: 0.61 },
    recipe_seconds: { keras: 1103, cold: 180, warm: 117.3 },
    predict_ms: 7.5,
    model_ms: { ours: 3.43, tflite: 3.3, int8: 2.09 },
    images_per_second: 210,
    features_per_second: 190,
    cold_start_ms: 1612.4,
    peak_rss_mb: 1130,
    keras_peak_rss_mb: 3100,
    auc: { keras: 0.98, ours: 0.985, int8: 0.984 },
    exact_match: { keras: 0.8, ours: 0.81 },
    int8_size_ratio: 0.28,
    details: {},
    notes: [],
    ...changes,
  };
}

/** The same where Python has no TensorFlow. */
function recordAlone(): BenchRecord {
  const { ratios, recipe_seconds, model_ms, auc, exact_match } = benchRecord();
  return benchRecord({
    ratios: { ...ratios, recipe_vs_keras: null, recipe_warm_vs_keras: null, model_vs_tflite: null },
    recipe_seconds: { ...recipe_seconds, keras: null },
    model_ms: { ...model_ms, tflite: null },
    keras_peak_rss_mb: null,
    auc: { ...auc, keras: null },
    exact_match: { ...exact_match!, keras: null },
  });
}

/** A record of a task with one class a picture, of which some epochs are measured. */
function epochRecord(changes: Partial<BenchRecord> = {}): BenchRecord {
  const { exact_match: _, ...record } = benchRecord();
  return {
    ...record,
    backbone: 'efficientnet_b0',
    ratios: { ...record.ratios, epoch_vs_keras: 4.21 },
    epoch_seconds: { keras: 267.3, ours: 63.5 },
    epoch_examples: 12_000,
    accuracy: { keras: 0.81, ours: 0.8, int8: 0.77 },
    int8_mb: 5.98,
    ...changes,
  };
}

describe("a bench's table", () => {
  const verdicts = (record: BenchRecord): Record<string, string> =>
    Object.fromEntries(measureRows(record).map((row) => [row.measured!, `${row.value} (${row.target}): ${row['']}`]));

  it('says of each measure whether its target is met', () => {
    expect(verdicts(benchRecord())).toMatchObject({
      'recipe: times as fast as Keras': '6.13 × (≥ 5 ×): met',
      'the same, with a warm store': '9.4 × (≥ 10 ×): missed',
      "int8 alone: share of float32's time": '0.61 × (≤ 0.7 ×): met',
      'cold start of predict': '1612 ms (≤ 1500 ms): missed',
      "test AUC: ours less Keras'": '0.005 (≥ -0.005): met',
    });
  });

  it('says of what could not be compared that it was not measured, and still judges the rest', () => {
    const record = benchRecordSchema.parse(recordAlone());
    expect(verdicts(record)).toMatchObject({
      'recipe: times as fast as Keras': '– (≥ 5 ×): not measured',
      "model alone: share of TensorFlow Lite's time": '– (≤ 1.3 ×): not measured',
      "test AUC: ours less Keras'": '– (≥ -0.005): not measured',
      'JPEG to decision': '7.5 ms (≤ 12 ms): met',
    });
  });
});

describe('the table of a bench of epochs', () => {
  it("compares an epoch and accuracy, and has the int8 model's size", () => {
    const rows = measureRows(benchRecordSchema.parse(epochRecord()));
    expect(Object.fromEntries(rows.map((row) => [row.measured!, `${row.value} (${row.target}): ${row['']}`]))).toMatchObject({
      'an epoch: times as fast as Keras': '4.21 × (≥ 4 ×): met',
      'size of the int8 model': '5.98 MB (≤ 6 MB): met',
      "int8 alone: share of float32's time": '0.61 × (≤ 0.7 ×): met',
      "test accuracy: ours less Keras'": '-0.01 (≥ -0.02): met',
      'test accuracy: int8 less float32': '-0.03 (≥ -0.02): missed',
    });
    expect(rows.map((row) => row.measured).join()).not.toMatch(/recipe: times|warm store|AUC/);
  });
});

describe("a bench's figure", () => {
  it('shows every contender, with what it is aimed at', () => {
    const text = JSON.stringify(benchFigure(benchRecord()));
    for (const shown of [
      'Keras',
      '18 min 23 s',
      '6.13 × as fast as Keras (target ≥ 5: met)',
      '9.4 × as fast as Keras (target ≥ 10: missed)',
    ])
      expect(text).toContain(shown);
    const { shapes } = benchFigure(benchRecord()).layout as unknown as { shapes: { x0: number }[] };
    const [cold, warm, ours, int8] = shapes.map(({ x0 }) => x0);
    expect([cold! * 60, warm! * 60]).toEqual([expect.closeTo(1103 / 5), expect.closeTo(1103 / 10)]);
    expect([ours, int8]).toEqual([expect.closeTo(1.3 * 3.3), expect.closeTo(0.7 * 3.43)]);
  });

  it('leaves out whom it was not compared with', () => {
    const text = JSON.stringify(benchFigure(recordAlone()));
    expect(text).not.toMatch(/Keras|Lite|NaN/);
    expect(text).toContain('0.61 × float32');
  });

  it('shows an epoch where that is what was compared', () => {
    const text = JSON.stringify(benchFigure(epochRecord()));
    for (const shown of ['12,000 examples', '4 min 27 s', '4.21 × as fast as Keras (target ≥ 4: met)']) expect(text).toContain(shown);
    expect(text).not.toContain('whole recipe');
    const alone = epochRecord({ epoch_seconds: { keras: null, ours: 63.5 } });
    expect(JSON.stringify(benchFigure(alone))).not.toMatch(/Keras|NaN/);
  });

  it.each([
    ['compared', benchRecord()],
    ['alone', recordAlone()],
    ['of epochs', epochRecord()],
  ])('is drawn 900 pixels wide with nothing cut off, %s', async (_, record) => {
    const png = await figureToPng(benchFigure(record), { scale: 1 });
    const { data, info } = await sharp(png).greyscale().raw().toBuffer({ resolveWithObject: true });
    expect(info.width).toBe(900);
    const edges = [...data.keys()].filter((at) => at % info.width === info.width - 1 || at >= data.length - info.width);
    expect(edges.every((at) => data[at] === 255)).toBe(true);
  });
});

describe('records of benches', () => {
  it('are no runs', async () => {
    const workspace = temporaryWorkspace();
    put(workspace.experiments, path.relative(workspace.experiments, workspace.bench('2026-03-01T09:05:07.123Z', 'json')), '{}');
    expect(readdirSync(path.join(workspace.experiments, 'bench'))).toEqual(['20260301T090507Z.json']);
    expect(await readRuns(workspace)).toEqual({ runs: [], problems: [] });
  });
});

describe.each([food, galaxy])('the settings of a bench of $name', (task) => {
  it.each([true, false])('are ones that the task takes, and let no contender stop early or learn slower (quick: %s)', (quick) => {
    const settings = settingsFor(task, { isSample: true }, benchConfig(task, quick).settings, {});
    expect(settings.stages.map(({ name }) => name)).toEqual(task.defaults.stages.map(({ name }) => name));
    const fewest = Math.min(settings.patience, settings.plateau?.patience ?? Number.POSITIVE_INFINITY);
    for (const { epochs } of settings.stages) expect(epochs).toBeLessThanOrEqual(fewest);
  });
});

describe('the settings of a bench of galaxies', () => {
  const settings = settingsFor(galaxy, { isSample: true }, benchConfig(galaxy, false).settings, {});

  it('make 12,000 examples of the sample too, without other views, and leave an epoch after the first to measure', () => {
    expect(settings.perClass! * galaxy.classes.length).toBe(12_000);
    expect(settings.augmentation?.views).toBe(1);
    expect(settings.stages.at(-1)).toEqual({ ...galaxy.defaults.stages.at(-1), epochs: 2 });
  });
});

/** A bench of a minute at most. */
const tiny: BenchConfig = {
  quick: true,
  contest: 'recipe',
  settings: {
    backbone: 'mobilenet_v2',
    collages: { train: 24, validation: 6, test: 8 },
    negatives: { train: 3, validation: 1, test: 2 },
    batchSize: 9,
    stages: [{ name: 'head', trainableLayers: 0, learningRate: 1e-3, epochs: 1 }],
  },
  recipeRounds: 1,
  inferenceRounds: 1,
  predictions: 3,
  coldStarts: 1,
};

/** The same of galaxies: 3 examples of each class, of which the sample has 2 pictures. */
const tinyGalaxies: BenchConfig = {
  ...tiny,
  contest: 'epoch',
  settings: {
    backbone: 'mobilenet_v2',
    perClass: 3,
    split: { validation: 0.25, test: 0.25 },
    augmentation: { views: 1 },
    hiddenLayers: [{ units: 8, dropout: 0.1 }],
    batchSize: 15,
    stages: [{ name: 'head', trainableLayers: 0, learningRate: 1e-3, epochs: 2 }],
  } satisfies SettingsOverrides,
};

interface Epochs {
  readonly epochSeconds: Readonly<Record<string, readonly number[]>>;
}

describe('a whole bench', () => {
  let workspace: Workspace;
  let source: DataSource;
  let temporary: string;

  beforeAll(async () => {
    source = await fillSource(temporaryFolder());
  });
  beforeEach(() => {
    workspace = temporaryWorkspace();
    temporary = temporaryFolder();
    vi.stubEnv('TMPDIR', temporary);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  /** Temporary home folders that are there now. */
  const homes = (): string[] => readdirSync(temporary).filter((name) => name.startsWith('visionbook-bench-'));
  const records = (): string[] => {
    const folder = path.dirname(workspace.bench('', 'json'));
    return existsSync(folder) ? readdirSync(folder) : [];
  };

  it('measures every contender and leaves its record alone behind', async () => {
    const labels = new Set<string>();
    const onProgress = ({ label }: Progress) => labels.add(label.split(':')[0]!);
    const record = await runBench({ workspace, task: food, config: tiny, source, onProgress });

    expect(benchRecordSchema.parse(JSON.parse(readFileSync(workspace.bench(record.startedAt, 'json'), 'utf8')))).toEqual(record);
    expect(record).toMatchObject({
      quick: true,
      backbone: 'mobilenet_v2',
      data: { name: 'test', counts: { train: 27, validation: 7, test: 10 } },
    });
    expect([...labels]).toEqual(
      expect.arrayContaining(['data set', 'recipe, cold 1 of 1', 'recipe, warm 1 of 1', 'cold starts of predict']),
    );
    const { ratios, recipe_seconds: seconds, model_ms: ms, auc } = record;
    expect(ratios.int8_vs_fp32).toBeCloseTo(ms.int8 / ms.ours);
    expect(record.peak_rss_mb).toBeGreaterThan(100);
    expect(record.cold_start_ms).toBeGreaterThan(record.predict_ms);
    if (await hasKeras(workspace)) {
      expect(labels).toContain('recipe in Keras');
      expect(record.versions).toMatchObject({ tensorflow: expect.any(String), keras: expect.any(String) });
      expect(ratios.recipe_vs_keras).toBeCloseTo(seconds.keras! / seconds.cold);
      expect(ratios.recipe_warm_vs_keras).toBeCloseTo(seconds.keras! / seconds.warm);
      expect(ratios.model_vs_tflite).toBeCloseTo(ms.ours / ms.tflite!);
      for (const value of Object.values(auc)) expect(value).toBeGreaterThanOrEqual(0);
    } else {
      expect([seconds.keras, ms.tflite, auc.keras]).toEqual([null, null, null]);
      expect(record.notes.join()).toContain('Python has no TensorFlow');
    }
    expect(homes()).toEqual([]);
    expect(existsSync(workspace.dataset)).toBe(false);
    expect(existsSync(workspace.activations)).toBe(false);
    expect(await readRuns(workspace)).toEqual({ runs: [], problems: [] });
  }, 300_000);

  it('of a task with one class a picture compares an epoch over as many examples in both, and accuracy', async () => {
    await buildGalaxySample({ folder: path.join(workspace.sample, galaxy.data.folder), seed: 3, perClass: 4 });
    const record = await runBench({
      workspace,
      task: galaxy,
      config: tinyGalaxies,
      source: await chooseData(workspace, galaxy, 'sample'),
    });
    expect(benchRecordSchema.parse(JSON.parse(readFileSync(workspace.bench(record.startedAt, 'json'), 'utf8')))).toEqual(record);
    expect(record).toMatchObject({ data: { isSample: true, counts: { train: 20, validation: 10, test: 10 } }, epoch_examples: 30 });
    expect(record.exact_match).toBeUndefined();
    const { ratios, epoch_seconds: seconds, accuracy, details, notes } = record;
    const { recipes, bytes, keras } = details as {
      recipes: { cold: Epochs; warm: Epochs }[];
      bytes: { int8: number };
      keras: Epochs | null;
    };
    const [{ cold, warm }] = recipes as [{ cold: Epochs; warm: Epochs }];
    expect(seconds!.ours).toBeCloseTo((cold.epochSeconds.head![1]! + warm.epochSeconds.head![1]!) / 2);
    expect(record.int8_mb).toBeCloseTo(bytes.int8 / 1e6);
    expect(notes.join()).toMatch(/so few epochs .*no other views/);
    if (await hasKeras(workspace)) {
      expect(seconds!.keras).toBe(keras!.epochSeconds.head![1]);
      expect(ratios.epoch_vs_keras).toBeCloseTo(seconds!.keras! / seconds!.ours);
      // A whole number of the 10 test pictures.
      for (const share of Object.values(accuracy!)) expect(10 * share!).toBeCloseTo(Math.round(10 * share!));
    } else expect([seconds!.keras, accuracy!.keras]).toEqual([null, null]);
  }, 300_000);

  it('that cannot go on says what is wrong, and leaves nothing behind', async () => {
    const empty = { ...source, folder: temporaryFolder() };
    await expect(runBench({ workspace, task: food, config: tiny, source: empty })).rejects.toMatchObject({
      code: 'BENCH_FAILED',
      message: expect.stringMatching(
        /"data set" ended with code 1; nothing was recorded\. It last said:\n.* is missing: download .* \(MISSING_DATA\)$/,
      ),
    });
    expect([homes(), records()]).toEqual([[], []]);
  });

  it('that is stopped by Ctrl-C says that nothing was recorded, and leaves nothing behind', async () => {
    const env = { VISIONBOOK_HOME: path.dirname(workspace.experiments), TMPDIR: temporary };
    const command = startCommand({ env }, ['bench', '--quick', '--data', source.folder]);
    await expect.poll(homes, { timeout: 30_000 }).toHaveLength(1);
    command.child.kill('SIGINT');
    const { code, stdout, stderr } = await command.ended;
    expect({ code, stdout }).toEqual({ code: 130, stdout: '' });
    expect(stderr).toMatch(/stopped: nothing was recorded \(BENCH_STOPPED\)\n$/);
    expect([homes(), records()]).toEqual([[], []]);
  });
});
