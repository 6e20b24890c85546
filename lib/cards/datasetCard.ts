import type { DatasetCard, GalaxyCard } from '../data';
import { splits, type Task } from '../tasks';
import { code, codeBlock, facts, list, markdownCard, plain, table, warning } from './markdown';
import { counted, fewPictures, kindInWords, sizeCategory, splitNames, timeInWords } from './words';

/** What a data set's card is written from. */
export interface DatasetFacts {
  readonly task: Task;
  /** What `dataset.json` holds. */
  readonly card: DatasetCard | GalaxyCard;
}

/** Pictures that were left out, of those that are listed by name. */
const shownSkipped = 20;

/**
 * A data set's card in Markdown, after Gebru et al. 2021, "Datasheets for Datasets" (arXiv:1803.09010), with the Hugging Face Hub's front matter.
 * Everything in it follows from the task and `dataset.json`.
 */
export function datasetCardText({ task, card }: DatasetFacts): string {
  const pictures = splits.reduce((sum, split) => sum + card.counts[split], 0);
  const { data, settings } = card;
  const title = `${task.title}: ${data.isSample ? 'the sample' : data.name}`;
  const side = settings.imageSize;
  return markdownCard(
    {
      pretty_name: title,
      ...(card.licences ? { license: 'other', license_name: 'several-see-below' } : { license: 'unknown' }),
      task_categories: ['image-classification'],
      task_ids: [`${task.kind === 'multiclass' ? 'multi-class' : 'multi-label'}-image-classification`],
      size_categories: [sizeCategory(pictures)],
      tags: ['visionbook', task.name, ...(data.isSample ? ['synthetic'] : [])],
    },
    title,
    [
      [
        '',
        data.isSample
          ? warning(`These are no photographs: ${task.sample}. What a model reaches on them says nothing about photographs.`)
          : '',
        `${counted(pictures, 'picture')} of ${side}×${side} pixels. Of ${card.classes.length} classes, each shows ${kindInWords[task.kind]}. visionbook wrote this card from ${code('dataset.json')} when it made the data set, or when its labels changed.`,
      ],
      ['What is in it', table(labelRows(task, card)), ...composition(card)],
      ['How it was made', list(making(task, card))],
      ['What was left out', ...leavingOut(card)],
      ['Where it comes from, and licences', ...origins(task, card)],
      ['Uses and limits', list(limits(task, card))],
      ['How to load it', codeBlock('python', pythonFor(task)), `Here: ${code(`npm run train -- ${task.name}`)}`],
      [
        'Provenance',
        facts({
          made: timeInWords(card.createdAt),
          'raw data': plain(data.name),
          seed: String(settings.seed),
          fingerprint: code(card.fingerprint),
        }),
        'The fingerprint is the SHA-256 over names, contents and labels of all pictures; run records name it. The same raw data and settings, with the same labels of pictures that were added, give the same one:',
        codeBlock('sh', remaking(task, card)),
      ],
    ],
  );
}

/** Pictures by class and split. */
function labelRows(task: Task, { classes, counts, labelCounts }: DatasetFacts['card']): Record<string, unknown>[] {
  const row = (name: string, meaning: string, countOf: (split: (typeof splits)[number]) => number | undefined) => ({
    class: { markdown: name },
    'folder of the raw data': { markdown: meaning },
    ...Object.fromEntries(splits.map((split) => [splitNames[split], countOf(split) ?? 0])),
  });
  return [
    ...classes.map((name) => {
      const folder = task.classes.find((one) => one.name === name)?.folder;
      return row(code(name), folder === undefined ? '' : code(folder), (split) => labelCounts[split][name]);
    }),
    ...(splits.some((split) => 'none' in labelCounts[split]) ? [row('none of them', '', (split) => labelCounts[split].none)] : []),
    row('**all pictures**', '', (split) => counts[split]),
  ];
}

function composition(card: DatasetFacts['card']): string[] {
  if (isOfCollages(card)) {
    const { classes, coOccurrence } = card;
    const rows = classes.map((name, row) => ({
      'pictures that show both': { markdown: code(name) },
      ...Object.fromEntries(classes.map((other, column) => [other, coOccurrence[row]![column]])),
    }));
    return ['Which classes stand in one picture, over all splits:', table(rows)];
  }
  const { perClass } = card.settings;
  if (perClass === null) return ['Training takes every picture once: classes are as unequal as they came.'];
  const rows = card.balance.map(({ class: name, pictures, leftOut, repeats }) => ({
    class: { markdown: code(name) },
    'training pictures': pictures,
    'not used': leftOut,
    'uses added': repeats,
  }));
  return [`Training takes each class ${counted(perClass, 'time')} an epoch; validation and test are as they came:`, table(rows)];
}

