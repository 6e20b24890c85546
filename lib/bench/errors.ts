import { defineError } from '../errors';

export const BenchFailed = defineError('BENCH_FAILED', 500, (what: string, how: string, said: string) => {
  return `the bench stopped because "${what}" ${how}; nothing was recorded${said === '' ? '' : `. It last said:\n${said}`}`;
});
export const BenchStopped = defineError('BENCH_STOPPED', 499, () => 'stopped: nothing was recorded');
