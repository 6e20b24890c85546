import { defineConfig } from 'drizzle-kit';

/** `npx drizzle-kit generate --config lib/server/database/drizzle.config.ts` writes the migration to the schema as it stands now. */
export default defineConfig({
  dialect: 'postgresql',
  schema: './lib/server/database/schema.ts',
  out: './lib/server/database/migrations',
});
