import type { DatasetCard, GalaxyCard } from '../data';
import type { RunRecord } from '../experiments';
import type { SplitMetricName } from '../metrics';
import { type ModelCard, type ServedModel, standInName } from '../models';
import { type ExportReport, lossRows } from '../prediction/exportReport';
import { classRows, metricRows } from '../report/describe';
import { formatNumber, formatSeconds, labelOf, metricsOf } from '../report/labels';
import { type Split, splits, type Task, type TaskKind } from '../tasks';
import { code, codeBlock, facts, list, markdownCard, plain, table, warning } from './markdown';
import { codeInWords, counted, fewPictures, kindInWords, sizeInWords, splitNames, timeInWords } from './words';

/** A file of a model. */
export interface ModelFile {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** What a model's card is written from. */
export interface ModelFacts {
  readonly task: Task;
  /** What `card.json` holds. */
  readonly card: ModelCard;
  /** Absent where the run's record is gone. */
  readonly run?: RunRecord;
  readonly files: readonly ModelFile[];
  /** What was exported, and what that lost. */
  readonly exported?: ExportReport;
  readonly served?: ServedModel;
  /** The task's data set as it is now, which need not be the one that the model learnt from. */
  readonly dataset?: DatasetCard | GalaxyCard;
}

/** A metric as the Hugging Face Hub has it: its id among https://hf.co/metrics, and what it is computed with where that leaves something open. */
interface HubMetric {
  readonly type: string;
  readonly args?: Readonly<Record<string, string>>;
}

/** Metrics that the Hub shows. It has no balanced accuracy by that name; that is the mean of the classes' recall. */
const hubMetrics: Readonly<Record<TaskKind, Readonly<Partial<Record<SplitMetricName, HubMetric>>>>> = {
  multilabel: {
    auc: { type: 'roc_auc', args: { average: 'micro' } },
    exactMatch: { type: 'exact_match' },
    f1Macro: { type: 'f1', args: { average: 'macro' } },
  },
  multiclass: {
    accuracy: { type: 'accuracy' },
    balancedAccuracy: { type: 'recall', args: { average: 'macro' } },
    f1Macro: { type: 'f1', args: { average: 'macro' } },
    auc: { type: 'roc_auc', args: { average: 'macro', multi_class: 'ovr' } },
  },
};

/**
 * A model's card in Markdown, after Mitchell et al. 2019, "Model Cards for Model Reporting" (arXiv:1810.03993), with the Hugging Face Hub's front matter.
 * Everything in it follows from the model's files, its run's record, and which model serves.
 */
export function modelCardText(known: ModelFacts): string {
  const { task, card, run, exported } = known;
  const title = `${task.title}: ${card.runId}`;
  const unknownNumbers = run ? 'The run ended before its model was measured.' : `The run's record is gone, and its numbers with it.`;
  return markdownCard(hubMetadata(known), title, [
    [
      '',
      ...warnings(card).map(warning),
      `${summary(known)} visionbook wrote this card from what it knows of the run, and writes it anew when that changes.`,
    ],
    ['The model', facts(modelFacts(known))],
    ['Intended use', list(uses(known))],
    ['Limits', list(limits(known))],
    ['Data', ...dataSections(known)],
    ['Results', ...(hasNumbers(run) ? results(run, known) : [unknownNumbers])],
    ['By class, on the test split', ...(run?.metrics.test ? [table(byClass(run.metrics.test))] : [])],
    ['Decision', list(decision(card))],
    ['Smaller forms', ...(exported?.files.some(({ loss }) => loss) ? [table(lossRows(exported)), ...exported.notes.map(plain)] : [])],
    [
      'Files',
      table(
        known.files.map(({ name, bytes, sha256 }) => ({
          file: { markdown: code(name) },
          size: sizeInWords(bytes),
          'SHA-256': { markdown: code(sha256) },
        })),
      ),
    ],
    [
      'How to use it',
      'In Python, with ONNX Runtime; preprocessing is inside the file:',
      codeBlock('python', onnxInPython(card)),
      'With Keras 3, to go on training; preprocessing is not inside:',
      codeBlock('python', kerasInPython(card)),
      'Here:',
      codeBlock('sh', `npm run predict -- ${card.task} PICTURE.jpg --model ${card.runId}`),
    ],
    ['Which model serves', ...history(known)],
    [
      'Provenance',
      ...(run
        ? [
            facts(provenance(run)),
            'Whether it can be made again, and what has changed since:',
            codeBlock('sh', `npm run reproduce -- ${run.id} --check`),
          ]
        : [unknownNumbers]),
    ],
  ]);
}

function hubMetadata({ task, card, run }: ModelFacts): Record<string, unknown> {
  const test = run?.metrics.test;
  const metrics = metricsOf(task.kind).flatMap((metric) => {
    const [known, value] = [hubMetrics[task.kind][metric], test?.[metric]];
    if (!known || typeof value !== 'number') return [];
    // Six digits never have an exponent: the Hub's reader takes 1e-7 for text.
    return [
      {
        type: known.type,
        name: labelOf(metric, task.kind).title,
        value: Number(value.toFixed(6)),
        ...(known.args && { args: known.args }),
      },
    ];
  });
  return {
    license: 'unknown',
    library_name: 'keras',
    pipeline_tag: 'image-classification',
    tags: ['visionbook', 'onnx', card.task, card.backbone.name, ...(card.data.isSample ? ['synthetic'] : [])],
    ...(metrics.length > 0 && {
      metrics: metrics.map(({ type }) => type),
      'model-index': [
        {
          name: card.runId,
          results: [
            {
              task: { type: 'image-classification' },
              dataset: { type: hubDataset(card), name: `${task.title}: ${card.data.name}`, split: 'test' },
              metrics,
            },
          ],
        },
      ],
    }),
  };
}

/** A name for the data as the Hub writes them: one with a slash would be somebody's data set there. */
function hubDataset({ task, data: { name, isSample } }: ModelCard): string {
  if (isSample) return `visionbook-${task}-sample`;
  const last = name.split(/[\\/]/).filter(Boolean).at(-1) ?? '';
  const plainLetters = last.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
  return plainLetters.replace(/[^a-z0-9._-]+/g, '-').replace(/^[-.]+|[-.]+$/g, '') || 'unknown';
}

function warnings({ data, weights }: ModelCard): string[] {
  return [
    ...(data.isSample
      ? ['Trained and measured on generated pictures, not on photographs: its numbers say nothing about photographs.']
      : []),
    ...(weights.isStandIn ? [`It began from ${standInName}, which knows less than ImageNet weights do.`] : []),
  ];
}

function summary({ task, card }: ModelFacts): string {
  return `Says which of ${card.classes.length} classes a picture shows (${kindInWords[task.kind]}): ${card.classes.map(code).join(', ')}.`;
}

function modelFacts({ task, card, run }: ModelFacts): Record<string, string | undefined> {
  const { backbone, hiddenLayers, imageSize, weights } = card;
  const alpha = 'alpha' in backbone ? ` ${backbone.alpha.toFixed(1)}` : '';
  const hidden = hiddenLayers?.map(({ units }) => units).join(', ');
  return {
    task: `${plain(task.title)} (${code(card.task)})`,
    run: code(card.runId),
    stage: `${card.stage}${run?.parent ? `, after ${code(run.parent)}` : ''}`,
    trained: timeInWords(card.createdAt),
    backbone: `${code(backbone.name)}${alpha}, begun from ${plain(weights.source)}`,
    head: `global average pooling, dropout ${card.dropout}${hidden ? `, dense layers of ${hidden}` : ''}, ${card.kind === 'multiclass' ? 'softmax' : 'sigmoid'} of ${card.classes.length}`,
    input: `RGB pictures, stretched to ${imageSize}×${imageSize} (cubic, antialiased), pixels in [0, 255]; the network reads ${code(card.preprocessing)}`,
    output: `a probability for each class, in the order above`,
    licence: 'none was chosen: those of the data and of the weights it began from count',
  };
}

function uses({ task, card, served }: ModelFacts): string[] {
  const serves = served?.run === card.runId;
  return [
    card.data.isSample
      ? 'To see the whole way from pictures to a served model work. Not to judge photographs.'
      : `To say which of its classes pictures like those of ${plain(card.data.name)} show, and how sure it is.`,
    ...(serves ? [`It is the model that answers for the task ${code(task.name)} now.`] : []),
    'Not to decide anything about people, or where a wrong answer does harm: nothing of that kind has been measured.',
  ];
}

function limits({ task, card, run }: ModelFacts): string[] {
  const test = run?.metrics.test;
  const few = test?.perClass.filter(({ support }) => support < fewPictures).map(({ name }) => code(name)) ?? [];
  const weakest = test && [...test.perClass].sort((one, other) => one.f1 - other.f1)[0];
  const { corrections, boost } = run?.extra ?? {};
  return [
    task.kind === 'multiclass'
      ? 'It always answers one of its classes, whatever a picture shows.'
      : 'It knows nothing but its classes: a picture of anything else should have low probabilities, which is only as sure as its training pictures of other things were varied.',
    `Details smaller than a pixel of ${card.imageSize}×${card.imageSize} are lost, and pictures that are not square are distorted.`,
    ...(weakest
      ? [`It is weakest on ${code(weakest.name)}: F1 ${formatNumber(weakest.f1)} on ${counted(weakest.support, 'test picture')}.`]
      : []),
    ...(few.length > 0 ? [`Fewer than ${fewPictures} test pictures of ${few.join(', ')}: those numbers are uncertain.`] : []),
    ...(run?.status === 'interrupted' ? [`Its training was stopped after ${counted(run.epochs.length, 'epoch')}.`] : []),
    ...(typeof corrections === 'number' && typeof boost === 'number'
      ? [`It learnt ${counted(corrections, 'correction')} of users, each ${counted(boost, 'time')} an epoch.`]
      : []),
    ...(run?.git?.dirty ? ['The code that made it had changes that no commit has.'] : []),
    ...(run?.reproduces ? [`It is a reproduction of ${code(run.reproduces)}, made to be compared with it.`] : []),
  ];
}

function dataSections({ card, run, dataset }: ModelFacts): string[] {
  const described =
    run && dataset?.fingerprint === run.data.fingerprint
      ? `Its card is ${code('CARD.md')} in the folder of the data set.`
      : 'The data set that is prepared now is another, or has been changed since.';
  const rows = splits.flatMap((split) => {
    const pictures = run?.data.counts[split];
    return pictures === undefined ? [] : [{ split: splitNames[split], pictures, 'used for': purposes[split] }];
  });
  return [`${plain(card.data.name)}${run ? `, fingerprint ${code(run.data.fingerprint)}. ${described}` : '.'}`, table(rows)];
}

const purposes: Readonly<Record<Split, string>> = {
  train: 'learning',
  validation: 'choosing the epoch, and ending training early',
  test: 'measuring alone',
};

function hasNumbers(run: RunRecord | undefined): run is RunRecord {
  return run !== undefined && Object.keys(run.metrics).length > 0;
}

function results(run: RunRecord, { task }: ModelFacts): string[] {
  const rows = metricRows(run).map((row, index) => ({ ...row, 'what it says': labelOf(metricsOf(task.kind)[index]!, task.kind).meaning }));
  return [
    '95 % intervals in brackets, by bootstrap over the photographs that pictures are made of. Validation chose the epoch, so test is what counts.',
    table(rows),
  ];
}

function byClass(test: NonNullable<RunRecord['metrics']['test']>): Record<string, unknown>[] {
  return classRows(test).map((row) => ({ ...row, class: { markdown: code(String(row.class)) } }));
}

function decision({ kind, classes, decision: { threshold, noneBelow, thresholds, temperature } }: ModelCard): string[] {
  const calibrated =
    temperature === undefined
      ? []
      : [
          `A calibration divides the logits by ${formatNumber(temperature)} first, which ${code('npm run predict')} does; the files give the probabilities as they were learnt.`,
        ];
  if (kind === 'multiclass') return ['The answer is the most probable class.', ...calibrated];
  const ofClasses = classes.map((name, index) => `${code(name)} from ${formatNumber(thresholds?.[index] ?? threshold)}`);
  return [
    `A class is present from a probability on: ${ofClasses.join(', ')}.`,
    `Where none is present and all are below ${noneBelow}, the picture shows none of them; otherwise the answer is "uncertain".`,
    ...calibrated,
  ];
}

function history({ card, served }: ModelFacts): string[] {
  const events = served?.history.filter(({ run, previous }) => run === card.runId || previous === card.runId) ?? [];
  const now = served ? (served.run === card.runId ? 'This one, now.' : `Now ${code(served.run)}.`) : 'None yet.';
  return [
    now,
    table(
      events.map(({ at, kind, run, reason }) => ({
        when: timeInWords(at),
        what: { markdown: run === card.runId ? kind : `${code(run)} ${kind}` },
        why: reason,
      })),
    ),
  ];
}

function provenance(run: RunRecord): Record<string, string | undefined> {
  const { data, weights, git, versions, hardware, seed, timings, startedAt } = run;
  return {
    run: code(run.id),
    after: run.parent && code(run.parent),
    'reproduction of': run.reproduces && code(run.reproduces),
    started: timeInWords(startedAt),
    took: formatSeconds(Object.values(timings).reduce((sum, seconds) => sum + seconds, 0)),
    seed: String(seed),
    data: `${plain(data.name)}, ${code(data.fingerprint)}`,
    weights: `${plain(weights.source)}, SHA-256 ${code(weights.sha256)}`,
    code: codeInWords(git),
    versions: Object.entries(versions)
      .map(([name, version]) => plain(`${name} ${version}`))
      .join(', '),
    machine: plain(
      `${hardware.cpu}, ${counted(hardware.cores, 'core')}, ${hardware.memoryGiB} GiB, ${hardware.platform}, ${hardware.backend}`,
    ),
    settings: code(JSON.stringify(run.config)),
  };
}

function onnxInPython({ classes, imageSize }: ModelCard): string {
  return `import numpy as np, onnxruntime
from PIL import Image, ImageOps

session = onnxruntime.InferenceSession('model.onnx')
picture = ImageOps.exif_transpose(Image.open('PICTURE.jpg')).convert('RGB')
pixels = np.asarray(picture.resize((${imageSize}, ${imageSize}), Image.Resampling.BICUBIC))[None]  # uint8, [1, ${imageSize}, ${imageSize}, 3]
[probabilities] = session.run(['probabilities'], {'image': pixels})
print(dict(zip(${JSON.stringify(classes)}, probabilities[0])))`;
}

function kerasInPython({ preprocessing }: ModelCard): string {
  return `import keras

model = keras.models.load_model('model.keras')
x = pixels.astype('float32')
probabilities = model.predict(${preprocessing})`;
}
