import type { SplitPredictions } from './predictions';

/** What several models say of the same pictures, in the same order. */
export interface CommonPictures {
  /** In the order of the models. */
  readonly predictions: readonly SplitPredictions[];
  /** How many pictures all models were put to, but with other labels: they are left out. */
  readonly relabelled: number;
}

/**
 * Keeps the pictures that all models were put to, by content; one that stands in a split twice is matched twice. Their order and their photographs are those
 * of the first.
 *
 * @param all of the same classes, at least one
 */
export function commonPictures(all: readonly SplitPredictions[]): CommonPictures {
  const rowsOf = all.map(({ sha256 }) => new Map(nameEach(sha256).map((picture, row) => [picture, row])));
  const shared = [...rowsOf[0]!.keys()].filter((picture) => rowsOf.every((rows) => rows.has(picture)));
  const labelsOf = (picture: string, model: number): string => cellsOf(all[model]!, 'labels', rowsOf[model]!.get(picture)!).join();
  const kept = shared.filter((picture) => all.every((_, model) => labelsOf(picture, model) === labelsOf(picture, 0)));
  const predictions = all.map((model, index) => {
    const rows = kept.map((picture) => rowsOf[index]!.get(picture)!);
    return selectRows(model, rows);
  });
  const { sources } = predictions[0]!;
  return { predictions: predictions.map((model) => ({ ...model, sources })), relabelled: shared.length - kept.length };
}

/** A name for each picture: its content, and how many of the same stand before it. */
function nameEach(sha256: readonly string[]): string[] {
  const seen = new Map<string, number>();
  return sha256.map((content) => {
    const before = seen.get(content) ?? 0;
    seen.set(content, before + 1);
    return `${content} ${before}`;
  });
}

function selectRows(predictions: SplitPredictions, rows: readonly number[]): SplitPredictions {
  const select = <Item>(items: readonly Item[]): Item[] => rows.map((row) => items[row]!);
  return {
    classes: predictions.classes,
    count: rows.length,
    labels: Uint8Array.from(rows.flatMap((row) => [...cellsOf(predictions, 'labels', row)])),
    probabilities: Float32Array.from(rows.flatMap((row) => [...cellsOf(predictions, 'probabilities', row)])),
    pictures: select(predictions.pictures),
    sha256: select(predictions.sha256),
    sources: select(predictions.sources),
  };
}

function cellsOf(predictions: SplitPredictions, of: 'labels' | 'probabilities', row: number): Uint8Array | Float32Array {
  const { length } = predictions.classes;
  return predictions[of].subarray(row * length, (row + 1) * length);
}
