import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { renewModelCards } from '../../cards';
import { listVersions } from '../../corrections';
import { announceModel } from '../../mlflow';
import { endTrial, promote, readServed, rollback, startTrial } from '../../models';
import type { Task } from '../../tasks';
import type { ServedTask, ServerContext } from '../context';
import { modelsPage } from '../pages';
import { backPath, preferencesOf } from '../preferences';
import { adminsOnly } from '../security';
import { translator } from '../translations';
import { type AssetAddresses, type FlashKey, leaveFlash, pageContext, sendPage, taskView } from './page';
import { findServed } from './predictApi';

const querySchema = z.object({ task: z.string().default('food'), a: z.string().optional(), b: z.string().optional() });
const formSchema = z.object({ task: z.string().default('food'), back: z.string().optional() });
const rollbackSchema = formSchema.extend({ to: z.string().optional() });
const promoteSchema = formSchema.extend({ run: z.string() });
const trialSchema = z.union([
  formSchema.extend({ end: z.literal('1') }),
  formSchema.extend({ run: z.string(), share: z.coerce.number().gt(0).lt(1) }),
]);

/** Versions of a model: what each was trained on and reaches, which one answers, and the way back to an earlier one. */
export async function models(app: FastifyInstance, { context, assets }: { context: ServerContext; assets: AssetAddresses }): Promise<void> {
  const { workspace, database, config } = context;

  app.get('/models', { schema: { hide: true } }, async (request, reply) => {
    const { task: name, a, b } = querySchema.parse(request.query);
    const served = findServed(context, name);
    const [versions, current] = await Promise.all([listVersions(workspace, served.task), readServed(workspace, name)]);
    const compared = [a, b].flatMap((run) => versions.find((version) => version.run === run) ?? []);
    const { run, trial, history = [] } = current ?? {};
    // While the database is away, the page shows the rest.
    const agreement =
      trial && run ? await database.predictions.agreement({ task: name, run, other: trial.run }).catch(() => undefined) : undefined;
    const view = {
      task: taskView(served),
      versions,
      ...(compared.length === 2 && { compare: [compared[0]!, compared[1]!] as const }),
      ...(trial && { trial }),
      ...(agreement && { agreement }),
      events: [...history].reverse(),
    };
    return sendPage(reply, modelsPage(pageContext(context, assets, request, reply), view));
  });

  /** A form that changes which model answers, and what it says when it has. */
  function change<Form extends z.infer<typeof formSchema>>(
    path: string,
    schema: z.ZodType<Form>,
    what: (form: Form) => FlashKey,
    work: (form: Form, served: ServedTask) => Promise<unknown>,
  ): void {
    app.post(path, { onRequest: adminsOnly(config), schema: { hide: true } }, async (request, reply) => {
      const form = schema.parse(request.body);
      const served = findServed(context, form.task);
      await work(form, served);
      await served.inference.refresh();
      await mirrorVersions(context, served.task);
      announceModel(workspace, served.task.name);
      await renewModelCards(workspace, served.task);
      leaveFlash(reply, { kind: 'ok', text: translator(preferencesOf(request).language)(what(form)) });
      return reply.redirect(backPath(form.back ?? '/models'), 303);
    });
  }
  const byHand = 'by hand, on the page of the models';
  change(
    '/models/rollback',
    rollbackSchema,
    () => 'flash.rolledBack',
    ({ to }, { task }) => rollback(workspace, task.name, { reason: byHand, ...(to && { to }) }),
  );
  change(
    '/models/promote',
    promoteSchema,
    () => 'flash.promoted',
    ({ run }, { task }) => promote(workspace, task.name, run, byHand),
  );
  change(
    '/models/trial',
    trialSchema,
    (form) => ('end' in form ? 'flash.trialEnded' : 'flash.trialStarted'),
    (form, { task }) => ('end' in form ? endTrial(workspace, task.name) : startTrial(workspace, task.name, form.run, form.share)),
  );
}

/** Writes the versions to the database, for audits: what the files say is what counts. */
export async function mirrorVersions({ workspace, database }: Pick<ServerContext, 'workspace' | 'database'>, task: Task): Promise<void> {
  database.versions.mirror(task.name, await listVersions(workspace, task));
}
