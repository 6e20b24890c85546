import { Argument, type Command, InvalidArgumentError } from 'commander';
import { openWorkspace } from '../workspace';
import { load, withProgress } from './shared';

/** Registers what is kept for all tasks: `weights` and `cache`. */
export function registerStores(program: Command): void {
  const weights = program.command('weights').description("the backbones' weights: what there is");
  weights.action(showWeights);
  weights
    .command('fetch')
    .description('download the official Keras weights')
    .addArgument(new Argument('[backbone]', 'one instead of all').choices(['mobilenet_v2', 'efficientnet_b0']))
    .action(fetchWeights);
  const cache = program.command('cache').description('the activation store: what the frozen layers give, kept between runs');
  cache.command('ls').description('what is in it, and its limit').action(listCache);
  cache
    .command('clear')
    .description('empty it; what is missing is computed again')
    .option('--older-than <time>', 'only what was not used for so long, such as 12h or 30d', duration, 0)
    .action(clearCache);
}

async function showWeights(): Promise<void> {
  const { listWeights } = load('models');
  for (const { backbone, kind, found, sha256 } of await listWeights(openWorkspace(), process.env.VISIONBOOK_WEIGHTS)) {
    console.log(`${backbone.padEnd(18)} ${kind.padEnd(12)} ${found}${sha256 ? `\n${' '.repeat(32)}sha256 ${sha256}` : ''}`);
  }
}

async function fetchWeights(backbone?: string): Promise<void> {
  const workspace = openWorkspace();
  const { downloadWeights, weightsToFetch } = load('models');
  await withProgress(async (onProgress) => {
    for (const official of weightsToFetch(backbone)) {
      const { file } = await downloadWeights(official, { folder: workspace.weights, onProgress });
      console.log(file);
    }
  });
}

async function listCache(): Promise<void> {
  const { activations } = openWorkspace();
  const { listStore, storeLimit } = load('training');
  const entries = await listStore(activations);
  for (const { name, bytes, lastUsed } of entries) console.log(`${mebibytes(bytes)}  last used ${lastUsed.toISOString()}  ${name}`);
  const total = entries.reduce((sum, { bytes }) => sum + bytes, 0);
  console.log(`${mebibytes(total)}  of ${mebibytes(storeLimit()).trim()} (VISIONBOOK_CACHE_GIB) in ${activations}`);
}

async function clearCache({ olderThan }: { olderThan: number }): Promise<void> {
  const { activations } = openWorkspace();
  const { clearStore } = load('training');
  console.log(`${mebibytes(await clearStore(activations, { olderThan })).trim()} freed in ${activations}`);
}

/** `90m`, `12h` or `30d` in milliseconds. */
function duration(text: string): number {
  const [, count, unit] = /^(\d+)([mhd])$/.exec(text) ?? [];
  if (!count) throw new InvalidArgumentError('write a number with m, h or d, such as 12h.');
  return Number(count) * { m: 60e3, h: 3600e3, d: 86400e3 }[unit as 'm' | 'h' | 'd'];
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1).padStart(8)} MiB`;
}
