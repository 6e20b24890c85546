/** Starts one job of the bench in this process (see `jobs.ts`): its name, then its request as JSON. */
require('../threadPool.cjs');
require('tsx/cjs');

const [, , name, request] = process.argv;
require('./jobs.ts')
  .runNamed(name, JSON.parse(request))
  .catch((error) => {
    console.error(error);
    process.exitCode = 1;
  });
