import { type ContestBar, type ContestPanel, contestBars, type Figure } from '../report';
import type { Workspace } from '../workspace';
import { verdict, writeFigure } from './figure';
import { display } from './measures';
import { clientsText, findLoad, type LoadSummary, manyClients, type ServeRecord, serveTargets } from './serveRecord';

/** Draws a record's figure beside it, and to other files. @throws FIGURE_NOT_DRAWN, the file system's errors */
export async function writeServeFigure(workspace: Workspace, record: ServeRecord, others: readonly string[] = []): Promise<void> {
  await writeFigure(serveFigure(record), [workspace.bench(record.startedAt, 'png', 'serve'), ...others]);
}

/** How long answers take by the number of clients, alone and while a retraining runs, and how much memory that takes. */
export function serveFigure(record: ServeRecord): Figure {
  const { threads, hardware, model, pictures, quick } = record;
  const what = `JPEGs of ${pictures.width}×${pictures.height}`;
  return contestBars([latencyPanel(record), memoryPanel(record)], {
    title: `What the server can take${quick ? ' (quick bench)' : ''}`,
    subtitle: `${model.backbone}, ${what}, ${threads} threads for server and clients (${hardware.cpu}). Dark lines: targets.`,
  });
}

function latencyPanel(record: ServeRecord): ContestPanel {
  return {
    title: 'From sending a picture to its answer',
    quantity: 'Milliseconds, 95th percentile',
    bars: record.loads.flatMap((load) => (load.p95_ms === null ? [] : latencyBar(record, load, load.p95_ms))),
  };
}

function latencyBar(record: ServeRecord, { clients, retraining, per_second }: LoadSummary, p95: number): ContestBar {
  const name = retraining ? `${clientsText(clients)}, retraining` : clientsText(clients);
  const bar: ContestBar = { name, value: p95, label: `${display(p95)} ms, ${display(per_second)} predictions/s`, isOurs: true };
  const { p95Ms, slowdown } = serveTargets;
  if (!retraining)
    return clients === manyClients ? { ...bar, target: p95Ms.limit, verdict: verdict('95 of 100 answers', p95, p95Ms) } : bar;
  const alone = findLoad(record, clients, false)?.p95_ms;
  if (!alone) return bar;
  const times = p95 / alone;
  return { ...bar, target: alone * slowdown.limit, verdict: verdict(`${display(times)} × without retraining`, times, slowdown) };
}

function memoryPanel({ rss_mb: { server, database, retraining } }: ServeRecord): ContestPanel {
  const { serverMb } = serveTargets;
  const aim = server === null ? {} : { target: serverMb.limit, verdict: verdict('at the most', server, serverMb) };
  const bar = (name: string, value: number | null, rest: Partial<ContestBar> = {}): ContestBar[] =>
    value === null ? [] : [{ name, value, label: `${display(value)} MB`, isOurs: true, ...rest }];
  return {
    title: 'Memory of the processes, at the most',
    quantity: 'MB',
    bars: [...bar('server', server, aim), ...bar('database', database), ...bar('retraining', retraining)],
  };
}
