import { describe, expect, it } from 'vitest';
import { decide, describeDecision, describePrediction } from '../lib/prediction';
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
