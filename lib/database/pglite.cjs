/** Starts the process that has the PGlite database open (see `pgliteServer.ts`): its folder is the argument. */
require('tsx/cjs');
require('./pgliteServer.ts').servePglite(process.argv[2]);
