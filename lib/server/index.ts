export { type AppParts, buildApp } from './app';
export { type ServerConfig, serverConfig } from './config';
export type { ServedTask, ServerContext } from './context';
export * from './errors';
export { type RunningServer, type ServeOptions, serve } from './serve';
