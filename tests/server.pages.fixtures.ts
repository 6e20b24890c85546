import { JSDOM } from 'jsdom';
import type { GateResult, RetrainingState, Version } from '../lib/corrections';
import type { PageContext, PastPrediction, ResultView, TaskView } from '../lib/server/pages';
import { makeRun } from './report.fixtures';

export const context: PageContext = {
  language: 'en',
  theme: 'auto',
  path: '/',
  isAdmin: true,
  mayBecomeAdmin: false,
  tasks: [
    { name: 'food', title: 'Food, multi-label', isReady: true },
    { name: 'galaxy', title: 'Galaxy', isReady: true },
  ],
  assets: { css: '/assets/app.css', js: '/assets/app.js' },
};

export const visitor: PageContext = { ...context, isAdmin: false, mayBecomeAdmin: true };
export const spanish: PageContext = { ...context, language: 'es' };

export const foodView: TaskView = {
  name: 'food',
  path: '/',
  kind: 'multilabel',
  classes: ['lacteos', 'arroz', 'frutas/verduras'],
  acceptsCorrections: true,
};
export const galaxyView: TaskView = {
  name: 'galaxy',
  path: '/galaxy',
  kind: 'multiclass',
  classes: ['Merging', 'Barred spiral', 'Edge-on', 'Round', 'Cigar', 'Disturbed'],
  acceptsCorrections: false,
};

export const upload = `${'a'.repeat(64)}.jpg`;

/** A picture with dairy, and fruit or vegetables. */
export const breakfast: ResultView = {
  id: 12,
  filename: 'breakfast.jpg',
  upload,
  decision: { kind: 'classes', classes: ['lacteos', 'frutas/verduras'] },
  probabilities: [
    { name: 'lacteos', share: 0.931, threshold: 0.5 },
    { name: 'arroz', share: 0.021, threshold: 0.5 },
    { name: 'frutas/verduras', share: 0.5, threshold: 0.5 },
  ],
  milliseconds: 8.44,
  model: '20260301T120000Z-food-finetune-cccccc',
};

export const idle: RetrainingState = { status: 'idle', message: 'Waiting for corrections... (7/10)', pending: 7, fresh: 7, minimum: 10 };

export const gate: GateResult = {
  verdict: 'rejected',
  reason: 'it may be worse on the test split',
  corrections: { count: 12, before: 4, after: 9, lossBefore: 0.98, lossAfter: 0.31 },
  test: { metric: 'auc', count: 320, before: 0.981, after: 0.95, difference: -0.031, interval: [-0.06, -0.002], tolerance: 0.01 },
};

/** A version with the metrics that `makeRun` gives every run, or others. */
export function makeVersion(id: string, rest: Partial<Version> = {}): Version {
  const { metrics, stage, data, weights, startedAt } = makeRun(id);
  return {
    run: id,
    stage,
    createdAt: startedAt,
    state: 'candidate',
    data: { name: data.name, isSample: data.isSample },
    weights,
    backbone: 'mobilenet_v2',
    trainedOn: '88 pictures of sample',
    metrics: { ...(metrics.validation && { validation: metrics.validation }), ...(metrics.test && { test: metrics.test }) },
    ...rest,
  };
}

export function makePast(id: number, rest: Partial<PastPrediction> = {}): PastPrediction {
  return {
    id,
    filename: `photo-${id}.jpg`,
    uploadFile: upload,
    createdAt: new Date('2026-03-01T10:00:00Z'),
    decision: { kind: 'uncertain', mostLikely: 'arroz' },
    confidence: 0.478,
    modelRun: '20260301T120000Z-food-finetune-cccccc',
    classes: foodView.classes,
    probabilities: [0.31, 0.478, 0.12],
    correctedLabels: null,
    ...rest,
  };
}

export function parse(page: string): Document {
  return new JSDOM(page).window.document;
}

/** An element's text as a reader sees it, with spaces run together. */
export function textOf(element: Element | null): string {
  return (element?.textContent ?? '').replace(/\s+/g, ' ').trim();
}
