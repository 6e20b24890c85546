import { and, count, desc, eq, gte, ilike, isNotNull, isNull, lt, lte, max, not, or, type SQL, sql } from 'drizzle-orm';
import type { NodePgDatabase } from 'drizzle-orm/node-postgres';
import { BadCursor } from './errors';
import type { PredictionFilter, PredictionPage, StoredPrediction } from './records';
import { corrections, predictions } from './schema';

/** Runs a query when everything recorded before it is written. */
export type Read = <Result>(query: (database: NodePgDatabase) => Promise<Result>) => Promise<Result>;

/** The stored predictions. Each of these throws DATABASE_AWAY while the database cannot be reached. */
export interface Predictions {
  /** The latest first. @throws BAD_CURSOR */
  list(filter: PredictionFilter): Promise<PredictionPage>;
  get(id: number): Promise<StoredPrediction | undefined>;
  /** The latest prediction of a picture, by its content. */
  latestOf(sha256: string, task?: string): Promise<StoredPrediction | undefined>;
  /**
   * Pictures to be labelled first: each picture once, by its latest prediction, without those that were corrected or not kept; those of which the
   * model is least sure come first. Uploads are kept for a time only: `from` leaves out those from before it.
   */
  leastSure(options: { readonly task: string; readonly limit: number; readonly from?: Date }): Promise<StoredPrediction[]>;
  /** How often two versions said the same of one picture, whichever of them answered. */
  agreement(options: {
    readonly task: string;
    readonly run: string;
    readonly other: string;
  }): Promise<{ compared: number; agreed: number }>;
  /** The runs that answered, the one that did so last first, and how often each did. */
  countByModel(task: string): Promise<{ run: string; predictions: number }[]>;
  /** The same runs. */
  models(task: string): Promise<string[]>;
  /** Deletes predictions: all, those of a task, those before a time. @returns how many */
  remove(which: { readonly task?: string; readonly before?: Date }): Promise<number>;
}

const mostOnPage = 200;
const largestId = Number.MAX_SAFE_INTEGER;

export function openPredictions(read: Read): Predictions {
  async function countByModel(task: string): Promise<{ run: string; predictions: number }[]> {
    return read((database) =>
      database
        .select({ run: predictions.modelRun, predictions: count() })
        .from(predictions)
        .where(eq(predictions.task, task))
        .groupBy(predictions.modelRun)
        .orderBy(desc(max(predictions.createdAt))),
    );
  }

  return {
    async list(filter) {
      const matches = conditionOf(filter);
      const after = filter.cursor === undefined ? undefined : isAfter(filter.cursor);
      const limit = Math.min(filter.limit, mostOnPage);
      // One more than asked for tells whether there is another page.
      const [rows, total] = await read((database) =>
        Promise.all([
          select(database)
            .where(and(matches, after))
            .orderBy(desc(predictions.createdAt), desc(predictions.id))
            .limit(limit + 1),
          database.$count(predictions, matches),
        ]),
      );
      const page = rows.slice(0, limit);
      return { predictions: page.map(toStored), next: rows.length > limit ? cursorAt(page.at(-1)!.row) : null, total };
    },
    async get(id) {
      if (!Number.isInteger(id) || Math.abs(id) > largestId) return undefined;
      const rows = await read(async (database) => select(database).where(eq(predictions.id, id)));
      return rows.map(toStored)[0];
    },
    async latestOf(sha256, task) {
      const matches = and(eq(predictions.sha256, sha256), task === undefined ? undefined : eq(predictions.task, task));
      const rows = await read(async (database) =>
        select(database).where(matches).orderBy(desc(predictions.createdAt), desc(predictions.id)).limit(1),
      );
      return rows.map(toStored)[0];
    },
    async leastSure({ task, limit, from }) {
      const rows = await read(async (database) => {
        const latest = database
          .selectDistinctOn([predictions.sha256], { id: predictions.id })
          .from(predictions)
          .where(and(eq(predictions.task, task), from && gte(predictions.createdAt, from)))
          .orderBy(predictions.sha256, desc(predictions.createdAt), desc(predictions.id))
          .as('latest');
        const label = latestLabels(database);
        return database
          .select({ row: predictions, correctedLabels: label.labels })
          .from(predictions)
          .innerJoin(latest, eq(latest.id, predictions.id))
          .leftJoinLateral(label, sql`true`)
          .where(and(isNotNull(predictions.uploadFile), isNull(label.labels)))
          .orderBy(predictions.confidence, desc(predictions.id))
          .limit(limit);
      });
      return rows.map(toStored);
    },
    async agreement({ task, run, other }) {
      const otherRun = sql`${predictions.other} ->> 'run'`;
      const compared = or(
        and(eq(predictions.modelRun, run), sql`${otherRun} = ${other}`),
        and(eq(predictions.modelRun, other), sql`${otherRun} = ${run}`),
      );
      const agrees = sql`(${predictions.other} ->> 'agrees')::boolean`;
      const [counts] = await read(async (database) =>
        database
          .select({ compared: count(), agreed: sql`count(*) filter (where ${agrees})`.mapWith(Number) })
          .from(predictions)
          .where(and(eq(predictions.task, task), compared)),
      );
      return counts!;
    },
    countByModel,
    models: async (task) => (await countByModel(task)).map(({ run }) => run),
    async remove({ task, before }) {
      const matches = and(task === undefined ? undefined : eq(predictions.task, task), before && lt(predictions.createdAt, before));
      const { rowCount } = await read(async (database) => database.delete(predictions).where(matches));
      return rowCount ?? 0;
    },
  };
}

