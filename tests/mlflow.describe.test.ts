import { describe, expect, test } from 'vitest';
import { mlflowSettings } from '../lib/mlflow';
import { artifactPath, artifactRoot } from '../lib/mlflow/artifacts';
import { metricsOf, mlflowKey } from '../lib/mlflow/describe';
import { epoch, runRecord, temporaryWorkspace } from './experiments.helpers';

describe('settings', () => {
  test.each([
    ['without credentials', {}, undefined],
    ['a user and a password', { MLFLOW_TRACKING_USERNAME: 'ana', MLFLOW_TRACKING_PASSWORD: 'p:w' }, `Basic ${btoa('ana:p:w')}`],
    ['a token', { MLFLOW_TRACKING_TOKEN: 't' }, 'Bearer t'],
    [
      'a password before a token, as in Python',
      { MLFLOW_TRACKING_USERNAME: 'ana', MLFLOW_TRACKING_PASSWORD: 'p', MLFLOW_TRACKING_TOKEN: 't' },
      `Basic ${btoa('ana:p')}`,
    ],
  ])('%s', (_, env, authorization) => {
    expect(mlflowSettings({ MLFLOW_TRACKING_URI: 'https://example.org/ml/', ...env })).toEqual({
      url: 'https://example.org/ml',
      ...(authorization && { authorization }),
    });
  });

  test('a password in the address is sent, and is not part of the address that errors and files name', () => {
    expect(mlflowSettings({ MLFLOW_TRACKING_URI: 'http://ana:p%40w@example.org' })).toEqual({
      url: 'http://example.org',
      authorization: `Basic ${btoa('ana:p@w')}`,
    });
  });
});

test.each([
  ['mlflow-artifacts:/1/ab/artifacts', 'https://example.org/ml/api/2.0/mlflow-artifacts/artifacts/1/ab/artifacts'],
  ['mlflow-artifacts://files.org:8080/1/ab', 'https://files.org:8080/api/2.0/mlflow-artifacts/artifacts/1/ab'],
  ['http://files.org/1/ab/', 'http://files.org/1/ab'],
  ['s3://bucket/1/ab', undefined],
  ['/srv/mlruns/1/ab', undefined],
])('files of a run at %s go to %s', (uri, url) => {
  expect(artifactRoot('https://example.org/ml', uri)).toBe(url);
});

test('files of the model are in a folder of theirs, and those beside the record at the top', () => {
  const workspace = temporaryWorkspace();
  const record = runRecord();
  expect(artifactPath(workspace, record, `outputs/food/${record.id}/model.onnx`)).toBe('model/model.onnx');
  expect(artifactPath(workspace, record, `experiments/${record.id}/predictions.csv.gz`)).toBe('predictions.csv.gz');
});

test('two names stay two names', () => {
  expect(['a/b c.d:e-f_1', 'ñ', 'x?', 'x!'].map(mlflowKey)).toEqual(['a/b c.d:e-f_1', 'ñ', 'x_3F', 'x_21']);
});

test('a metric is the same whenever it is sent, so that a server keeps one of it', () => {
  const early = metricsOf(runRecord({ status: 'running', epochs: [epoch(1)], metrics: {} }));
  const late = metricsOf(runRecord({ epochs: [epoch(1), epoch(2)] }));
  expect(late.slice(0, early.length)).toEqual(early);
  expect(early.find(({ key }) => key === 'epoch/train.loss')).toEqual({
    key: 'epoch/train.loss',
    value: 1,
    step: 1,
    timestamp: Date.parse('2026-03-01T09:05:08.500Z'),
  });
});