function making(task: Task, card: DatasetFacts['card']): string[] {
  const { settings } = card;
  const jpeg = `Every picture is a JPEG of quality ${settings.jpegQuality}.`;
  const added =
    card.added > 0
      ? [`${counted(card.added, 'picture')} among these were added and labelled by hand; their names put them in a split.`]
      : [];
  if (isOfCollages(card)) {
    const { includeProbability } = card.settings;
    const made = splits.map((split) => `${card.made[split].collages} and ${card.made[split].negatives} for ${splitNames[split]}`);
    return [
      `A collage draws each class with probability ${includeProbability}; where none was drawn, one is drawn at random. Its labels are what was put in, so nobody labelled it.`,
      `Collages and pictures of none of the classes: ${made.join(', ')}.`,
      'Each class is one photograph, stretched to its place in the picture; photographs of one split are in no other.',
      jpeg,
      ...added,
    ];
  }
  const { split } = card.settings;
  return [
    card.keptSplit
      ? 'The raw data came with pictures held out for validation, which were kept so; test was drawn from the others.'
      : `Each class was split by the same shares: ${split.validation} for validation, ${split.test} for test, the rest for training.`,
    `Pictures of the same sky are in one split: ${counted(card.duplicates.groups, 'group')} of ${counted(card.duplicates.pictures, 'picture')}.`,
    `The labels are those of ${data(task, card)}.`,
    jpeg,
    ...added,
  ];
}

function data(task: Task, { data: { name, isSample } }: DatasetFacts['card']): string {
  return isSample ? `the generator (${task.sample})` : plain(name);
}

function leavingOut({ skipped }: DatasetFacts['card']): string[] {
  if (skipped.length === 0) return ['Nothing: every picture of the raw data could be used.'];
  const reasons = [...new Set(skipped.map(({ reason }) => reason))];
  const counts = reasons.map((reason) => `${skipped.filter((one) => one.reason === reason).length} ${reason}`);
  const rows = skipped.slice(0, shownSkipped).map(({ file, reason, detail }) => ({ file: { markdown: code(file) }, reason, detail }));
  const more = skipped.length > shownSkipped ? `${code('dataset.json')} lists the other ${skipped.length - shownSkipped}.` : '';
  return [`${counted(skipped.length, 'picture')} of the raw data: ${counts.join(', ')}.`, table(rows), more];
}

function origins(task: Task, { data: { name, isSample }, licences }: DatasetFacts['card']): string[] {
  if (licences) return [licences.replace(/^# .*\n+/, '').trim()];
  if (isSample) return [`visionbook generated the pictures (${task.sample}). They show nobody else's work.`];
  const isKnown = task.downloads.length > 0 && !/[\\/]/.test(name);
  return [
    isKnown
      ? `${plain(name)}, of ${task.downloads.map((download) => `[${plain(download.name)}](${download.url})`).join(' and ')}.`
      : `The folder ${code(name)}.`,
    'Its licence is not known here: what its publishers allow holds for these pictures too. Ask them before you share any.',
  ];
}

function limits(task: Task, card: DatasetFacts['card']): string[] {
  const few = card.classes.filter((name) => (card.labelCounts.test[name] ?? 0) < fewPictures);
  return [
    `Made to train and measure models that tell ${card.classes.map(code).join(', ')} apart.`,
    ...(card.data.isSample ? ['Not fit to say how well a model does on real pictures: it shows that everything runs.'] : []),
    ...(isOfCollages(card)
      ? ['Collages share photographs, so pictures are not independent: intervals must be drawn over photographs, as visionbook draws them.']
      : []),
    ...(isOfCollages(card) || card.duplicates.conflicts === 0
      ? []
      : [`${counted(card.duplicates.conflicts, 'group')} of copies have different labels, so some labels must be wrong.`]),
    ...(few.length > 0
      ? [`Fewer than ${fewPictures} test pictures of ${few.map(code).join(', ')}: what is measured on them is uncertain.`]
      : []),
    ...(task.kind === 'multiclass' ? ['No picture shows none of the classes: a model of it learns nothing about other pictures.'] : []),
  ];
}

function pythonFor({ kind }: Task): string {
  const target = kind === 'multiclass' ? "labels['label']" : "labels.drop(columns=['filename', 'source'])";
  return `import pandas as pd

labels = pd.read_csv('labels.csv')
files = 'images/' + labels['filename']
targets = ${target}
split = labels['filename'].str.extract('^(val|test)_', expand=False).fillna('train')`;
}

/** The command that makes the data set again. */
function remaking({ name }: Task, { settings: { imageSize: _, ...settings }, data }: DatasetFacts['card']): string {
  const changes = Object.entries(settings).map(([setting, value]) => `  --set '${setting}=${JSON.stringify(value)}'`);
  return [`npm run prepare -- ${name} --data '${data.name}'`, ...changes].join(' \\\n');
}

function isOfCollages(card: DatasetFacts['card']): card is DatasetCard {
  return 'coOccurrence' in card;
}
