/** Draws galaxies in a thread of its own (see `threads.ts`): a job comes in, its pixels go out. */
require('tsx/cjs');
const { parentPort } = require('node:worker_threads');
const { drawJob } = require('./threads.ts');

parentPort.on('message', (job) => {
  const pixels = drawJob(job);
  parentPort.postMessage(pixels, [pixels.buffer]);
});
