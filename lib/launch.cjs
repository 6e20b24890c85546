/** Starts the command line: what is missing of the set-up first, then `lib/cli.ts` through tsx. */
require('./threadPool.cjs');

async function launch() {
  const { setUp } = await import('./setup.mjs');
  await setUp({ again: process.argv[2] === 'doctor' });
  require('tsx/cjs');
  await require('./cli.ts').main(process.argv);
}

launch().catch((error) => {
  console.error(error.describe?.() ?? error);
  process.exitCode = 1;
});
