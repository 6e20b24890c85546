import { Command } from 'commander';
import { registerBench } from './commands/bench';
import { registerData } from './commands/data';
import { registerExperiments } from './commands/experiments';
import { registerLabels } from './commands/labels';
import { registerModels } from './commands/models';
import { registerNotebooks } from './commands/notebooks';
import { registerPrediction } from './commands/prediction';
import { registerServer } from './commands/server';
import { interruptedCode } from './commands/shared';
import { registerStart } from './commands/start';
import { registerStores } from './commands/stores';
import { registerTraining } from './commands/training';
import { VisionbookError } from './errors';

/** What registers the commands, family by family, as `--help` lists them. */
const inOrderOfHelp = [
  registerStart,
  registerData,
  registerTraining,
  registerPrediction,
  registerBench,
  registerModels,
  registerLabels,
  registerStores,
  registerExperiments,
  registerServer,
  registerNotebooks,
];

/**
 * Runs one command line; every command calls the functions that the notebooks call.
 *
 * @param argv as `process.argv`
 */
export async function main(argv: readonly string[]): Promise<void> {
  process.stdout.on('error', endWithReader);
  const program = buildProgram();
  try {
    await program.parseAsync([...argv]);
  } catch (error) {
    if ((error as Error).name === 'AbortError') {
      console.error('stopped before anything was learnt: no model was saved, and the current one stays');
      process.exitCode = interruptedCode;
      return;
    }
    if (!(error instanceof VisionbookError)) throw error;
    console.error(`${error.message} (${error.code})`);
    process.exitCode = error.code === 'BENCH_STOPPED' ? interruptedCode : 1;
  }
}

/** Whoever reads the output may stop early, as `head` does: nothing is then left to do. */
function endWithReader(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
}

function buildProgram(): Command {
  const program = new Command('visionbook').description('A workspace for image-classification experiments.').showHelpAfterError();
  // An option after a command is that command's, as in `bench serve --quick`, and not of the one before it.
  program.enablePositionalOptions();
  for (const register of inOrderOfHelp) register(program);
  return program;
}
