/** Starts one job of the bench in this process (see `jobs.ts`): its name, then its request as JSON. */
require('../threadPool.cjs');
require('tsx/cjs');
const { VisionbookError } = require('../errors.ts');

const [, , name, request] = process.argv;
require('./jobs.ts')
  .runNamed(name, JSON.parse(request))
  .catch((error) => {
    // The bench shows the last lines of this: where in the code something that a user can mend was found would push the reason out.
    console.error(error instanceof VisionbookError ? `${error.message} (${error.code})` : error);
    process.exitCode = 1;
  });
