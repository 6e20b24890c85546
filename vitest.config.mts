import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    globalSetup: ['tests/pipeline.setup.ts'],
    // TensorFlow's native binding wants a process of its own; more of them than this only wait for each other's cores.
    pool: 'forks',
    maxWorkers: 2,
    env: { VISIONBOOK_OFFLINE: '1', MLFLOW_TRACKING_URI: '' }, // a test downloads and sends nothing, unless it is about that
    testTimeout: 60_000,
    hookTimeout: 180_000,
  },
});
