import { describe, expect, it } from 'vitest';
import { findTask, food, galaxy, type SettingsOverrides, settingsFor, tasks } from '../lib/tasks';

const real = { isSample: false };
const noEnv = {};

describe('tasks', () => {
  it('are found by name', () => {
    for (const task of tasks) expect(findTask(task.name)).toBe(task);
  });

  it.each(['foot', '', 'Food', 'toString'])('say which there are when asked for "%s"', (name) => {
    expect(() => findTask(name)).toThrow(expect.objectContaining({ code: 'UNKNOWN_TASK', message: expect.stringContaining('use food') }));
  });

  it('have defaults that are valid, on real data and on the sample', () => {
    for (const task of tasks) {
      expect(settingsFor(task, real, {}, noEnv)).toEqual(task.defaults);
      expect(settingsFor(task, { isSample: true }, {}, noEnv)).toEqual({ ...task.defaults, ...task.sampleDefaults });
    }
  });
});

describe('a task', () => {
  it('that has aliases has one for each class, and none of them names another class', () => {
    for (const { classes } of tasks) {
      const aliases = classes.flatMap(({ alias }) => alias ?? []);
      expect([0, classes.length]).toContain(aliases.length);
      expect(new Set(aliases).size).toBe(aliases.length);
      expect(classes.filter(({ name }) => aliases.includes(name))).toEqual([]);
    }
  });

  it('has the recipe of the Galaxy Classifier, and a stage for the head before it', () => {
    const { dropout, hiddenLayers, plateau, patience, stages, perClass } = settingsFor(galaxy, real, {}, noEnv);
    expect([dropout, ...hiddenLayers!.flatMap((layer) => [layer.units, layer.dropout])]).toEqual([0.3, 256, 0.3, 128, 0.2, 64, 0]);
    expect({ plateau, patience, perClass }).toEqual({
      plateau: { factor: 0.5, patience: 3, minLearningRate: 1e-7 },
      patience: 10,
      perClass: 1200,
    });
    expect(stages.map(({ name, trainableLayers, learningRate }) => [name, trainableLayers, learningRate])).toEqual([
      ['head', 0, 1e-3],
      ['finetune', 100, 1e-5],
    ]);
  });
});

