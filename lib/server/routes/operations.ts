import type { FastifyInstance } from 'fastify';
import plugin from 'fastify-plugin';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { ServerContext } from '../context';
import { withoutFolders } from '../errorHandler';
import { healthSchema } from './schemas';

export interface OperationsOptions {
  readonly context: ServerContext;
  readonly version: string;
}

/** `/health` for people and load balancers, `/metrics` for Prometheus. */
export const operations = plugin(async (app: FastifyInstance, { context, version }: OperationsOptions) => {
  const { tasks, database, workspace } = context;
  const startedAt = performance.now();
  const registry = metricsRegistry(app, context);

  app
    .withTypeProvider<ZodTypeProvider>()
    .get(
      '/health',
      { logLevel: 'warn', schema: { tags: ['operations'], summary: 'How the service is', response: { 200: healthSchema } } },
      async () => {
        const models = Object.fromEntries(
          tasks.map(({ task, inference }) => {
            const { run, trial, queued, problem } = inference.state();
            return [
              task.name,
              {
                run: run ?? null,
                queued,
                ...(trial && { trial: trial.run }),
                ...(problem && { problem: withoutFolders(workspace, problem) }),
              },
            ];
          }),
        );
        const { reason, ...state } = database.health();
        const all = Object.values(models);
        // A task that nobody has trained is no fault; one whose model cannot be used is, and so is a server without any.
        const isWell =
          state.reachable && all.some(({ run }) => run !== null) && all.every(({ run, problem }) => run === null || problem === undefined);
        return {
          status: isWell ? ('ok' as const) : ('degraded' as const),
          version,
          uptime: (performance.now() - startedAt) / 1000,
          models,
          database: { kind: database.kind, ...state, ...(reason && { reason: withoutFolders(workspace, reason) }) },
          memoryMb: process.memoryUsage.rss() / 1e6,
        };
      },
    );

  app.get('/metrics', { logLevel: 'warn', schema: { hide: true } }, async (_, reply) => {
    return reply.type(registry.contentType).send(await registry.metrics());
  });
});

function metricsRegistry(app: FastifyInstance, { tasks, database }: ServerContext): Registry {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const seconds = new Histogram({
    name: 'visionbook_http_request_seconds',
    help: 'Time from a request to the end of its answer',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  });
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'none';
    seconds.observe({ method: request.method, route, status: reply.statusCode }, reply.elapsedTime / 1000);
  });
  new Gauge({
    name: 'visionbook_predictions_queued',
    help: 'Pictures that wait for the model',
    labelNames: ['task'],
    registers,
    collect() {
      for (const { task, inference } of tasks) this.set({ task: task.name }, inference.state().queued);
    },
  });
  new Gauge({
    name: 'visionbook_model_loaded',
    help: '1 for the run whose model answers',
    labelNames: ['task', 'run'],
    registers,
    collect() {
      this.reset();
      for (const { task, inference } of tasks) {
        const { run } = inference.state();
        if (run) this.set({ task: task.name, run }, 1);
      }
    },
  });
  new Gauge({
    name: 'visionbook_database_reachable',
    help: '1 while the database answers',
    registers,
    collect() {
      this.set(database.health().reachable ? 1 : 0);
    },
  });
  new Gauge({
    name: 'visionbook_database_buffered_rows',
    help: 'Rows that wait to be written',
    registers,
    collect() {
      this.set(database.health().buffered);
    },
  });
  return registry;
}
