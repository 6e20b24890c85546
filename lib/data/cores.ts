import pLimit from 'p-limit';
import { threadCount } from '../threads';

/**
 * Applies `work` to every item, a few at a time, and returns the results in the items' order. After the first failure no further item is
 * begun; those under way are waited for, so that nothing still writes when the error arrives.
 *
 * @param atOnce items under way; by default two a thread, so that one is read from disk while another is decoded
 */
export async function mapOnCores<Item, Result>(
  items: readonly Item[],
  work: (item: Item, index: number) => Promise<Result>,
  atOnce = 2 * threadCount(),
): Promise<Result[]> {
  const limit = pLimit(atOnce);
  const results: Result[] = new Array(items.length);
  let failure: { error: unknown } | undefined;
  const step = async (item: Item, index: number): Promise<void> => {
    if (failure) return;
    try {
      results[index] = await work(item, index);
    } catch (error) {
      failure ??= { error };
    }
  };
  await Promise.all(items.map((item, index) => limit(step, item, index)));
  if (failure) throw failure.error;
  return results;
}
