import type { Command } from 'commander';
import { openWorkspace } from '../workspace';
import { prepare } from './data';
import { report } from './experiments';
import { predict } from './prediction';
import { load } from './shared';
import { train } from './training';

/** Registers `start`. */
export function registerStart(program: Command): void {
  program.command('start').description('run the food notebooks and write the report').action(start);
}

async function start(): Promise<void> {
  const workspace = openWorkspace();
  const { executeNotebooks, hasJupyter, notebooksOf } = load('notebooks');
  const withNotebooks = hasJupyter(workspace);
  if (withNotebooks) {
    console.log('running the notebooks of the food task, and the report');
    // Of one task, which takes minutes; galaxies take some ten minutes more.
    const names = [...notebooksOf('food'), 'report.ipynb'];
    await executeNotebooks({ workspace, names, target: workspace.executedNotebooks, onLine: console.log });
  } else {
    console.log('there is no Jupyter, so commands do the work of the notebooks: prepare, train, predict, report');
    await prepare('food', { data: process.env.VISIONBOOK_DATA ?? 'auto', set: {} });
    await train('food', { set: {} });
    await predict('food', [`${workspace.datasetImages}/test_000000?.jpg`], {});
    await report();
  }
  console.log(`
The report is ${workspace.reportHtml}
${withNotebooks ? `The notebooks with their outputs are in ${workspace.executedNotebooks}` : 'npm run doctor says how to get the notebooks'}

What to try next:
${withNotebooks ? '  npm run lab                            the notebooks in JupyterLab\n' : ''}  npm run predict -- food PICTURE.jpg    what the model says of your picture
  npm run doctor                         what was found, and how to get the rest`);
}