/** What the latest correction of a prediction's picture says; null when there is none, or it was taken back. */
function latestLabels(database: NodePgDatabase) {
  return database
    .select({ labels: corrections.labels })
    .from(corrections)
    .where(and(eq(corrections.task, predictions.task), eq(corrections.sha256, predictions.sha256)))
    .orderBy(desc(corrections.createdAt), desc(corrections.id))
    .limit(1)
    .as('latest_labels');
}

function select(database: NodePgDatabase) {
  const label = latestLabels(database);
  return database
    .select({ row: predictions, correctedLabels: label.labels })
    .from(predictions)
    .leftJoinLateral(label, sql`true`)
    .$dynamic();
}

type Row = typeof predictions.$inferSelect;

function toStored({ row, correctedLabels }: { row: Row; correctedLabels: readonly number[] | null }): StoredPrediction {
  const { other, ...rest } = row;
  return { ...rest, ...(other && { other }), correctedLabels };
}

function conditionOf(filter: PredictionFilter): SQL | undefined {
  const { task, prediction, decision, model, from, to, search, minConfidence, maxConfidence, uncertain } = filter;
  const isUncertain = isOfKind('uncertain');
  return and(
    task === undefined ? undefined : eq(predictions.task, task),
    prediction === undefined ? undefined : eq(predictions.prediction, prediction),
    decision === undefined ? undefined : decided(decision),
    model === undefined ? undefined : eq(predictions.modelRun, model),
    from && gte(predictions.createdAt, from),
    to && lt(predictions.createdAt, to),
    search === undefined ? undefined : ilike(predictions.filename, `%${escapePattern(storable(search))}%`),
    minConfidence === undefined ? undefined : gte(predictions.confidence, minConfidence),
    maxConfidence === undefined ? undefined : lte(predictions.confidence, maxConfidence),
    uncertain === undefined ? undefined : uncertain ? isUncertain : not(isUncertain),
  );
}

function decided(decision: string): SQL {
  if (decision === 'none' || decision === 'uncertain') return isOfKind(decision);
  return sql`${predictions.decision} @> ${JSON.stringify({ classes: [decision] })}::jsonb`;
}

function isOfKind(kind: 'none' | 'uncertain'): SQL {
  return sql`${predictions.decision} ->> 'kind' = ${kind}`;
}

function escapePattern(text: string): string {
  return text.replace(/[\\%_]/g, '\\$&');
}

/** PostgreSQL's texts have no zero characters. */
export function storable(text: string): string {
  return text.replaceAll('\0', '\uFFFD');
}

/** A place in the list: when, in milliseconds, and the number, which orders what came in the same one. */
function cursorAt({ createdAt, id }: Row): string {
  return `${createdAt.getTime()}.${id}`;
}

function isAfter(cursor: string): SQL {
  const [, milliseconds, id] = /^(\d{1,13})\.(\d{1,15})$/.exec(cursor) ?? [];
  if (milliseconds === undefined || id === undefined) throw BadCursor();
  const time = new Date(Number(milliseconds)).toISOString();
  return sql`(${predictions.createdAt}, ${predictions.id}) < (${time}::timestamptz, ${id}::bigint)`;
}
