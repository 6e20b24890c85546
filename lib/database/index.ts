export * from './errors';
export { describeFailure, isRefusal } from './failures';
export { findHolder, waitUntilFree } from './holder';
export type { DatabaseLog } from './log';
export { hasDatabase, pgliteSource } from './pglite';
export { postgresSource, type Source } from './source';
