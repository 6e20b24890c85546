/** A server that does nothing but record predictions into a folder's database, a number of them first and then one now and then. */
require('tsx/cjs');
const { openDatabase } = require('../lib/server/database');
const { openWorkspace } = require('../lib/workspace');

const [, , count] = process.argv;
const log = { info() {}, warn() {}, error: (details, message) => console.error(message, details) };

async function serve() {
  const database = await openDatabase({ workspace: openWorkspace(), log });
  const record = (number) =>
    database.record({
      id: null,
      task: 'food',
      filename: `${number}.jpg`,
      sha256: String(number),
      modelRun: 'run-1',
      probabilities: [1],
      classes: ['arroz'],
      decision: { kind: 'classes', classes: ['arroz'] },
      prediction: 'arroz',
      confidence: 1,
      milliseconds: 1,
      createdAt: new Date(number),
      uploadFile: null,
    });
  let number = 0;
  while (!database.health().reachable) await new Promise((resolve) => setTimeout(resolve, 50));
  while (number < Number(count)) record(++number);
  await database.flush();
  process.send({ written: number });
  setInterval(() => record(++number), 1);
  process.on('message', () => database.close().then(() => process.exit()));
}
serve().catch((error) => process.send({ code: error.code, message: error.message }));
