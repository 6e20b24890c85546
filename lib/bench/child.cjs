/** Starts one job of the bench in this process: the file that has it (`jobs` or `serveJobs`), its name, then its request as JSON. */
require('../threadPool.cjs');
require('tsx/cjs');
const { VisionbookError } = require('../errors.ts');
const { runJobHere } = require('./jobChild.ts');

const [, , file, name, request] = process.argv;
runJobHere(require(`./${file}.ts`).jobs[name], JSON.parse(request)).catch((error) => {
  // The bench shows the last lines of this: where in the code something that a user can mend was found would push the reason out.
  console.error(error instanceof VisionbookError ? `${error.message} (${error.code})` : error);
  process.exitCode = 1;
});
