import { bigint, bigserial, doublePrecision, index, jsonb, pgSchema, primaryKey, text, timestamp, uuid } from 'drizzle-orm/pg-core';
import type { Decision } from '../../prediction';

/** Everything stands in a schema of its own: a database that others use too keeps its tables when this one is made anew. */
export const schemaName = 'visionbook';

export const visionbook = pgSchema(schemaName);

/** Milliseconds are what a Date holds: a time reads back as it was written, so that a cursor finds its row. */
const time = (name: string) => timestamp(name, { withTimezone: true, precision: 3, mode: 'date' });

/** What a second version said of the same picture. */
export interface OtherOpinion {
  readonly run: string;
  readonly probabilities: readonly number[];
  /** Whether both came to the same decision. */
  readonly agrees: boolean;
}

/** The audit log: a row for each answer. */
export const predictions = visionbook.table(
  'predictions',
  {
    id: bigserial('id', { mode: 'number' }).primaryKey(),
    task: text('task').notNull(),
    filename: text('filename').notNull(),
    sha256: text('sha256').notNull(),
    modelRun: text('model_run').notNull(),
    probabilities: jsonb('probabilities').$type<readonly number[]>().notNull(),
    classes: jsonb('classes').$type<readonly string[]>().notNull(),
    decision: jsonb('decision').$type<Decision>().notNull(),
    prediction: text('prediction').notNull(),
    confidence: doublePrecision('confidence').notNull(),
    milliseconds: doublePrecision('milliseconds').notNull(),
    createdAt: time('created_at').notNull(),
    uploadFile: text('upload_file'),
    other: jsonb('other').$type<OtherOpinion>(),
  },
  (table) => [
    // Lists read these backwards.
    index('predictions_by_task').on(table.task, table.createdAt, table.id),
    index('predictions_by_time').on(table.createdAt, table.id),
    index('predictions_by_picture').on(table.sha256, table.createdAt, table.id),
    index('predictions_by_model').on(table.task, table.modelRun),
  ],
);

/** What became of corrections; `corrections/` has those that count. */
export const corrections = visionbook.table(
  'corrections',
  {
    id: bigserial('id', { mode: 'number' }).primaryKey(),
    /** Given before it is written: writing once more after a broken connection adds nothing. */
    key: uuid('key').notNull().unique(),
    task: text('task').notNull(),
    sha256: text('sha256').notNull(),
    labels: jsonb('labels').$type<readonly number[]>(),
    action: text('action').$type<'added' | 'replaced' | 'undone'>().notNull(),
    predictionId: bigint('prediction_id', { mode: 'number' }),
    createdAt: time('created_at').notNull(),
  },
  (table) => [index('corrections_by_picture').on(table.task, table.sha256, table.createdAt, table.id)],
);

/** Model versions as `outputs/` had them last. */
export const versions = visionbook.table(
  'versions',
  {
    task: text('task').notNull(),
    run: text('run').notNull(),
    state: text('state').notNull(),
    reason: text('reason'),
    createdAt: time('created_at').notNull(),
    mirroredAt: time('mirrored_at').notNull(),
    details: jsonb('details').notNull(),
  },
  (table) => [primaryKey({ columns: [table.task, table.run] })],
);
