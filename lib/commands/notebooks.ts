import type { Command } from 'commander';
import { openWorkspace } from '../workspace';
import { load } from './shared';

/** Registers what is around the notebooks: `notebooks`, `lab` and `doctor`. */
export function registerNotebooks(program: Command): void {
  program
    .command('notebooks')
    .description('execute notebooks in place')
    .argument('[name...]', 'some of them, such as food/2-train.ipynb')
    .action(executeNotebooks);
  program.command('lab').description('open JupyterLab on the notebooks').allowUnknownOption().allowExcessArguments().action(lab);
  program.command('doctor').description('say what was found on this machine').action(doctor);
}

async function executeNotebooks(names: string[]): Promise<void> {
  const { executeNotebooks: execute } = load('notebooks');
  await execute({ workspace: openWorkspace(), ...(names.length > 0 && { names }), onLine: console.log });
}

async function lab(_options: object, command: Command): Promise<void> {
  const { openLab } = load('notebooks');
  process.exitCode = await openLab(openWorkspace(), command.args);
}

async function doctor(): Promise<void> {
  const { examine } = load('doctor');
  for (const { what, found, remedy } of await examine(openWorkspace())) {
    console.log(`${what.padEnd(22)} ${found}${remedy ? `\n${' '.repeat(22)} → ${remedy}` : ''}`);
  }
}
