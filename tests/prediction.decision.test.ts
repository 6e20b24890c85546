import { describe, expect, it } from 'vitest';
import { decide, describeDecision, describePrediction } from '../lib/prediction';
import { confidenceOf } from '../lib/server/predictions';
import { food } from '../lib/tasks';

const classes = food.classes.map(({ name }) => name);
const rule = food.defaults.decision;

describe('the decision rule', () => {
  it.each<[number[], string]>([
    [[0.93, 0.02, 0.99], 'lacteos, frutas/verduras'],
    [[0.5, 0, 0], 'lacteos'],
    [[0.5, 0.5, 0.5], 'lacteos, arroz, frutas/verduras'],
    [[0.9, 0.48, 0.1], 'lacteos'],
    [[0.1, 0.4999999, 0.2], 'uncertain (most likely arroz)'],
    [[0.45, 0.1, 0.2], 'uncertain (most likely lacteos)'],
    [[0.1, 0.47, 0.47], 'uncertain (most likely arroz)'],
    [[0.4499999, 0.4499999, 0.4499999], 'none'],
    [[0, 0, 0], 'none'],
  ])('says of %j: %s', (probabilities, words) => {
    expect(describeDecision(decide(probabilities, classes, rule))).toBe(words);
  });

  it('is never uncertain where both thresholds are the same', () => {
    expect(decide([0.49, 0, 0], classes, { threshold: 0.5, noneBelow: 0.5 })).toEqual({ kind: 'none' });
  });
});

describe('the decision rule with a threshold for each class', () => {
  const own = { ...rule, thresholds: [0.3, 0.5, 0.9] };

  it.each<[number[], string]>([
    [[0.3, 0.49, 0.89], 'lacteos'],
    [[0.29, 0.5, 0.9], 'arroz, frutas/verduras'],
    [[0.29, 0.2, 0.7], 'uncertain (most likely frutas/verduras)'],
    [[0.29, 0.2, 0.44], 'none'],
    [[0.29, 0.45, 0.2], 'uncertain (most likely arroz)'],
  ])('says of %j: %s', (probabilities, words) => {
    expect(describeDecision(decide(probabilities, classes, own))).toBe(words);
  });

  it('is as sure as the least probable class that is present, whatever else is more probable', () => {
    const probabilities = [0.35, 0.1, 0.8];
    const decision = decide(probabilities, classes, own);
    expect(decision).toEqual({ kind: 'classes', classes: ['lacteos'] });
    expect(confidenceOf({ probabilities, decision }, classes)).toBe(0.35);
  });

  it('shows each threshold beside its class', () => {
    const prediction = { file: '/pictures/a.jpg', probabilities: [0.35, 0.1, 0.8], decision: decide([0.35, 0.1, 0.8], classes, own) };
    expect(describePrediction(prediction, classes, { cwd: '/pictures', rule: own }).split('\n').slice(1, 4)).toEqual([
      '  lacteos          35.00 %  from 30.00 %  ███████',
      '  arroz            10.00 %  from 50.00 %  ██',
      '  frutas/verduras  80.00 %  from 90.00 %  ████████████████',
    ]);
  });
});

describe('the decision where a picture shows exactly one class', () => {
  it.each<[number[], string]>([
    [[0.2, 0.7, 0.1], 'arroz'],
    [[0.3, 0.3, 0.4], 'frutas/verduras'],
    [[0.4, 0.4, 0.2], 'lacteos'],
  ])('is the most probable one, however sure: %j is %s', (probabilities, words) => {
    expect(describeDecision(decide(probabilities, classes, rule, 'multiclass'))).toBe(words);
  });
});

describe('a prediction in words', () => {
  it('aligns the shares and gives each a bar', () => {
    const probabilities = [0.9312, 0.005, 1];
    const prediction = { file: '/pictures/lunch.jpg', probabilities, decision: decide(probabilities, classes, rule) };
    expect(describePrediction(prediction, classes, { cwd: '/pictures' })).toBe(
      [
        'lunch.jpg',
        '  lacteos          93.12 %  ███████████████████',
        '  arroz             0.50 %',
        '  frutas/verduras 100.00 %  ████████████████████',
        '  → lacteos, frutas/verduras',
        '',
      ].join('\n'),
    );
  });

  it('names a file from outside of the working directory in full, and once', () => {
    const prediction = { file: '/elsewhere/a.jpg', error: '/elsewhere/a.jpg cannot be read as a picture' };
    expect(describePrediction(prediction, classes, { cwd: '/pictures' })).toBe('/elsewhere/a.jpg\n  → cannot be read as a picture\n');
  });
});
