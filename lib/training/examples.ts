import { drawViews, type LabelledPicture, labelMatrix } from '../data';
import { type Classifier, cutGraph, foldAffine, type Graph, graphOf, preprocessings, tensorShapes, trainableLayers } from '../models';
import type { OnProgress } from '../progress';
import type { Settings, Split, Stage } from '../tasks';
import type { Workspace } from '../workspace';
import { type Activations, openActivations, type StoredPicture } from './activations';
import { NoPictures } from './errors';
import type { ActivationExchange } from './exchange';
import type { Examples, TrainingExamples } from './trainer';

/** Pictures of each split; one that stands in `train` more than once counts more. */
export type PicturesBySplit = Readonly<Record<Split, readonly LabelledPicture[]>>;

/** What a stage learns from and is measured on: where the pictures are among activations, which are open. */
export interface OpenedExamples {
  readonly activations: Activations;
  readonly examples: PlacedExamples;
}

type PlacedExamples = Readonly<Record<Split, Examples>> & { readonly train: TrainingExamples };

/** What opening examples takes. */
interface ExamplesRequest {
  readonly workspace: Pick<Workspace, 'activations'>;
  readonly classifier: Classifier;
  readonly settings: Settings;
  readonly pictures: PicturesBySplit;
  /** The stage to open them for. */
  readonly stage: Stage;
  /** Stages whose activations are computed in the same pass over the pictures. */
  readonly prepareFor?: readonly Stage[];
  readonly exchange?: ActivationExchange;
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
}

/**
 * Opens the activations of a stage's pictures, computing what the store lacks. The caller closes them.
 *
 * @throws NO_PICTURES, UNREADABLE_PICTURE and what else `openActivations` throws
 */
export async function openExamples(request: ExamplesRequest): Promise<OpenedExamples> {
  const { workspace, classifier, settings, stage, prepareFor = [], exchange, onProgress, signal } = request;
  const { stored, examples } = placeExamples(request.pictures, settings);
  const tails = [...new Set([stage, ...prepareFor])].map((each) => tailOf(classifier, each));
  const activations = await openActivations({
    folder: workspace.activations,
    frozen: graphOf(classifier.model),
    tensors: [...new Set(tails.flatMap(({ inputs }) => inputs.map(({ name }) => name)))],
    preprocessing: preprocessings[classifier.design.backbone.name],
    pictures: stored,
    ...(exchange && { exchange }),
    ...(onProgress && { onProgress }),
    ...(signal && { signal }),
  });
  return { activations, examples };
}

/** The part of a classifier that a stage trains. */
export function tailOf(classifier: Classifier, stage: Stage): Graph {
  const graph = foldAffine(graphOf(classifier.model, trainableLayers(classifier, stage.trainableLayers)));
  return cutGraph(graph, tensorShapes(graph)).tail;
}

/** Every picture once, the views of the training pictures behind it, and where each split's pictures are among them. */
function placeExamples(
  pictures: PicturesBySplit,
  { augmentation, seed }: Settings,
): { readonly stored: readonly StoredPicture[]; readonly examples: PlacedExamples } {
  const stored: StoredPicture[] = [...new Set([...pictures.train, ...pictures.validation, ...pictures.test])];
  const rowOf = new Map(stored.map((picture, row) => [picture, row]));
  const examplesOf = (split: Split): Examples => {
    const members = pictures[split];
    if (members.length === 0) throw NoPictures(split);
    return { rows: members.map((picture) => rowOf.get(picture)!), labels: labelMatrix(members) };
  };
  const examples = { train: examplesOf('train'), validation: examplesOf('validation'), test: examplesOf('test') };
  if (!augmentation || augmentation.views === 1) return { stored, examples };
  const viewsOf = new Map(
    [...new Set(pictures.train)].map((picture) => {
      const views = drawViews(picture.sha256, augmentation, seed);
      const firstRow = stored.length;
      stored.push(...views.map((view) => ({ path: picture.path, sha256: picture.sha256, view })));
      return [picture, [rowOf.get(picture)!, ...views.map((_, index) => firstRow + index)]] as const;
    }),
  );
  return {
    stored,
    examples: { ...examples, train: { ...examples.train, views: pictures.train.map((picture) => viewsOf.get(picture)!) } },
  };
}
