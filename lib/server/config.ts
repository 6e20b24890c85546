import { z } from 'zod';
import { BadServerSettings } from './errors';

const megabyte = 1e6;

/** Whole numbers as environment variables and options give them. */
const whole = (minimum: number, maximum = Number.MAX_SAFE_INTEGER) => z.coerce.number().int().min(minimum).max(maximum);
const list = z.string().transform((text) => text.split(',').flatMap((item) => item.trim() || []));

const environmentSchema = z.object({
  PORT: whole(0, 65535).default(5000),
  HOST: z.string().min(1).default('127.0.0.1'),
  /** Without it the database is a folder of this workspace. */
  DATABASE_URL: z.string().min(1).optional(),
  /** Opens what only an administrator may do; without it that is open on this computer alone. */
  ADMIN_TOKEN: z.string().min(8, 'make it 8 characters or more').optional(),
  /** Origins of other sites whose pages may call the API, separated by commas. */
  CORS_ORIGINS: list.default([]),
  /** Behind a reverse proxy: its addresses, or `true` for any. */
  TRUST_PROXY: z
    .string()
    .transform((text) => (text === 'true' ? true : text === 'false' ? false : text))
    .default(false),
  /** Uploads an address may send in a minute; 0 for any number. The default is 0 on this computer alone, else 600. */
  UPLOADS_PER_MINUTE: whole(0).optional(),
  UPLOAD_HOURS: z.coerce.number().positive().default(24),
  NODE_ENV: z.string().default('development'),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
});

/** How the server runs; every number has its reason beside it. */
export interface ServerConfig {
  readonly port: number;
  readonly host: string;
  readonly databaseUrl: string | undefined;
  readonly adminToken: string | undefined;
  /** Only programs on this computer reach the server. */
  readonly isLocal: boolean;
  readonly isDevelopment: boolean;
  readonly corsOrigins: readonly string[];
  readonly trustProxy: boolean | string;
  readonly uploadsPerMinute: number;
  readonly uploadHours: number;
  readonly logLevel: z.infer<typeof environmentSchema>['LOG_LEVEL'];
  readonly limits: {
    /** Of one picture. */
    readonly pictureBytes: number;
    readonly picturesPerRequest: number;
    /** Of one picture: a telephone's has 12 to 50 million, but 40 million pixels decode within a second and 120 MB. */
    readonly pixels: number;
    /** Bodies of uploads that are being read, of all requests together. */
    readonly bytesInFlight: number;
    readonly uploadsInFlight: number;
  };
}

const loopback = new Set(['127.0.0.1', '::1', 'localhost']);

/**
 * The server's settings, from the environment.
 *
 * @param overrides what the command line says
 * @throws BAD_SERVER_SETTINGS, which names each variable that cannot be used
 */
export function serverConfig(
  env: Readonly<Record<string, string | undefined>> = process.env,
  overrides: { readonly port?: number; readonly host?: string } = {},
): ServerConfig {
  // An empty variable is one that somebody cleared.
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const parsed = environmentSchema.safeParse(given);
  if (!parsed.success) throw BadServerSettings(parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`));
  const { data } = parsed;
  const host = overrides.host ?? data.HOST;
  const isLocal = loopback.has(host);
  return {
    port: overrides.port ?? data.PORT,
    host,
    databaseUrl: data.DATABASE_URL,
    adminToken: data.ADMIN_TOKEN,
    isLocal,
    isDevelopment: data.NODE_ENV !== 'production',
    corsOrigins: data.CORS_ORIGINS,
    trustProxy: data.TRUST_PROXY,
    uploadsPerMinute: data.UPLOADS_PER_MINUTE ?? (isLocal ? 0 : 600),
    uploadHours: data.UPLOAD_HOURS,
    logLevel: data.LOG_LEVEL,
    limits: {
      pictureBytes: 12 * megabyte,
      picturesPerRequest: 32,
      pixels: 40e6,
      bytesInFlight: 96 * megabyte,
      uploadsInFlight: 64,
    },
  };
}