describe('settings', () => {
  it('come from the task, then the sample, then the environment, then the call', () => {
    const env = { VISIONBOOK_SETTINGS: '{"collages":{"train":7,"test":8},"seed":1}' };
    const settings = settingsFor(food, { isSample: true }, { collages: { train: 9 } }, env);
    expect(settings.collages).toEqual({ train: 9, validation: food.sampleDefaults.collages!.validation, test: 8 });
    expect(settings.seed).toBe(1);
    expect(settings.batchSize).toBe(food.defaults.batchSize);
  });

  it('take the number of corrections from MIN_CORRECTIONS, as the Food Multi-Label Classification Pipeline does', () => {
    const minimumWith = (env: Record<string, string>, overrides = {}): number => settingsFor(food, real, overrides, env).retraining.minimum;
    expect(minimumWith({})).toBe(10);
    expect(minimumWith({ MIN_CORRECTIONS: '' })).toBe(10);
    expect(minimumWith({ MIN_CORRECTIONS: '3', VISIONBOOK_SETTINGS: '{"retraining":{"minimum":5,"boost":7}}' })).toBe(3);
    expect(minimumWith({ MIN_CORRECTIONS: '3' }, { retraining: { minimum: 4 } })).toBe(4);
    for (const wrong of ['0', '-1', '1.5', 'ten'])
      expect(() => minimumWith({ MIN_CORRECTIONS: wrong })).toThrow(/^these settings cannot be used: retraining\.minimum: /);
  });

  it('replace the list of stages as a whole', () => {
    const stages = [{ name: 'head', trainableLayers: 0, learningRate: 0.01, epochs: 1 }] as const;
    expect(settingsFor(food, real, { stages: [...stages] }, noEnv).stages).toEqual(stages);
  });

  it('leave the defaults as they were', () => {
    const before = JSON.stringify(food);
    settingsFor(food, { isSample: true }, { collages: { train: 1 }, decision: { threshold: 0.9 } }, noEnv);
    expect(JSON.stringify(food)).toBe(before);
  });

  it.each<[object, string]>([
    [{ colour: 1 }, 'there is no setting colour'],
    [{ collages: { trian: 5 } }, 'there is no setting collages.trian'],
    [{ stages: [{ name: 'head', trainableLayers: 0, learningRate: 1, epochs: 1, layers: 3 }] }, 'there is no setting stages.0.layers'],
    [{ collages: 5 }, 'collages: '],
    [{ collages: { train: -1 } }, 'collages.train: '],
    [{ collages: { train: 1.5 } }, 'collages.train: '],
    [{ batchSize: 0 }, 'batchSize: '],
    [{ batchSize: '16' }, 'batchSize: '],
    [{ seed: -1 }, 'seed: '],
    [{ includeProbability: 1.01 }, 'includeProbability: '],
    [{ dropout: 1 }, 'dropout: '],
    [{ jpegQuality: 101 }, 'jpegQuality: '],
    [{ negativeWeight: 0 }, 'negativeWeight: '],
    [{ retraining: { tolerance: -0.01 } }, 'retraining.tolerance: '],
    [{ retraining: { tolerance: 1.01 } }, 'retraining.tolerance: '],
    [{ stages: [] }, 'stages: '],
    [{ stages: [{ name: 'tail', trainableLayers: 0, learningRate: 1, epochs: 1 }] }, 'stages.0.name: '],
    [{ decision: { threshold: null } }, 'decision.threshold: '],
  ])('are refused by name: %j', (overrides, problem) => {
    expect(() => settingsFor(food, real, overrides as SettingsOverrides, noEnv)).toThrow(
      expect.objectContaining({ code: 'BAD_SETTINGS', message: expect.stringContaining(problem) }),
    );
  });

  it.each<[object, string]>([
    [{ collages: { train: 5 } }, 'there is no setting collages'],
    [{ augmentation: { views: 0 } }, 'augmentation.views: '],
    [{ augmentation: { rotationTurns: 0.6 } }, 'augmentation.rotationTurns: '],
    [{ augmentation: { flip: true } }, 'there is no setting augmentation.flip'],
    [{ hiddenLayers: [{ units: 0, dropout: 0 }] }, 'hiddenLayers.0.units: '],
    [{ plateau: { factor: 1 } }, 'plateau.factor: '],
    [{ split: { test: 0.6 } }, 'split.test: '],
    [{ perClass: 0 }, 'perClass: '],
  ])('of galaxies are refused by name: %j', (overrides, problem) => {
    expect(() => settingsFor(galaxy, real, overrides as SettingsOverrides, noEnv)).toThrow(
      expect.objectContaining({ code: 'BAD_SETTINGS', message: expect.stringContaining(problem) }),
    );
  });

  it('that only galaxies have are refused for food, and those that any task may have are not', () => {
    expect(() => settingsFor(food, real, { perClass: 100 }, noEnv)).toThrow(/there is no setting perClass/);
    const augmentation = { views: 2, rotationTurns: 0, zoom: 0.1, flips: false };
    expect(settingsFor(food, real, { augmentation }, noEnv).augmentation).toEqual(augmentation);
    expect(settingsFor(galaxy, real, { augmentation: { views: 8 } }, noEnv).augmentation).toEqual({
      ...galaxy.defaults.augmentation,
      views: 8,
    });
  });

  it('name every problem at once', () => {
    const overrides = { batchSize: 0, seed: -1 };
    expect(() => settingsFor(food, real, overrides, noEnv)).toThrow(/seed: .*; batchSize: /);
  });

  it.each(['{', '[]', '3', 'null', 'batchSize=3'])('are refused when VISIONBOOK_SETTINGS is %s', (text) => {
    expect(() => settingsFor(food, real, {}, { VISIONBOOK_SETTINGS: text })).toThrow(/VISIONBOOK_SETTINGS holds no JSON object/);
  });
});
