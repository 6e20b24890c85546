import { z } from 'zod';
import { conditionsShape } from './conditions';
import { atLeast, atMost, display, type Measure } from './measures';
import { percentile, ratio } from './ratios';
import type { LoadResult } from './serveLoad';

const count = z.number().int();
const megabytes = z.number().nullable();
/** Null where nothing was answered. */
const milliseconds = z.number().nullable();

const loadSchema = z.object({
  clients: count,
  /** Whether a retraining ran meanwhile. */
  retraining: z.boolean(),
  seconds: z.number(),
  predictions: count,
  per_second: z.number(),
  p50_ms: milliseconds,
  p95_ms: milliseconds,
  p99_ms: milliseconds,
  /** What came instead of an answer, and how often. */
  errors: z.record(z.string(), count),
});

/** One load as it is recorded. */
export type LoadSummary = z.infer<typeof loadSchema>;

/**
 * What one bench of the server measured: `experiments/bench/<time>-serve.json`. Times are the clients', from sending a picture to the end of its answer; memory is
 * the most that a process held, in MB (10⁶ bytes).
 */
export const serveRecordSchema = z.object({
  schemaVersion: z.literal(1),
  kind: z.literal('serve'),
  ...conditionsShape,
  model: z.object({
    run: z.string(),
    backbone: z.string(),
    data: z.object({ name: z.string(), isSample: z.boolean() }),
    weights: z.object({ source: z.string(), sha256: z.string(), isStandIn: z.boolean() }),
  }),
  pictures: z.object({ width: count, height: count, count, bytes: z.number(), areMadeUp: z.boolean() }),
  /** As `ServeBenchConfig`. */
  config: z.record(z.string(), z.unknown()),
  /** From the start of its process to the first answer, with a new database. */
  start_ms: z.number(),
  loads: z.array(loadSchema),
  /** How retrainings that ended within a load ended. */
  retrainings: z.array(z.object({ verdict: z.string(), reason: z.string() })),
  rss_mb: z.object({ started: megabytes, server: megabytes, database: megabytes, retraining: megabytes }),
  notes: z.array(z.string()),
});

export type ServeRecord = z.infer<typeof serveRecordSchema>;

export function summariseLoad({ seconds, answered, latencies, errors }: LoadResult, clients: number, retraining: boolean): LoadSummary {
  const at = (share: number): number | null => (latencies.length === 0 ? null : percentile(latencies, share));
  return {
    clients,
    retraining,
    seconds,
    predictions: latencies.length,
    per_second: seconds > 0 ? answered / seconds : 0,
    p50_ms: at(0.5),
    p95_ms: at(0.95),
    p99_ms: at(0.99),
    errors,
  };
}

/** What is aimed at, on two cores that clients and server share. */
export const serveTargets = {
  perSecond: atLeast(60),
  p95Ms: atMost(250),
  errors: atMost(0),
  serverMb: atMost(350),
  /** Of the 95th percentile: while a retraining runs, over what it is without. */
  slowdown: atMost(2),
} as const;

/** The number of clients that the targets are for. */
export const manyClients = 8;

/** What was measured beside what is aimed at. */
export function serveMeasures(record: ServeRecord): Measure[] {
  const many = findLoad(record, manyClients, false);
  const errors = record.loads.reduce((sum, load) => sum + errorCount(load), 0);
  const slowdown = (clients: number): Measure => ({
    name: `p95 in a retraining: times as long, ${clientsText(clients)}`,
    value: ratio(findLoad(record, clients, true)?.p95_ms ?? null, findLoad(record, clients, false)?.p95_ms ?? null),
    unit: '×',
    target: serveTargets.slowdown,
  });
  return [
    { name: `predictions, ${clientsText(manyClients)}`, value: many?.per_second ?? null, unit: '/s', target: serveTargets.perSecond },
    { name: `p95, ${clientsText(manyClients)}`, value: many?.p95_ms ?? null, unit: 'ms', target: serveTargets.p95Ms },
    slowdown(1),
    slowdown(manyClients),
    { name: 'requests that were not answered', value: errors, unit: '', target: serveTargets.errors },
    { name: 'peak memory of the server', value: record.rss_mb.server, unit: 'MB', target: serveTargets.serverMb },
  ];
}

/** A line for each load. */
export function loadRows({ loads }: ServeRecord): Record<string, string>[] {
  const time = (value: number | null): string => (value === null ? '–' : `${display(value)} ms`);
  return loads.map((load) => ({
    clients: `${load.clients}${load.retraining ? ', in a retraining' : ''}`,
    'predictions/s': display(load.per_second),
    p50: time(load.p50_ms),
    p95: time(load.p95_ms),
    p99: time(load.p99_ms),
    predictions: String(load.predictions),
    errors:
      Object.entries(load.errors)
        .map(([what, times]) => `${times} × ${what}`)
        .join(', ') || '0',
  }));
}

export function findLoad({ loads }: ServeRecord, clients: number, retraining: boolean): LoadSummary | undefined {
  return loads.find((load) => load.clients === clients && load.retraining === retraining);
}

export function clientsText(clients: number): string {
  return clients === 1 ? '1 client' : `${clients} clients`;
}

function errorCount({ errors }: LoadSummary): number {
  return Object.values(errors).reduce((sum, times) => sum + times, 0);
}
