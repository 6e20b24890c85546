/**
 * Starts the tslab kernel for visionbook's notebooks.
 *
 * Jupyter starts a kernel in the notebook's folder, and tslab imports only TypeScript files below its working directory: so it
 * starts in the project's root, and a notebook imports "./lib/…" wherever it lies. tslab checks the types of what is imported,
 * but its own module loader knows neither folders with an index.ts nor circular imports: its compiled copies are dropped, and
 * tsx loads the files just as it does for the command line.
 */
require('./threadPool.cjs');
const path = require('node:path');
const ts = require('@tslab/typescript-for-tslab');
const converter = require('tslab/dist/converter');

const { createConverter } = converter;
converter.createConverter = (options) => {
  const tslab = createConverter(options);
  const convert = (declarations, source) => ({ ...tslab.convert(declarations, writeOutShorthand(source)), sideOutputs: undefined });
  return { ...tslab, convert };
};

/** `{ name }` as `{ name: name }`: tslab does not find a variable of an earlier cell where it is written short. */
function writeOutShorthand(source) {
  const insertions = [];
  const visit = (node) => {
    if (ts.isShorthandPropertyAssignment(node)) insertions.push({ at: node.name.getEnd(), text: `: ${node.name.text}` });
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('cell.ts', source, ts.ScriptTarget.ES2022));
  return insertions.reduceRight((text, { at, text: added }) => text.slice(0, at) + added + text.slice(at), source);
}

// Outputs are sent and not waited for. zeromq makes every 512th message wait, and the next one then meets a socket that is busy, an error that would
// end a long training for its progress bar; without a time to wait, each message goes out at once, as a publisher's always can.
const { Publisher } = require('zeromq');
const { send } = Publisher.prototype;
Object.defineProperty(Publisher.prototype, 'send', {
  value(message) {
    this.sendTimeout = 0;
    return send.call(this, message);
  },
});

require('tsx/cjs');
process.chdir(path.resolve(__dirname, '..'));
require('tslab/dist/main').startKernel({ configPath: process.argv[2], enableFindLocal: false });

// On an interrupt tslab fails the cell at once, while the cell's work goes on unseen. Work that can stop by itself and keep its best so far
// listens for SIGINT, as on the command line, and is left to do so.
const [failCell] = process.listeners('SIGINT');
process.off('SIGINT', failCell);
process.on('SIGINT', (signal) => {
  if (process.listenerCount('SIGINT') === 1) failCell(signal);
});
