/**
 * The size of Node's thread pool, on which sharp decodes and files are read. It counts only when it is set before the first file is read
 * asynchronously, as ES modules are: so this is CommonJS, and the first thing that the command line and the notebook kernel load.
 *
 * It is never less than 4, Node's default: some of the threads wait for the disk.
 */
const os = require('node:os');

const threads = Number(process.env.VISIONBOOK_THREADS) || os.availableParallelism();
process.env.UV_THREADPOOL_SIZE ??= String(Math.max(4, Math.ceil(threads)));
